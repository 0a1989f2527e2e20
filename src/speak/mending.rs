//! A voice that breaks is begun anew: one clause is lost, and the next is said by another.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::voice::{Speech, Voice, VoiceError};
use crate::work::Refusals;

/// Opens a voice, each time anew.
pub type OpenVoice = Box<dyn FnMut() -> Result<Box<dyn Voice>, VoiceError> + Send>;

/// When none could be opened for so long it is given up: whoever exchanges its file is done by then.
const GIVES_UP: Duration = Duration::from_secs(300);

/// A voice with successors.
pub struct Mending {
    /// `None` when the last one broke and none has been opened since.
    inner: Option<Box<dyn Voice>>,
    open: OpenVoice,
    /// When none could be opened.
    refusals: Refusals,
    gives_up: Duration,
    name: String,
    /// Percent of its own speed, once it was set.
    rate: Option<u32>,
}

impl Mending {
    /// Begins with `inner`; its successors come from `open`.
    pub fn new(inner: Box<dyn Voice>, open: OpenVoice) -> Self {
        Self {
            name: inner.name(),
            inner: Some(inner),
            open,
            refusals: Refusals::default(),
            gives_up: GIVES_UP,
            rate: None,
        }
    }

    fn with(
        &mut self,
        work: impl FnOnce(&mut dyn Voice) -> Result<Speech, VoiceError>,
    ) -> Result<Speech, VoiceError> {
        let inner = match &mut self.inner {
            Some(inner) => inner,
            None => {
                let (open, rate) = (&mut self.open, self.rate);
                let opened = catch_unwind(AssertUnwindSafe(|| {
                    let mut inner = open()?;
                    rate.into_iter().for_each(|rate| inner.set_rate(rate));
                    Ok(inner)
                }));
                let opened = opened
                    .unwrap_or_else(|_| Err(VoiceError::Failed("it breaks as it begins".into())));
                match opened {
                    Ok(inner) => {
                        self.refusals = Refusals::default();
                        self.inner.insert(inner)
                    }
                    Err(error) => {
                        return Err(match self.refusals.again(Instant::now(), self.gives_up) {
                            false => error,
                            true => VoiceError::WornOut(error.to_string()),
                        });
                    }
                }
            }
        };
        // What broke is not used any more.
        match catch_unwind(AssertUnwindSafe(|| work(&mut **inner))) {
            Ok(result) => result,
            Err(_) => {
                let broken = self.inner.take();
                let _ = catch_unwind(AssertUnwindSafe(|| drop(broken)));
                Err(VoiceError::Failed(
                    "it broke, and is begun anew with the next sentence".into(),
                ))
            }
        }
    }
}

impl Voice for Mending {
    fn say(&mut self, text: &str) -> Result<Speech, VoiceError> {
        self.with(|inner| inner.say(text))
    }

    fn say_in(&mut self, text: &str, language: &str) -> Result<Speech, VoiceError> {
        self.with(|inner| inner.say_in(text, language))
    }

    fn set_rate(&mut self, percent: u32) {
        self.rate = Some(percent);
        if let Some(inner) = &mut self.inner {
            inner.set_rate(percent);
        }
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Says its speed, once, and breaks.
    struct Fragile(bool, u32);

    impl Voice for Fragile {
        fn say(&mut self, _: &str) -> Result<Speech, VoiceError> {
            assert!(!std::mem::replace(&mut self.0, true), "broken");
            Ok(Speech {
                samples: Vec::new(),
                rate: self.1,
            })
        }

        fn set_rate(&mut self, percent: u32) {
            self.1 = percent;
        }

        fn name(&self) -> String {
            "fragile".into()
        }
    }

    #[test]
    fn one_that_breaks_loses_one_clause() {
        let open = || Ok(Box::new(Fragile(false, 100)) as Box<dyn Voice>);
        let mut mending = Mending::new(Box::new(Fragile(false, 100)), Box::new(open));
        mending.set_rate(80);
        for _ in 0..2 {
            assert_eq!(mending.say_in("a", "en").unwrap().rate, 80);
            assert!(mending.say("b").unwrap_err().to_string().contains("broke"));
        }
        assert_eq!(mending.name(), "fragile");
    }

    #[test]
    fn one_that_cannot_be_opened_is_given_up() {
        let mut opened = 0;
        let open = move || {
            opened += 1;
            assert!(opened % 2 == 0, "a bug");
            Err(VoiceError::Failed("no memory".into()))
        };
        let mut mending = Mending::new(Box::new(Fragile(true, 100)), Box::new(open));
        let mut say = || {
            let error = mending.say("a").unwrap_err();
            matches!(error, VoiceError::WornOut(_))
        };
        assert_eq!([say(), say(), say()], [false; 3]);
        mending.gives_up = Duration::ZERO;
        let error = mending.say("a").unwrap_err();
        assert!(matches!(error, VoiceError::WornOut(_)));
    }
}
