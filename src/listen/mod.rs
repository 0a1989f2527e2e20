//! Samples to words: the ear thread finds speech and its end, the transcribe thread makes words of it.

pub mod ear;
pub mod endpoint;
mod ggml;
mod guard;
mod language;
pub mod segment;
pub mod transcribe;
pub mod vad;
pub mod whisper;
pub mod worker;

use std::time::Instant;

use crate::audio::MicrophoneError;
use crate::onnx::OnnxError;

/// What the ear tells whoever conducts the conversation, in order.
#[derive(Debug)]
pub enum Heard {
    /// Somebody began to speak. `at` is a sample index since the ear began, at 16 kHz.
    SpeechStarted {
        /// Index of the first sample of speech.
        at: u64,
    },
    /// What began was too short or too faint to be speech; nothing follows.
    SpeechDismissed,
    /// Somebody spoke and finished.
    Utterance(Utterance),
    /// The recording is over (file backend); nothing follows.
    Ended,
    /// The microphone failed; nothing follows until it is opened again.
    Lost(MicrophoneError),
    /// The voice detector failed; nothing follows, and another try will not help.
    Deaf(OnnxError),
}

/// One stretch of speech, from the pre-roll to the endpoint.
#[derive(Debug, Clone)]
pub struct Utterance {
    /// Mono, 16 kHz: pre-roll, speech, hangover.
    pub samples: Vec<f32>,
    /// Index (since the ear began, 16 kHz) of the first of `samples`.
    pub start: u64,
    /// Index of the last sample of speech: the acoustic end, not the endpoint's decision.
    pub speech_end: u64,
    /// Index of the newest sample when the endpoint was decided; `endpoint - speech_end` is the hangover in samples.
    pub endpoint: u64,
    /// When the endpoint was decided.
    pub decided: Instant,
    /// The speech ran into the maximum length and was cut there.
    pub cut_at_maximum: bool,
}
