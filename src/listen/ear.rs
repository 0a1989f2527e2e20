//! The ear: microphone to utterances, on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;

use tokio::sync::mpsc::Sender;

use super::Heard;
use super::vad::SpeechDetector;
use crate::audio::Microphone;
use crate::config::Listen;

/// What of the configuration concerns the ear.
#[derive(Debug, Clone, PartialEq)]
pub struct EarSettings {
    /// Probability from which a frame counts as speech, 0 to 1.
    pub threshold: f32,
    /// Speech this long begins an utterance, in ms.
    pub onset_ms: u32,
    /// Sound from before the onset that is kept, in ms.
    pub pre_roll_ms: u32,
    /// Silence this long ends an utterance, in ms.
    pub hangover_ms: u32,
    /// An utterance is cut here, in ms.
    pub max_utterance_ms: u32,
}

impl From<&Listen> for EarSettings {
    fn from(listen: &Listen) -> Self {
        Self {
            threshold: listen.vad_threshold,
            onset_ms: listen.onset_ms,
            pre_roll_ms: listen.pre_roll_ms,
            hangover_ms: listen.hangover_ms,
            max_utterance_ms: listen.max_utterance_ms,
        }
    }
}

/// Builds ears.
pub struct Ear;

/// A running ear. Dropping it stops the thread and waits for it.
pub struct EarHandle {
    ignore: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    level: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

impl Ear {
    /// Starts the thread `ear`. It owns the microphone, and tells `out` what it hears.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn spawn(
        mic: Box<dyn Microphone>,
        vad: Box<dyn SpeechDetector>,
        settings: EarSettings,
        out: Sender<Heard>,
    ) -> std::io::Result<EarHandle> {
        let _ = (mic, vad, settings, out);
        Err(std::io::Error::other("being built"))
    }
}

impl EarHandle {
    /// While true, what the microphone brings is read and dropped.
    pub fn ignore(&self, ignore: bool) {
        self.ignore.store(ignore, Ordering::Release);
    }

    /// Loudness of the last frame: root mean square, 0 to 1.
    pub fn level(&self) -> f32 {
        f32::from_bits(self.level.load(Ordering::Relaxed))
    }

    /// Asks the thread to end. Returns at once.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }
}

impl Drop for EarHandle {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
