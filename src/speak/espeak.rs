//! eSpeak NG itself as a voice, for languages that have no Piper voice. On the thread `voice`.

use super::voice::{Speech, Voice, VoiceError};

/// A voice of eSpeak NG, in this process.
pub struct EspeakVoice {
    language: String,
}

impl EspeakVoice {
    /// A voice for `language` (eSpeak NG's name, such as `ko` or `en-us`) at `rate_percent` of its usual speed.
    ///
    /// # Errors
    /// [`VoiceError::Model`] when eSpeak NG has no data, or none for the language.
    pub fn open(language: &str, _rate_percent: u32) -> Result<Self, VoiceError> {
        Ok(Self {
            language: language.to_owned(),
        })
    }
}

impl Voice for EspeakVoice {
    fn say(&mut self, _text: &str) -> Result<Speech, VoiceError> {
        Err(VoiceError::Failed("not yet".into()))
    }

    fn name(&self) -> String {
        format!("espeak:{}", self.language)
    }
}
