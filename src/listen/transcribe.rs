//! The role of a transcriber: one utterance in, its words out. Called on the transcribe thread only.

use std::sync::atomic::AtomicBool;

/// Turns an utterance into words.
pub trait Transcriber: Send {
    /// Transcribes `samples` (mono, 16 kHz). Blocks; gives up soon after `abort` becomes true.
    ///
    /// # Errors
    /// See [`TranscribeError`]. That nothing was said is not an error: the transcript's text is then empty.
    fn transcribe(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError>;

    /// As [`Transcriber::transcribe`], sooner and less exactly: for the beginning of what is still being said.
    ///
    /// # Errors
    /// As there.
    fn glance(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        self.transcribe(samples, abort)
    }

    /// As [`Transcriber::transcribe`]; what was read and is looked at again before it is believed goes to `first` meanwhile.
    ///
    /// # Errors
    /// As there.
    fn transcribe_twice(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
        first: &mut dyn FnMut(&Transcript),
    ) -> Result<Transcript, TranscribeError> {
        let _ = first;
        self.transcribe(samples, abort)
    }

    /// Words to expect from now on, such as a name, besides those that were set at the beginning. One that expects
    /// nothing takes no notice.
    fn expect(&mut self, words: &str) {
        let _ = words;
    }
}

/// What was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    /// The words, trimmed; empty when there were none that can be trusted.
    pub text: String,
    /// ISO 639-1 code of the language, fixed or detected.
    pub language: String,
    /// Mean log-probability of the tokens, at most 0; nearer to 0 is surer.
    pub mean_logprob: f32,
    /// Why `text` is empty although whisper wrote something.
    pub refused: Option<Refused>,
    /// The words that were refused as unsure; only for whoever looks for one word in them.
    pub doubted: String,
}

/// Why what whisper wrote is not taken for words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A note about sound, such as `[BLANK_AUDIO]` or `(music)`.
    NotWords,
    /// The mean log-probability is below the floor, or whisper says that there is no speech.
    Unsure,
    /// The same words over and over.
    Repetition,
}

/// Why there is no transcript.
#[derive(Debug, thiserror::Error)]
pub enum TranscribeError {
    /// The caller no longer wants it. Not a failure.
    #[error("transcription was called off")]
    Aborted,
    /// The model file cannot be used. Permanent: tell the user to pull or verify the weights.
    #[error("the speech-to-text model {path} cannot be loaded: {reason}")]
    Model {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// This utterance failed; the next may not.
    #[error("transcription failed: {0}")]
    Failed(String),
}
