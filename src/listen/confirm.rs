//! A name that is expected is heard too easily: whisper, told to expect "Samantha", writes it for "Savannah" as well.
//! So a call is believed only when something like the name is heard there without expecting it. On the thread
//! `transcribe`.
//!
//! The second look costs only calls, not other talk, and looks only at the end of the utterance where the name is.

use std::sync::atomic::AtomicBool;

use super::name::{Name, Side};
use super::transcribe::{Refused, TranscribeError, Transcriber, Transcript};
use crate::audio::EAR_RATE;

/// So much of the utterance is looked at again: with its margins just what whisper's shortest context holds.
const LOOK: usize = EAR_RATE as usize * 35 / 10;

/// A transcriber that looks twice at a call of the name that it expects.
pub struct Confirming<T> {
    inner: T,
    /// What the inner one expects, and the name that it is.
    expected: String,
    name: Option<Name>,
}

impl<T: Transcriber> Confirming<T> {
    /// Around `inner`; nothing is looked at twice until a name is expected.
    pub fn new(inner: T) -> Self {
        Self {
            inner,
            expected: String::new(),
            name: None,
        }
    }

    /// As the inner one does when it expects nothing.
    fn unprimed(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        self.inner.expect("");
        let result = self.inner.transcribe(samples, abort);
        self.inner.expect(&self.expected);
        result
    }
}

impl<T: Transcriber> Transcriber for Confirming<T> {
    fn transcribe(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        let primed = self.inner.transcribe(samples, abort)?;
        let Some(side) = self.name.as_ref().and_then(|n| n.side(&primed.text)) else {
            return Ok(primed);
        };
        let part = match side {
            Side::Start => &samples[..samples.len().min(LOOK)],
            Side::End => &samples[samples.len().saturating_sub(LOOK)..],
            Side::Within => samples,
        };
        let plain = self.unprimed(part, abort)?;
        let unsure = plain.refused == Some(Refused::Unsure);
        let confirmed = |name: &Name| name.resembles(&plain.text);
        if unsure || self.name.as_ref().is_some_and(confirmed) {
            return Ok(primed);
        }
        match part.len() == samples.len() {
            true => Ok(plain),
            false => self.unprimed(samples, abort),
        }
    }

    fn expect(&mut self, words: &str) {
        words.clone_into(&mut self.expected);
        self.name = Name::new(words).ok();
        self.inner.expect(words);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Writes one text when it expects something and another when it does not; remembers how much it was given.
    struct Scripted {
        primed: &'static str,
        plain: &'static str,
        expects: bool,
        looks: Vec<(bool, usize)>,
    }

    impl Transcriber for Scripted {
        fn transcribe(
            &mut self,
            samples: &[f32],
            _: &AtomicBool,
        ) -> Result<Transcript, TranscribeError> {
            self.looks.push((self.expects, samples.len()));
            let text = if self.expects {
                self.primed
            } else {
                self.plain
            };
            Ok(Transcript {
                text: text.into(),
                language: "en".into(),
                mean_logprob: -0.1,
                refused: None,
            })
        }

        fn expect(&mut self, words: &str) {
            self.expects = !words.is_empty();
        }
    }

    /// What is written for 10 s, and the looks it took.
    fn written(primed: &'static str, plain: &'static str) -> (String, Vec<(bool, usize)>) {
        let inner = Scripted {
            primed,
            plain,
            expects: false,
            looks: Vec::new(),
        };
        let mut both = Confirming::new(inner);
        both.expect("Samantha.");
        let samples = vec![0.0; 160_000];
        let text = both
            .transcribe(&samples, &AtomicBool::new(false))
            .unwrap()
            .text;
        assert!(both.inner.expects, "it must expect the name again");
        (text, both.inner.looks)
    }

    #[test]
    fn talk_is_looked_at_once() {
        let (text, looks) = written("What time is it?", "never");
        assert_eq!((text.as_str(), looks.len()), ("What time is it?", 1));
    }

    #[test]
    fn a_call_that_is_heard_without_expecting_it_is_believed() {
        let (text, looks) = written("Samantha, what time is it?", "Summon the what time?");
        assert_eq!(text, "Samantha, what time is it?");
        assert_eq!(looks, [(true, 160_000), (false, LOOK)]);
    }

    #[test]
    fn another_name_is_written_as_it_is() {
        let (text, looks) = written(
            "Samantha, then we go down to the river.",
            "Savannah, then we go down to the river.",
        );
        assert_eq!(text, "Savannah, then we go down to the river.");
        assert_eq!(looks, [(true, 160_000), (false, LOOK), (false, 160_000)]);
    }
}
