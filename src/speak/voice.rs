//! The role of a voice: one clause in, its sound out. Called on the voice thread only.

/// Says clauses.
pub trait Voice: Send {
    /// Synthesizes `text` (already in its spoken form, see [`super::spoken`]). Text without anything to say gives
    /// no samples.
    ///
    /// # Errors
    /// See [`VoiceError`].
    fn say(&mut self, text: &str) -> Result<Speech, VoiceError>;

    /// [`Voice::say`] for a text whose language is known (ISO 639-1; empty when it is not). A voice that speaks one
    /// language alone takes no notice of it.
    ///
    /// # Errors
    /// See [`VoiceError`].
    fn say_in(&mut self, text: &str, language: &str) -> Result<Speech, VoiceError> {
        let _ = language;
        self.say(text)
    }

    /// Speaks at `percent` of its own speed from the next clause on, 50 to 200; beyond that, as near as it gets.
    fn set_rate(&mut self, percent: u32);

    /// What it is called, for logs and `hearken check`.
    fn name(&self) -> String;
}

/// The sound of one clause.
#[derive(Debug, Clone, PartialEq)]
pub struct Speech {
    /// Mono, -1.0..=1.0.
    pub samples: Vec<f32>,
    /// In Hz.
    pub rate: u32,
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// The voice's file cannot be used. Permanent: tell the user to pull or verify the weights.
    #[error("the voice {path} cannot be loaded: {reason}")]
    Model {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The caller no longer wants it. Not a failure.
    #[error("speaking was called off")]
    Aborted,
    /// It broke, and none can be opened in its place: nothing is said any more.
    #[error("the voice cannot be begun anew: {0}")]
    WornOut(String),
    /// This clause failed; the next may not.
    #[error("the voice failed: {0}")]
    Failed(String),
}
