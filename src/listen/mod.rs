//! Samples to words: the ear thread finds speech and its end, the transcribe thread makes words of it.

mod acoustic_end;
pub mod confirm;
pub mod continuing;
pub mod ear;
pub mod echo;
pub mod ending;
pub mod endpoint;
mod ggml;
mod guard;
mod language;
pub mod mending;
pub mod name;
pub mod patience;
pub mod segment;
pub mod transcribe;
pub mod turn_end;
pub mod vad;
pub mod wake;
pub mod whisper;
pub mod worker;

pub(crate) use guard::without_notes;
pub use language::is_language;

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
        /// So long the speech had lasted when it was noticed, in samples.
        lasted: u64,
    },
    /// What somebody has said so far; only while the ear is eager or keen, and lost when nobody takes it.
    Partial(Partial),
    /// Whoever speaks is silent for a moment, and has perhaps finished. [`Heard::Resumed`], [`Heard::Utterance`] or
    /// [`Heard::SpeechDismissed`] follows.
    Paused(Pause),
    /// The speaker goes on: what was made of the pause is void, but for the words before it.
    Resumed {
        /// How long the pause was, in ms.
        silent_ms: u32,
    },
    /// What began was too short or too faint to be speech; nothing follows.
    SpeechDismissed,
    /// Somebody spoke and finished.
    Utterance(Utterance),
    /// The recording is over (file backend); nothing follows.
    Ended,
    /// The microphone failed; nothing follows.
    Lost(MicrophoneError),
    /// The microphone failed and is looked for; what was being said is dismissed. [`Heard::Found`] follows.
    Missing(MicrophoneError),
    /// The microphone is back.
    Found,
    /// The microphone has been closed, as it was wished, or opened again.
    Muted(bool),
    /// The voice detector failed, and so did the one in its place; nothing follows.
    Deaf(OnnxError),
}

/// The beginning of an utterance that is not over.
#[derive(Debug, Clone)]
pub struct Partial {
    /// Mono, 16 kHz: pre-roll and speech up to now.
    pub samples: Vec<f32>,
    /// Speech in it, in ms.
    pub voiced_ms: u32,
    /// Silence since the last of it, in ms.
    pub silent_ms: u32,
}

/// What has been said up to a pause that is perhaps its end.
#[derive(Debug, Clone)]
pub struct Pause {
    /// Which one: numbers rise.
    pub number: u64,
    /// Mono, 16 kHz: pre-roll, speech, and the silence so far.
    pub samples: Vec<f32>,
    /// Whether the wake model has heard its word in it; `None` without such a model.
    pub woken: Option<bool>,
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
    /// Whether the wake model heard its word in it; `None` without such a model.
    pub woken: Option<bool>,
}
