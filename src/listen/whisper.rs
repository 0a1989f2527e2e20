//! whisper.cpp behind [`Transcriber`].

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::transcribe::{TranscribeError, Transcriber, Transcript};
use crate::config::Listen;

/// What of the configuration concerns whisper.
#[derive(Debug, Clone, PartialEq)]
pub struct WhisperSettings {
    /// ISO 639-1 code, or `auto`.
    pub language: String,
    /// With `auto`: the languages to choose from; empty means all.
    pub languages: Vec<String>,
    /// Words to expect.
    pub prompt: String,
    /// Threads, at least 1.
    pub threads: usize,
    /// A transcript whose mean log-probability is below this is refused.
    pub logprob_floor: f32,
    /// Encode the whole 30 s window whatever the utterance's length; for comparison only.
    pub full_context: bool,
}

impl WhisperSettings {
    /// The settings of `listen`, with `threads` in place of 0.
    pub fn new(listen: &Listen, threads: usize) -> Self {
        Self {
            language: listen.language.clone(),
            languages: listen.languages.clone(),
            prompt: listen.prompt.clone(),
            threads: if listen.threads == 0 {
                threads.max(1)
            } else {
                listen.threads
            },
            logprob_floor: listen.logprob_floor,
            full_context: false,
        }
    }
}

/// A whisper model, loaded and warm.
pub struct Whisper {}

impl Whisper {
    /// Loads the model.
    ///
    /// # Errors
    /// [`TranscribeError::Model`] when the file is missing, damaged, or no whisper model.
    pub fn open(path: &Path, _settings: WhisperSettings) -> Result<Self, TranscribeError> {
        Err(TranscribeError::Model {
            path: path.display().to_string(),
            reason: "being built".into(),
        })
    }
}

impl Transcriber for Whisper {
    fn transcribe(&mut self, _: &[f32], _: &AtomicBool) -> Result<Transcript, TranscribeError> {
        Err(TranscribeError::Failed("being built".into()))
    }
}
