//! A wake model in front of whisper: did somebody just say the word that it was trained for? On the thread `ear`.
//!
//! The model is the user's, of openWakeWord's kind: a small classifier behind two stages that all such models share.
//! Every 80 ms the first stage makes a spectrogram of the newest sound, the second stage turns the last 0.8 s of it
//! into one vector, and the classifier looks at the last vectors, usually 16 (1.3 s). One thread, no spinning; and the
//! segmenter asks only while somebody speaks, so that silence costs nothing.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use ort::session::Session;
use ort::value::TensorRef;

use crate::onnx::{self, Lengths, OnnxError};

/// Samples a step: 80 ms.
const STEP: usize = 1280;
/// Samples before each step that the first stage wants to see: its window is longer than its hop.
const OVERLAP: usize = 3 * 160;
/// Values of the spectrogram for each 10 ms.
const BANDS: usize = 32;
/// Spectra a step.
const SPECTRA: usize = 8;
/// Spectra that the second stage looks at.
const WINDOW: usize = 76;
/// Length of the second stage's vector.
const VECTOR: usize = 96;
/// A classifier that wants more vectors than this (10 s) is none.
const MOST_VECTORS: usize = 125;
/// Steps for which it does not fire again: 2 s.
const REFRACTORY: u32 = 25;
/// Levels are as in 16 bit integers.
const SCALE: f32 = 32_767.0;

/// Says whether the wake word was just said. [`WakeModel`] is the real one; tests script their own.
pub trait WakeDetector: Send {
    /// The next samples (mono, 16 kHz, any number). The score, 0 to 1, when the word ended in them.
    ///
    /// # Errors
    /// [`OnnxError`] when the model cannot be run; it will not run later either.
    fn hear(&mut self, samples: &[f32]) -> Result<Option<f32>, OnnxError>;

    /// Forgets what was heard: the next samples come after silence.
    fn reset(&mut self);
}

/// The files of a wake model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WakeFiles {
    /// The first stage: `wake-melspectrogram` of the catalogue.
    pub spectrogram: PathBuf,
    /// The second stage: `wake-embedding`.
    pub embedding: PathBuf,
    /// The user's own.
    pub classifier: PathBuf,
}

/// A wake model, loaded and warm.
pub struct WakeModel {
    spectrogram: Stage,
    embedding: Stage,
    classifier: Stage,
    /// Vectors that the classifier looks at.
    vectors: usize,
    threshold: f32,
    heard: Memory,
    /// What it remembers after silence.
    silence: Memory,
}

/// What was heard so far, at each stage.
#[derive(Clone, Default)]
struct Memory {
    /// The end of what was dealt with, and samples that do not fill a step yet.
    samples: Vec<f32>,
    spectra: VecDeque<f32>,
    vectors: VecDeque<f32>,
    /// Steps until it may fire again.
    refractory: u32,
}

struct Stage {
    session: Session,
    path: String,
    input: String,
    output: String,
}

impl WakeModel {
    /// Opens the three models, and lets them hear some silence. `threshold` is the score from which it fires, 0 to 1.
    /// [`onnx::init`] must have succeeded before.
    ///
    /// # Errors
    /// [`OnnxError::Model`] when a file is missing, damaged, or no such model.
    pub fn open(files: &WakeFiles, threshold: f32) -> Result<Self, OnnxError> {
        let classifier = Stage::open(&files.classifier)?;
        let vectors = classifier.vectors()?;
        let mut model = Self {
            spectrogram: Stage::open(&files.spectrogram)?,
            embedding: Stage::open(&files.embedding)?,
            classifier,
            vectors,
            threshold,
            heard: Memory::default(),
            silence: Memory::default(),
        };
        let steps = WINDOW.div_ceil(SPECTRA) + vectors;
        model.hear(&vec![0.0; OVERLAP + STEP * steps])?;
        model.heard.refractory = 0;
        model.silence = model.heard.clone();
        Ok(model)
    }

