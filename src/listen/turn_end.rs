//! Whether a speaker has finished, by the sound of the voice.

use crate::onnx::OnnxError;

/// Says how likely a speaker has finished. Tests script their own.
pub trait TurnEndDetector: Send {
    /// The probability that whoever said `samples` (mono, 16 kHz, with a little silence behind them) has finished, 0 to 1.
    ///
    /// # Errors
    /// [`OnnxError`] when the model cannot be run; it will not run later either.
    fn finished(&mut self, samples: &[f32]) -> Result<f32, OnnxError>;
}
