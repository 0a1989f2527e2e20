//! eSpeak NG itself as a voice, for languages that have no Piper voice. On the thread `voice`.

use super::espeak_engine::{self, EngineError};
use super::sentence;
use super::voice::{Speech, Voice, VoiceError};

/// Characters said in one go: bounds the memory for a text without an end.
const AT_ONCE: usize = 2_000;

/// A voice of eSpeak NG, in this process.
#[derive(Debug)]
pub struct EspeakVoice {
    language: String,
    rate_percent: u32,
}

impl EspeakVoice {
    /// A voice for `language` (eSpeak NG's name, such as `ko` or `en-us`) at `rate_percent` of its usual speed.
    ///
    /// # Errors
    /// [`VoiceError::Model`] when eSpeak NG finds no data, or has none for the language.
    pub fn open(language: &str, rate_percent: u32) -> Result<Self, VoiceError> {
        let rate_percent = rate_percent.clamp(50, 200);
        espeak_engine::synthesize("a", language, rate_percent).map_err(|e| VoiceError::Model {
            path: format!("espeak:{language}"),
            reason: e.to_string(),
        })?;
        Ok(Self {
            language: language.to_owned(),
            rate_percent,
        })
    }
}

impl Voice for EspeakVoice {
    fn say(&mut self, text: &str) -> Result<Speech, VoiceError> {
        let failed = |e: EngineError| VoiceError::Failed(e.to_string());
        let mut speech = Speech {
            samples: Vec::new(),
            rate: 22_050,
        };
        for part in sentence::split(text, AT_ONCE) {
            if !sentence::is_speakable(part) {
                continue;
            }
            let (samples, rate) =
                espeak_engine::synthesize(part, &self.language, self.rate_percent)
                    .map_err(failed)?;
            speech.rate = rate;
            speech.samples.extend(samples);
        }
        Ok(speech)
    }

    fn name(&self) -> String {
        format!("espeak:{}", self.language)
    }
}
