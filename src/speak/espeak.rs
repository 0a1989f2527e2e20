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

    fn set_rate(&mut self, percent: u32) {
        self.rate_percent = percent.clamp(50, 200);
    }

    fn name(&self) -> String {
        format!("espeak:{}", self.language)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_changes_while_running() {
        let mut voice = EspeakVoice::open("en-us", 100).unwrap();
        let mut length = |percent| {
            voice.set_rate(percent);
            voice.say("What time is it?").unwrap().samples.len()
        };
        let (usual, slow, quick) = (length(100), length(60), length(180));
        assert!(slow > usual * 12 / 10, "{slow} {usual}");
        assert!(quick < usual * 9 / 10, "{quick} {usual}");
        // eSpeak NG's takes differ by a few samples, depending on what it said before.
        assert!(length(100).abs_diff(usual) < usual / 20);
        voice.set_rate(1);
        assert_eq!(voice.rate_percent, 50);
        voice.set_rate(100_000);
        assert_eq!(voice.rate_percent, 200);
    }
}
