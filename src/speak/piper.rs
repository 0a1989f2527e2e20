//! A Piper voice. On the thread `voice`.

use std::path::Path;

use super::voice::{Speech, Voice, VoiceError};

/// How a Piper voice speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PiperSettings {
    /// Threads for the model, at least 1.
    pub threads: usize,
    /// Speed of speech, 100 is the voice's own.
    pub rate_percent: u32,
    /// Which speaker of a voice with several; 0 otherwise.
    pub speaker: i64,
}

/// A Piper voice, loaded and warm.
pub struct PiperVoice {
    name: String,
}

impl PiperVoice {
    /// Loads `onnx` and the JSON beside it (same name with `.json` after it).
    ///
    /// # Errors
    /// [`VoiceError::Model`] when either is missing or unusable.
    pub fn open(onnx: &Path, _settings: PiperSettings) -> Result<Self, VoiceError> {
        Ok(Self {
            name: onnx.display().to_string(),
        })
    }
}

impl Voice for PiperVoice {
    fn say(&mut self, _text: &str) -> Result<Speech, VoiceError> {
        Err(VoiceError::Failed("not yet".into()))
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}
