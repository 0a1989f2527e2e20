//! Who speaks for long is read piece by piece: what was read up to a pause that turned out to be one within a sentence stands,
//! and only what follows is read, with those words as whisper's context. So the last reading is short, however long the
//! question was. On the thread `transcribe`.

use std::sync::atomic::AtomicBool;

use super::transcribe::{Stretch, TranscribeError, Transcriber, Transcript};
use crate::audio::EAR_RATE;

/// Up to here all is read again, in samples: whisper takes no less time for less.
const SHORT: usize = EAR_RATE as usize * 35 / 10;

/// A piece that is shorter than this, in samples, is no context worth having, and leaves as much to be read.
const LEAST: usize = EAR_RATE as usize * 3 / 2;

/// What was read of one utterance, up to a pause.
struct Reading {
    samples: usize,
    transcript: Transcript,
}

/// A transcriber that does not read twice what stands.
pub struct Continuing<T> {
    inner: T,
    /// The utterance that `readings` are of.
    utterance: u64,
    /// Shortest first.
    readings: Vec<Reading>,
}

impl<T: Transcriber> Continuing<T> {
    /// Around `inner`, which has read nothing.
    pub fn new(inner: T) -> Self {
        Self {
            inner,
            utterance: 0,
            readings: Vec::new(),
        }
    }

    /// What stands of the first `samples` samples of the utterance.
    fn before(&self, stretch: Stretch, samples: usize) -> Option<&Reading> {
        let most = stretch.stands.min(samples);
        self.readings
            .iter()
            .rev()
            .find(|reading| reading.samples <= most)
            .filter(|_| samples > SHORT)
    }
}

impl<T: Transcriber> Transcriber for Continuing<T> {
    fn transcribe(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        self.inner.transcribe(samples, abort)
    }

    fn glance(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        self.inner.glance(samples, abort)
    }

    fn transcribe_stretch(
        &mut self,
        stretch: Stretch,
        samples: &[f32],
        abort: &AtomicBool,
        first: &mut dyn FnMut(&Transcript),
    ) -> Result<Transcript, TranscribeError> {
        if stretch.utterance != self.utterance {
            self.utterance = stretch.utterance;
            self.readings.clear();
        }
        let before = self.before(stretch, samples.len());
        let before = before.map(|b| (b.samples, b.transcript.clone()));
        let transcript = match before {
            None => self
                .inner
                .transcribe_stretch(stretch, samples, abort, first)?,
            Some((from, before)) => {
                self.inner.follow(unmarked(&before.text));
                let mut told = |rest: &Transcript| first(&joined(&before, rest.clone()));
                let rest =
                    self.inner
                        .transcribe_stretch(stretch, &samples[from..], abort, &mut told);
                self.inner.follow("");
                joined(&before, rest?)
            }
        };
        let reached = self.readings.last().map_or(LEAST, |r| r.samples + LEAST);
        if stretch.pauses && samples.len() >= reached && !transcript.text.is_empty() {
            self.readings.push(Reading {
                samples: samples.len(),
                transcript: transcript.clone(),
            });
        }
        Ok(transcript)
    }

    fn expect(&mut self, words: &str) {
        self.inner.expect(words);
    }

    fn follow(&mut self, before: &str) {
        self.inner.follow(before);
    }
}

/// The words without the mark at their end: whisper sets one wherever the sound ends.
fn unmarked(text: &str) -> &str {
    text.trim_end_matches(|c: char| !c.is_alphanumeric())
}

