//! Who speaks for long is read piece by piece: what was read up to a pause that turned out to be one within a sentence stands,
//! and only what follows is read, with those words as whisper's context. So the last reading is short, however long the
//! question was. On the thread `transcribe`.

use std::sync::atomic::AtomicBool;

use super::ending::{Ending, ending};
use super::transcribe::{Stretch, TranscribeError, Transcriber, Transcript};
use crate::audio::EAR_RATE;

/// Up to here all is read again, in samples: whisper takes no less time for less.
const SHORT: usize = EAR_RATE as usize * 35 / 10;

/// A piece that is shorter than this, in samples, is no context worth having, and leaves as much to be read.
pub const LEAST: usize = EAR_RATE as usize * 3 / 2;

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
    /// What was read of its first so many samples stands.
    stood: usize,
    /// Shortest first; those of pauses that may yet turn out to be none are longer than what stands.
    readings: Vec<Reading>,
}

impl<T: Transcriber> Continuing<T> {
    /// Around `inner`, which has read nothing.
    pub fn new(inner: T) -> Self {
        Self {
            inner,
            utterance: 0,
            stood: 0,
            readings: Vec::new(),
        }
    }

    /// What stands of the first `samples` samples of the utterance.
    fn before(&self, samples: usize) -> Option<&Reading> {
        let most = self.stood.min(samples);
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
            (self.utterance, self.stood) = (stretch.utterance, 0);
            self.readings.clear();
        }
        if stretch.stands != self.stood {
            // What was read at a gap that was no pause does not stand.
            let (old, new) = (self.stood, stretch.stands);
            self.readings
                .retain(|r| r.samples <= old || r.samples == new);
            self.stood = new;
        }
        let before = self.before(samples.len());
        let before = before.map(|b| (b.samples, b.transcript.clone()));
        let from = before.as_ref().map_or(0, |(from, _)| *from);
        let mut rest = None;
        if let Some((from, before)) = &before {
            self.inner.follow(Some(&unmarked(before)));
            let mut told = |rest: &Transcript| first(&joined(before, rest.clone()));
            let read = self
                .inner
                .transcribe_stretch(stretch, &samples[*from..], abort, &mut told);
            self.inner.follow(None);
            // What is not understood by itself may be with all that was said before it.
            rest = Some(read?).filter(|rest| rest.refused.is_none());
        }
        let (transcript, all) = match (before, rest) {
            (Some((_, before)), Some(rest)) => {
                let heard = !rest.text.is_empty();
                (joined(&before, rest), heard)
            }
            _ => {
                let read = self
                    .inner
                    .transcribe_stretch(stretch, samples, abort, first)?;
                let heard = !read.text.is_empty();
                (read, heard)
            }
        };
        if stretch.pauses && all && samples.len() >= from + LEAST {
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

    fn follow(&mut self, before: Option<&Transcript>) {
        self.inner.follow(before);
    }
}

/// The words without the mark at their end: whisper sets one wherever the sound ends.
fn bare(text: &str) -> &str {
    text.trim_end_matches(|c: char| !c.is_alphanumeric())
}

fn unmarked(before: &Transcript) -> Transcript {
    Transcript {
        text: bare(&before.text).to_owned(),
        ..before.clone()
    }
}

/// What stood and what follows it. Who goes on in the middle of a sentence had not ended one: its mark goes, unless the
/// words are a whole sentence and another seems to begin. A word or two behind that ("…, please?", "…, Samantha?") belong to it.
fn joined(before: &Transcript, rest: Transcript) -> Transcript {
    if rest.text.is_empty() {
        return before.clone();
    }
    let continues = rest.text.chars().next().is_some_and(char::is_lowercase);
    let whole = !continues && ending(&before.text, &before.language) == Ending::Whole;
    let words = rest.text.split_whitespace().count();
    let (stood, between) = match whole {
        true if words > 2 => (&before.text[..], " "),
        true => (bare(&before.text), ", "),
        false if spaceless(&before.text) => (bare(&before.text), ""),
        false => (bare(&before.text), " "),
    };
    Transcript {
        text: format!("{stood}{between}{}", rest.text),
        language: before.language.clone(),
        mean_logprob: before.mean_logprob.min(rest.mean_logprob),
        ..rest
    }
}

/// Whether the last word is in a script that sets no spaces: kana or Chinese characters.
fn spaceless(text: &str) -> bool {
    let last = bare(text).chars().next_back();
    last.is_some_and(|c| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}'))
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
                refused: (text == "?").then_some(Refused::Unsure),
                doubted: String::new(),
            })
        }

        fn follow(&mut self, before: Option<&Transcript>) {
            self.before = before.map_or_else(String::new, |before| before.text.clone());
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
    fn a_rest_that_is_not_understood_is_read_with_all_before_it() {
        let (texts, looks) = read(
            &[
                "Turn on the light.",
                "?",
                "Turn on the light in the kitchen.",
            ],
            &[(1, 3, 0, true), (1, 6, 3, true)],
        );
        assert_eq!(texts[1], "Turn on the light in the kitchen.");
        assert_eq!(looks[2], (6, String::new()));
        // Silence takes nothing away, and what was not heard is no reading.
        let (texts, _) = read(
            &["Tell me a story.", "", "about a bee."],
            &[(1, 3, 0, true), (1, 6, 3, true), (1, 9, 6, true)],
        );
        assert_eq!(
            texts[1..],
            ["Tell me a story.", "Tell me a story about a bee."]
        );
        let (texts, looks) = read(&["", "All."], &[(1, 3, 0, true), (1, 6, 3, true)]);
        assert_eq!((&texts[1][..], looks[1].0), ("All.", 6));
    }

    #[test]
    fn a_gap_that_was_no_pause_is_no_place_to_cut() {
        // The second pause stands, but was not read; the first was read and does not stand.
        let (_, looks) = read(
            &["One.", "", "One two."],
            &[(1, 2, 0, true), (1, 3, 0, true), (1, 6, 3, true)],
        );
        assert_eq!(looks[2], (6, String::new()));
    }

    #[test]
    fn marks_stay_where_a_sentence_ended() {
        let said = |text: &str, language: &str| Transcript {
            text: text.into(),
            language: language.into(),
            mean_logprob: -0.1,
            refused: None,
            doubted: String::new(),
        };
        for (before, rest, language, all) in [
            (
                "I'm cold.",
                "Turn on the heating.",
                "en",
                "I'm cold. Turn on the heating.",
            ),
            (
                "What is the capital of.",
                "France, Samantha?",
                "en",
                "What is the capital of France, Samantha?",
            ),
            (
                "What time is it?",
                "Samantha?",
                "en",
                "What time is it, Samantha?",
            ),
            (
                "Tell me a story.",
                "about 3 bees.",
                "en",
                "Tell me a story about 3 bees.",
            ),
            (
                "대한민국의 수도는.",
                "어디야?",
                "ko",
                "대한민국의 수도는 어디야?",
            ),
            (
                "오늘 날씨 알려 줘.",
                "사만다.",
                "ko",
                "오늘 날씨 알려 줘, 사만다.",
            ),
            ("今日の天気", "を教えて。", "ja", "今日の天気を教えて。"),
        ] {
            let together = joined(&said(before, language), said(rest, "de"));
            assert_eq!(
                (&together.text[..], &together.language[..]),
                (all, language)
            );
        }
    }
}
