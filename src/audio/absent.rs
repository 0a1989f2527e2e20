//! A loudspeaker that is not there yet: whoever begins without one is told at once that it is gone, and looks for it as for any
//! other that went.

use super::far_end::{FarEnd, Tap};
use super::{Speaker, SpeakerError};

/// Nobody hears at this rate, in Hz.
const RATE: u32 = 48_000;

/// See the module.
pub struct Absent(Option<SpeakerError>);

impl Absent {
    /// One that could not be opened, and why.
    pub fn new(why: SpeakerError) -> Self {
        Self(Some(why))
    }
}

impl Speaker for Absent {
    fn rate(&self) -> u32 {
        RATE
    }

    fn write(&mut self, _: &[f32]) -> Result<usize, SpeakerError> {
        let gone = || SpeakerError::Lost("it is not there".into());
        Err(self.0.take().unwrap_or_else(gone))
    }

    fn written(&self) -> u64 {
        0
    }

    fn played(&self) -> u64 {
        0
    }

    fn flush(&mut self) {}

    fn set_gain(&mut self, _: f32) {}

    fn is_there(&self) -> bool {
        false
    }

    /// One whose other end is gone: the one that comes will have one that is not.
    fn far_end(&mut self) -> Option<FarEnd> {
        Some(Tap::new(RATE).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_gone_and_says_why() {
        let mut absent = Absent::new(SpeakerError::Lost("no card".into()));
        let why = |absent: &mut Absent| absent.write(&[]).map_err(|error| error.to_string());
        assert!(why(&mut absent).is_err_and(|why| why.contains("no card")));
        assert!(why(&mut absent).is_err_and(|why| why.contains("not there")));
        assert!(absent.far_end().is_some_and(|far_end| far_end.ended()));
    }
}