/// What stood and what follows it. Who goes on in the middle of a sentence had not ended one.
fn joined(before: &Transcript, rest: Transcript) -> Transcript {
    if rest.text.is_empty() {
        return before.clone();
    }
    let goes_on = rest.text.chars().next().is_some_and(char::is_lowercase);
    let stood = match goes_on {
        true => unmarked(&before.text),
        false => &before.text,
    };
    Transcript {
        text: format!("{stood} {}", rest.text),
        mean_logprob: before.mean_logprob.min(rest.mean_logprob),
        ..rest
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::listen::transcribe::Refused;

    /// Writes texts one after the other; remembers how many samples it got, and after which words.
    struct Scripted {
        writes: Vec<&'static str>,
        before: String,
        looks: Vec<(usize, String)>,
    }

    impl Transcriber for Scripted {
        fn transcribe(
            &mut self,
            samples: &[f32],
            _: &AtomicBool,
        ) -> Result<Transcript, TranscribeError> {
            self.looks.push((samples.len(), self.before.clone()));
            let text = self.writes.remove(0);
            Ok(Transcript {
                text: text.into(),
                language: "en".into(),
                mean_logprob: -0.1,
                refused: text.is_empty().then_some(Refused::Unsure),
                doubted: String::new(),
            })
        }

        fn follow(&mut self, before: &str) {
            before.clone_into(&mut self.before);
        }
    }

    const SECOND: usize = EAR_RATE as usize;

    /// What is read of these stretches: so many seconds, what stands of them, whether they end in a pause.
    fn read(
        writes: &[&'static str],
        stretches: &[(u64, usize, usize, bool)],
    ) -> (Vec<String>, Vec<(usize, String)>) {
        let mut both = Continuing::new(Scripted {
            writes: writes.to_vec(),
            before: String::new(),
            looks: Vec::new(),
        });
        let mut texts = Vec::new();
        for &(utterance, seconds, stands, pauses) in stretches {
            let stretch = Stretch {
                utterance,
                stands: stands * SECOND,
                pauses,
            };
            let (samples, never) = (vec![0.0; seconds * SECOND], AtomicBool::new(false));
            let read = both.transcribe_stretch(stretch, &samples, &never, &mut |_| ());
            texts.push(read.unwrap().text);
        }
        let seconds = |(n, before): (usize, String)| (n / SECOND, before);
        (texts, both.inner.looks.into_iter().map(seconds).collect())
    }

    #[test]
    fn only_what_follows_a_pause_that_stands_is_read() {
        let (texts, looks) = read(
            &["Please tell me.", "the name of the river.", "Is it long?"],
            &[(1, 3, 0, true), (1, 6, 3, true), (1, 9, 6, true)],
        );
        assert_eq!(
            texts,
            [
                "Please tell me.",
                "Please tell me the name of the river.",
                "Please tell me the name of the river. Is it long?"
            ]
        );
        let context = "Please tell me the name of the river".to_owned();
        assert_eq!(
            looks,
            [
                (3, String::new()),
                (3, "Please tell me".into()),
                (3, context)
            ]
        );
    }

    #[test]
    fn what_does_not_stand_is_read_again() {
        // A gap between words; a reading in the middle of speech; another utterance; a short one.
        for (first, second) in [
            ((1, 3, 0, true), (1, 6, 0, true)),
            ((1, 3, 0, false), (1, 6, 3, true)),
            ((1, 3, 0, true), (2, 6, 3, true)),
            ((1, 2, 0, true), (1, 3, 2, true)),
            ((1, 1, 0, true), (1, 6, 1, true)),
        ] {
            let (texts, looks) = read(&["One.", "One two."], &[first, second]);
            assert_eq!(texts[1], "One two.");
            assert_eq!(looks[1], (second.1, String::new()), "{first:?} {second:?}");
        }
    }

    #[test]
    fn a_rest_without_words_takes_nothing_away() {
        let (texts, _) = read(
            &["Tell me a story.", ""],
            &[(1, 3, 0, true), (1, 6, 3, true)],
        );
        assert_eq!(texts[1], "Tell me a story.");
        // What was not understood is no reading.
        let (texts, looks) = read(&["", "All."], &[(1, 3, 0, true), (1, 6, 3, true)]);
        assert_eq!((&texts[1][..], looks[1].0), ("All.", 6));
    }
}
