//! Voice activity: how likely a frame of 32 ms holds speech. Silero VAD through ONNX Runtime, on one thread.
//!
//! Runs on the `ear` thread (or on whatever thread cuts a recording). One thread and no spinning: a detector that
//! spins takes half a core from whisper while nobody speaks.

use std::path::Path;

use ort::session::Session;
use ort::value::{Tensor, TensorRef};

use crate::onnx::{self, Lengths, OnnxError};

/// Samples per frame at 16 kHz: 32 ms, the only frame size that Silero VAD v5 and later take.
pub const FRAME: usize = 512;

/// Milliseconds per frame.
pub const FRAME_MS: u32 = 32;

/// Samples of the frame before that the model wants in front of each frame (Silero's own wrapper does the same).
const CONTEXT: usize = 64;

/// Values of the recurrent state: [2, 1, 128].
const STATE: usize = 2 * 128;

/// Says how likely a frame holds speech. [`Vad`] is the real one; tests script their own.
pub trait SpeechDetector: Send {
    /// The probability of speech in the next frame, 0 to 1.
    ///
    /// # Errors
    /// [`OnnxError`] when the model cannot be run.
    fn probability(&mut self, frame: &[f32; FRAME]) -> Result<f32, OnnxError>;

    /// Forgets what was heard: the next frame is the first.
    fn reset(&mut self);
}

/// Silero VAD.
pub struct Vad {
    session: Session,
    path: String,
    window: [f32; CONTEXT + FRAME],
    state: [f32; STATE],
    rate: Tensor<i64>,
}

impl Vad {
    /// Opens the model and runs it once, so that the first frame costs no more than the others.
    ///
    /// # Errors
    /// [`OnnxError::Model`] when the file is missing, damaged, or no Silero VAD of version 5 or later.
    /// [`onnx::init`] must have succeeded before.
    pub fn open(model: &Path) -> Result<Self, OnnxError> {
        let path = model.display().to_string();
        let session = onnx::session(model, 1, Lengths::Alike)?;
        let rate = Tensor::from_array(([1usize], vec![i64::from(crate::audio::EAR_RATE)]))
            .map_err(|e| unusable(&path, &e))?;
        let mut vad = Self {
            session,
            path,
            window: [0.0; CONTEXT + FRAME],
            state: [0.0; STATE],
            rate,
        };
        vad.probability(&[0.0; FRAME])?;
        vad.reset();
        Ok(vad)
    }
}

impl SpeechDetector for Vad {
    fn probability(&mut self, frame: &[f32; FRAME]) -> Result<f32, OnnxError> {
        self.window.copy_within(FRAME.., 0);
        self.window[CONTEXT..].copy_from_slice(frame);
        let mut run = || -> ort::Result<f32> {
            let input = TensorRef::from_array_view(([1usize, CONTEXT + FRAME], &self.window[..]))?;
            let state = TensorRef::from_array_view(([2usize, 1, 128], &self.state[..]))?;
            let outputs = self.session.run(ort::inputs! {
                "input" => input,
                "state" => state,
                "sr" => &self.rate,
            })?;
            let (_, probability) = outputs["output"].try_extract_tensor::<f32>()?;
            let (_, next) = outputs["stateN"].try_extract_tensor::<f32>()?;
            let probability = probability.first().copied().unwrap_or(f32::NAN);
            if next.len() != STATE || !probability.is_finite() {
                return Err(ort::Error::new("it does not answer as Silero VAD v5 does"));
            }
            self.state.copy_from_slice(next);
            Ok(probability)
        };
        run().map_err(|e| unusable(&self.path, &e))
    }

    fn reset(&mut self) {
        self.window.fill(0.0);
        self.state.fill(0.0);
    }
}

/// Opens a detector, each time anew.
pub type OpenDetector = Box<dyn FnMut() -> Result<Box<dyn SpeechDetector>, OnnxError> + Send>;

/// A detector with successors: one that fails is begun anew at once, and the next hears the same frame.
pub struct Mending {
    inner: Box<dyn SpeechDetector>,
    open: OpenDetector,
}

impl Mending {
    /// Begins with `inner`; its successors come from `open`.
    pub fn new(inner: Box<dyn SpeechDetector>, open: OpenDetector) -> Self {
        Self { inner, open }
    }
}

impl SpeechDetector for Mending {
    fn probability(&mut self, frame: &[f32; FRAME]) -> Result<f32, OnnxError> {
        self.inner.probability(frame).or_else(|error| {
            tracing::warn!("the voice activity detector failed and is begun anew: {error}");
            self.inner = (self.open)()?;
            self.inner.probability(frame)
        })
    }

    fn reset(&mut self) {
        self.inner.reset();
    }
}

fn unusable(path: &str, error: &ort::Error) -> OnnxError {
    OnnxError::Model {
        path: path.to_owned(),
        reason: error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    }
}
