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

    /// As [`Transcriber::transcribe`], of an utterance that goes on perhaps: `samples` are its beginning. What was read and is
    /// looked at again before it is believed goes to `first` meanwhile.
    ///
    /// # Errors
    /// As there.
    fn transcribe_stretch(
        &mut self,
        stretch: Stretch,
        samples: &[f32],
        abort: &AtomicBool,
        first: &mut dyn FnMut(&Transcript),
    ) -> Result<Transcript, TranscribeError> {
        let _ = (stretch, first);
        self.transcribe(samples, abort)
    }

    /// What was said right before the samples that come next, for its words and its language; nothing again with `None`. One
    /// that needs no context takes no notice.
    fn follow(&mut self, before: Option<&Transcript>) {
        let _ = before;
    }

    /// Words to expect from now on, such as a name, besides those that were set at the beginning. One that expects
    /// nothing takes no notice.
    fn expect(&mut self, words: &str) {
        let _ = words;
    }
}

/// The beginning of an utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Which utterance: no other has this number.
    pub utterance: u64,
    /// What was read of its first so many samples stands, if it was read at a pause.
    pub stands: usize,
    /// It ends in a pause.
    pub pauses: bool,
}

/// What was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    /// The words, trimmed; empty when there were none that can be trusted.
    pub text: String,
    /// whisper's code of the language (ISO 639-1, where there is one), fixed or detected.
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
    /// There is no memory for the model. That may pass.
    #[error(
        "there is not enough memory for the speech-to-text model {path}; close other programs, or take a smaller one (listen.model)"
    )]
    Memory {
        /// The file.
        path: String,
    },
    /// It broke, and none can be begun in its place: nothing is read any more.
    #[error("speech-to-text cannot be begun anew: {0}")]
    WornOut(String),
    /// This utterance failed; the next may not.
    #[error("transcription failed: {0}")]
    Failed(String),
}
