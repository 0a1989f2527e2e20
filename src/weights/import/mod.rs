//! A faster-whisper (CTranslate2) checkpoint becomes a ggml file that whisper.cpp reads, in f16 or q8_0.
//!
//! `ct2.rs` reads what lies where, `names.rs` gives the tensors whisper.cpp's names, `aids.rs` reads tokens and mel
//! filters, `ggml.rs` writes, `q8_0.rs` quantizes. A few hundred kilobytes of tensor are in memory at a time,
//! whatever the checkpoint's size, and every length in a file is checked against the file's own before it is believed.

mod aids;
mod ct2;
mod ggml;
mod names;
mod q8_0;

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use ct2::Checkpoint;

/// How numbers are stored in the ggml file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Quant {
    /// 8 bits with a scale for every 32: half the size, a tenth quicker.
    #[value(name = "q8_0")]
    #[serde(rename = "q8_0")]
    Q8,
    /// 16 bits, as faster-whisper's own files.
    F16,
}

impl std::fmt::Display for Quant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Q8 => "q8_0",
            Self::F16 => "f16",
        })
    }
}

/// Why a checkpoint is not converted.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read. Mend its permissions or its name.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// No CTranslate2 whisper checkpoint, or one of a kind that is not known. Import another.
    #[error("{path} is no CTranslate2 whisper checkpoint that can be imported: {reason}")]
    NotACheckpoint {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// Tokens or mel filters are not what they should be. Pull them again.
    #[error("{path} cannot be used for the import: {reason}")]
    Aid {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The result cannot be written.
    #[error("cannot write the imported weights: {0}")]
    Write(#[source] std::io::Error),
}

/// Writes the checkpoint as ggml to `out`, with the `tokens` (a `.tiktoken` file) and the `mel` filters (`.npz`) of
/// the whisper package. `progress` gets the tensor bytes read so far, of [`Checkpoint::bytes`].
///
/// The language of the tokens follows from the vocabulary: see [`Checkpoint::is_english`].
///
/// # Errors
/// [`ImportError`]; then what was written to `out` is worthless.
pub fn convert(
    checkpoint: &mut Checkpoint,
    tokens: &Path,
    mel: &Path,
    quant: Quant,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> Result<(), ImportError> {
    let shape = names::Shape::of(checkpoint)?;
    let tensors = names::tensors(checkpoint, &shape)?;
    let words = aids::tokens(tokens)?;
    if words.len() as u64 >= u64::from(shape.vocab) {
        return Err(ImportError::Aid {
            path: tokens.display().to_string(),
            reason: format!(
                "it has {} tokens, and the checkpoint only {}",
                words.len(),
                shape.vocab
            ),
        });
    }
    let filters = aids::mel_filters(mel, shape.mels)?;
    ggml::write(
        checkpoint, &shape, &filters, &words, &tensors, quant, out, progress,
    )
}
