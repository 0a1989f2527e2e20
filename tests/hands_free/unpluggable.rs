//! A microphone that goes, comes back, hangs and breaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hearken::audio::file::FileMicrophone;
use hearken::audio::{Microphone, MicrophoneError};

/// Is there while nobody has unplugged it.
pub struct Unpluggable {
    pub inner: FileMicrophone,
    pub unplugged: Arc<AtomicBool>,
    /// Its driver does not come back.
    pub hangs: Arc<AtomicBool>,
    /// Its driver has a bug that shows once.
    pub breaks: Arc<AtomicBool>,
    pub told: bool,
}

impl Unpluggable {
    /// One that is there while `unplugged` is false, and has no bugs.
    #[allow(dead_code)] // Not everybody who unplugs has one of these.
    pub fn new(inner: FileMicrophone, unplugged: &Arc<AtomicBool>) -> Self {
        Self {
            inner,
            unplugged: Arc::clone(unplugged),
            hangs: Arc::default(),
            breaks: Arc::default(),
            told: false,
        }
    }
}

impl Microphone for Unpluggable {
    fn read(&mut self, out: &mut Vec<f32>, patience: Duration) -> Result<(), MicrophoneError> {
        assert!(!self.breaks.swap(false, Ordering::Relaxed), "scripted");
        while self.hangs.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let unplugged = self.unplugged.load(Ordering::Relaxed);
        let tells = unplugged && !self.told;
        self.told = unplugged;
        match (unplugged, tells) {
            (_, true) => Err(MicrophoneError::Lost("unplugged".into())),
            (true, false) => {
                std::thread::sleep(Duration::from_millis(5));
                Ok(())
            }
            (false, false) => self.inner.read(out, patience),
        }
    }

    fn comes_back(&self) -> bool {
        true
    }
}
