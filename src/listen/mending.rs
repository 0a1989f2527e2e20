//! A transcriber that breaks is begun anew: one utterance is lost, and said to be, and the next is read by another.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::transcribe::{Stretch, TranscribeError, Transcriber, Transcript};
use crate::work::Refusals;

/// Opens a transcriber, each time anew.
pub type OpenTranscriber<T> = Box<dyn FnMut() -> Result<T, TranscribeError> + Send>;

/// When none could be opened for so long it is given up: whoever exchanges its file is done by then.
const GIVES_UP: Duration = Duration::from_secs(300);

/// A transcriber with successors.
pub struct Mending<T> {
    /// `None` when the last one broke and none has been opened since.
    inner: Option<T>,
    open: OpenTranscriber<T>,
    /// When none could be opened.
    refusals: Refusals,
    gives_up: Duration,
    expected: String,
}

impl<T: Transcriber> Mending<T> {
    /// Begins with `inner`; its successors come from `open`.
    pub fn new(inner: T, open: OpenTranscriber<T>) -> Self {
        Self {
            inner: Some(inner),
            open,
            refusals: Refusals::default(),
            gives_up: GIVES_UP,
            expected: String::new(),
        }
    }

    fn with<R>(
        &mut self,
        work: impl FnOnce(&mut T) -> Result<R, TranscribeError>,
    ) -> Result<R, TranscribeError> {
        let inner = match &mut self.inner {
            Some(inner) => inner,
            None => {
                let (open, expected) = (&mut self.open, &self.expected);
                let opened = catch_unwind(AssertUnwindSafe(|| {
                    let mut inner = open()?;
                    inner.expect(expected);
                    Ok(inner)
                }));
                let opened = opened.unwrap_or_else(|_| {
                    Err(TranscribeError::Failed("it breaks as it begins".into()))
                });
                match opened {
                    Ok(inner) => {
                        self.refusals = Refusals::default();
                        self.inner.insert(inner)
                    }
                    Err(error) => {
                        return Err(match self.refusals.again(Instant::now(), self.gives_up) {
                            false => error,
                            true => TranscribeError::WornOut(error.to_string()),
                        });
                    }
                }
            }
        };
        // What broke is not used any more.
        match catch_unwind(AssertUnwindSafe(|| work(inner))) {
            Ok(result) => result,
            Err(_) => {
                let broken = self.inner.take();
                let _ = catch_unwind(AssertUnwindSafe(|| drop(broken)));
                Err(TranscribeError::Failed(
                    "it broke, and is begun anew with the next sentence".into(),
                ))
            }
        }
    }
}

impl<T: Transcriber> Transcriber for Mending<T> {
    fn transcribe(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        self.with(|inner| inner.transcribe(samples, abort))
    }

    fn transcribe_stretch(
        &mut self,
        stretch: Stretch,
        samples: &[f32],
        abort: &AtomicBool,
        first: &mut dyn FnMut(&Transcript),
    ) -> Result<Transcript, TranscribeError> {
        self.with(|inner| inner.transcribe_stretch(stretch, samples, abort, first))
    }

    fn glance(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        self.with(|inner| inner.glance(samples, abort))
    }

    fn follow(&mut self, before: Option<&Transcript>) {
        let _ = self.with(|inner| {
            inner.follow(before);
            Ok(())
        });
    }

    fn expect(&mut self, words: &str) {
        words.clone_into(&mut self.expected);
        let _ = self.with(|inner| {
            inner.expect(words);
            Ok(())
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Reads what it expects, so often, and breaks.
    struct Fragile(u32, String);

    impl Transcriber for Fragile {
        fn transcribe(&mut self, _: &[f32], _: &AtomicBool) -> Result<Transcript, TranscribeError> {
            self.0 = self.0.checked_sub(1).expect("broken");
            Ok(Transcript {
                text: self.1.clone(),
                language: "en".into(),
                mean_logprob: 0.0,
                refused: None,
                doubted: String::new(),
            })
        }

        fn expect(&mut self, words: &str) {
            self.1 = words.to_owned();
        }
    }

    #[test]
    fn one_that_breaks_loses_one_utterance() {
        let mut refusals = 1;
        let open = move || match std::mem::replace(&mut refusals, 0) {
            0 => Ok(Fragile(1, String::new())),
            _ => Err(TranscribeError::Failed("not yet".into())),
        };
        let mut mending = Mending::new(Fragile(1, String::new()), Box::new(open));
        mending.expect("Samantha.");
        let mut read = || mending.transcribe(&[], &AtomicBool::new(false));
        assert_eq!(read().unwrap().text, "Samantha.");
        assert!(read().unwrap_err().to_string().contains("broke"));
        assert!(read().unwrap_err().to_string().contains("not yet"));
        // The successor expects the same.
        assert_eq!(read().unwrap().text, "Samantha.");
        assert!(read().is_err());
    }

    #[test]
    fn one_that_cannot_be_begun_is_given_up() {
        let mut opened = 0;
        let open = move || {
            opened += 1;
            assert!(opened % 2 == 0, "a bug");
            Err(TranscribeError::Failed("no memory".into()))
        };
        let mut mending = Mending::new(Fragile(0, String::new()), Box::new(open));
        let mut read = || {
            let error = mending.transcribe(&[], &AtomicBool::new(false));
            matches!(error.unwrap_err(), TranscribeError::WornOut(_))
        };
        assert_eq!([read(), read(), read()], [false; 3]);
        mending.gives_up = Duration::ZERO;
        assert!(
            mending
                .transcribe(&[], &AtomicBool::new(false))
                .is_err_and(|error| matches!(error, TranscribeError::WornOut(_)))
        );
    }
}