    /// The score after the next step, `None` as long as too little was heard. `samples` are `OVERLAP + STEP`.
    fn step(&mut self, samples: &[f32]) -> Result<Option<f32>, OnnxError> {
        let loud: Vec<f32> = samples.iter().map(|s| s * SCALE).collect();
        let spectra = self.spectrogram.run(&[1, loud.len()], &loud)?;
        if spectra.len() != SPECTRA * BANDS {
            return Err(self
                .spectrogram
                .unusable("it is no wake model's spectrogram"));
        }
        let heard = &mut self.heard;
        // The second stage was trained on these numbers.
        heard.spectra.extend(spectra.iter().map(|s| s / 10.0 + 2.0));
        if !keep_last(&mut heard.spectra, WINDOW * BANDS) {
            return Ok(None);
        }
        let window = heard.spectra.make_contiguous();
        let vector = self.embedding.run(&[1, WINDOW, BANDS, 1], window)?;
        if vector.len() != VECTOR {
            return Err(self
                .embedding
                .unusable("it is no wake model's second stage"));
        }
        heard.vectors.extend(vector);
        if !keep_last(&mut heard.vectors, self.vectors * VECTOR) {
            return Ok(None);
        }
        let vectors = heard.vectors.make_contiguous();
        let scores = self.classifier.run(&[1, self.vectors, VECTOR], vectors)?;
        match scores[..] {
            [score] if score.is_finite() => Ok(Some(score)),
            _ => Err(self
                .classifier
                .unusable("it does not answer with one score")),
        }
    }
}

impl WakeDetector for WakeModel {
    fn hear(&mut self, samples: &[f32]) -> Result<Option<f32>, OnnxError> {
        self.heard.samples.extend_from_slice(samples);
        let mut fired: Option<f32> = None;
        while self.heard.samples.len() >= OVERLAP + STEP {
            let step: Vec<f32> = self.heard.samples[..OVERLAP + STEP].to_vec();
            self.heard.samples.drain(..STEP);
            let score = self.step(&step)?;
            self.heard.refractory = self.heard.refractory.saturating_sub(1);
            if let Some(score) = score.filter(|&s| s >= self.threshold)
                && self.heard.refractory == 0
            {
                self.heard.refractory = REFRACTORY;
                fired = Some(fired.map_or(score, |other| other.max(score)));
            }
        }
        Ok(fired)
    }

    fn reset(&mut self) {
        self.heard = self.silence.clone();
    }
}

/// Leaves only the last `length` values; whether there are as many.
fn keep_last(values: &mut VecDeque<f32>, length: usize) -> bool {
    values.drain(..values.len().saturating_sub(length));
    values.len() == length
}

impl Stage {
    fn open(path: &Path) -> Result<Self, OnnxError> {
        let session = onnx::session(path, 1, Lengths::Alike)?;
        let path = path.display().to_string();
        let ([input], [output]) = (session.inputs(), session.outputs()) else {
            return Err(unusable(&path, "a wake model has one input and one output"));
        };
        let (input, output) = (input.name().to_owned(), output.name().to_owned());
        Ok(Self {
            session,
            path,
            input,
            output,
        })
    }

    /// The vectors that this classifier wants at once.
    fn vectors(&self) -> Result<usize, OnnxError> {
        let shape = self
            .session
            .inputs()
            .first()
            .and_then(|i| i.dtype().tensor_shape());
        let shape: Vec<i64> = shape.map(|s| s.to_vec()).unwrap_or_default();
        match shape[..] {
            [_, vectors, width] if width == VECTOR as i64 => usize::try_from(vectors)
                .ok()
                .filter(|v| (1..=MOST_VECTORS).contains(v))
                .ok_or_else(|| self.unusable("it does not say how much it wants to hear")),
            _ => Err(self.unusable("it is no classifier of openWakeWord's kind")),
        }
    }

    fn run(&mut self, shape: &[usize], values: &[f32]) -> Result<Vec<f32>, OnnxError> {
        let path = &self.path;
        let failed = |e: ort::Error| unusable(path, &e.to_string());
        let input = TensorRef::from_array_view((shape, values)).map_err(failed)?;
        let outputs = self
            .session
            .run(ort::inputs! { self.input.as_str() => input })
            .map_err(failed)?;
        let (_, values) = outputs[self.output.as_str()]
            .try_extract_tensor::<f32>()
            .map_err(failed)?;
        Ok(values.to_vec())
    }

    fn unusable(&self, reason: &str) -> OnnxError {
        unusable(&self.path, reason)
    }
}

fn unusable(path: &str, reason: &str) -> OnnxError {
    OnnxError::Model {
        path: path.to_owned(),
        reason: reason.lines().next().unwrap_or_default().to_owned(),
    }
}
