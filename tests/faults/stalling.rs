//! A microphone whose stream stands still without an error.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hearken::audio::{Microphone, MicrophoneError};

use crate::unpluggable::Unpluggable;

/// A real stream that has brought nothing for so long is taken for dead (`src/audio/hardware/callback.rs`).
const STALLED: Duration = Duration::from_secs(2);

/// Brings nothing while it stalls; after a while it is told to be gone, as a real one is.
pub struct Stalling {
    inner: Unpluggable,
    stalls: Arc<AtomicBool>,
    since: Option<Instant>,
    told: bool,
}

impl Stalling {
    /// One that stalls while `stalls` is true.
    pub fn new(inner: Unpluggable, stalls: &Arc<AtomicBool>) -> Self {
        Self {
            inner,
            stalls: Arc::clone(stalls),
            since: None,
            told: false,
        }
    }
}

impl Microphone for Stalling {
    fn read(&mut self, out: &mut Vec<f32>, patience: Duration) -> Result<(), MicrophoneError> {
        if !self.stalls.load(Ordering::Relaxed) {
            (self.since, self.told) = (None, false);
            return self.inner.read(out, patience);
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() > STALLED && !std::mem::replace(&mut self.told, true) {
            return Err(MicrophoneError::Lost("it has stopped answering".into()));
        }
        std::thread::sleep(Duration::from_millis(5));
        Ok(())
    }

    fn comes_back(&self) -> bool {
        true
    }
}
