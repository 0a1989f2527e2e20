//! The transcribe worker: whisper on a thread of its own, one utterance at a time.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::transcribe::{TranscribeError, Transcriber, Transcript};

/// A transcriber on the thread `transcribe`.
pub struct Worker {}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn spawn(_transcriber: Box<dyn Transcriber>) -> std::io::Result<Self> {
        Err(std::io::Error::other("being built"))
    }

    /// Transcribes `samples` (mono, 16 kHz). Dropping the future sets `abort`.
    ///
    /// # Errors
    /// See [`TranscribeError`].
    pub async fn transcribe(
        &self,
        _samples: Vec<f32>,
        _abort: Arc<AtomicBool>,
    ) -> Result<Transcript, TranscribeError> {
        Err(TranscribeError::Failed("being built".into()))
    }
}
