//! The end of a turn: has the speaker finished, or only paused? Smart Turn v3 through ONNX Runtime, on one thread.
//!
//! The voice detector knows that nobody speaks; this model hears how the last words sounded: "turn on the" falls
//! silent otherwise than "turn on the light". It is whisper's tiny encoder with a classifier behind it, looks at the
//! last 8 s (`turn_end/features.rs`), and is meant to be asked once, when speech pauses, about everything that was
//! said since the turn began. Whoever asks waits for it.
//!
//! It computes with 8 bits, and is not smooth: a change of one millionth in what it looks at has moved an answer
//! between the extremes by 0.34. A list that could be over (cards, digits) it mostly takes for finished, wherever it
//! stops. `tests/turn_end.rs` prints what it says of recordings.

mod features;

use std::path::Path;

use ort::session::Session;
use ort::value::TensorRef;

use crate::onnx::{self, Lengths, OnnxError};
use features::{BANDS, LogMel, SPECTRA};

/// The languages that Smart Turn v3 was trained on, as its publisher lists them; `nb` and `nn` are Norwegian.
const LANGUAGES: [&str; 25] = [
    "ar", "bn", "da", "de", "en", "es", "fi", "fr", "hi", "id", "it", "ja", "ko", "mr", "nb", "nl",
    "nn", "no", "pl", "pt", "ru", "tr", "uk", "vi", "zh",
];

/// Says whether a speaker has finished. [`SmartTurn`] is the real one; tests script their own.
pub trait TurnEndDetector: Send {
    /// The probability that the speaker has finished, 0 to 1. `samples` (mono, 16 kHz) are the turn up to now, with
    /// the pause at its end as the microphone heard it; of more than 8 s the last count.
    ///
    /// # Errors
    /// [`OnnxError`] when the model cannot be run; it will not run later either.
    fn finished(&mut self, samples: &[f32]) -> Result<f32, OnnxError>;
}

/// Smart Turn, version 3.
pub struct SmartTurn {
    session: Session,
    path: String,
    log_mel: LogMel,
}

impl SmartTurn {
    /// Opens the model and runs it once, so that the first answer takes no longer than the others.
    ///
    /// # Errors
    /// [`OnnxError::Model`] when the file is missing, damaged, or no Smart Turn of version 3. [`onnx::init`] must
    /// have succeeded before.
    pub fn open(model: &Path) -> Result<Self, OnnxError> {
        let mut turn = Self {
            session: onnx::session(model, 1, Lengths::Alike)?,
            path: model.display().to_string(),
            log_mel: LogMel::new(),
        };
        turn.finished(&[])?;
        Ok(turn)
    }
}

impl TurnEndDetector for SmartTurn {
    fn finished(&mut self, samples: &[f32]) -> Result<f32, OnnxError> {
        let features = self.log_mel.of(samples);
        let mut run = || -> ort::Result<f32> {
            let input = TensorRef::from_array_view(([1usize, BANDS, SPECTRA], features))?;
            let outputs = self
                .session
                .run(ort::inputs! { "input_features" => input })?;
            // The name is older than the model: a sigmoid is part of it.
            let answer = outputs.get("logits").map(|o| o.try_extract_tensor::<f32>());
            match answer.transpose()?.map(|(_, values)| values) {
                Some(&[finished]) if (0.0..=1.0).contains(&finished) => Ok(finished),
                _ => Err(ort::Error::new("it does not answer as Smart Turn v3 does")),
            }
        };
        run().map_err(|e| OnnxError::Model {
            path: self.path.clone(),
            reason: e.to_string().lines().next().unwrap_or_default().to_owned(),
        })
    }
}

/// Whether Smart Turn was trained on `language` (ISO 639-1, or with a region behind it: `pt-BR`). What is not known
/// yet (empty, or `auto`) counts as known.
#[must_use]
pub fn knows(language: &str) -> bool {
    let code = language.split(['-', '_']).next().unwrap_or_default();
    matches!(code, "" | "auto") || LANGUAGES.iter().any(|l| l.eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_languages_are_those_of_the_model() {
        for known in ["en", "ko", "zh", "no", "pt-BR", "zh_TW", "EN", "", "auto"] {
            assert!(knows(known), "{known:?}");
        }
        for unknown in ["sv", "cs", "he", "english", "e", "und"] {
            assert!(!knows(unknown), "{unknown:?}");
        }
    }
}
