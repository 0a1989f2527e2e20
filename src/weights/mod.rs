//! Model files: which there are, where they lie, how they come, and that they are what they say.
//!
//! # Layout
//! | file | job |
//! |---|---|
//! | `catalogue.rs` | the table of known weights (`assets/weights.toml`) and the user's own entries |
//! | `store.rs`     | the folder: where a file lies, whether it is there |
//! | `starter.rs`   | which weights a configuration and a machine ask for |
//! | `pull.rs`, `staging.rs` | carry out a pull: lock, sources in order, digest, name; what is unfinished |
//! | `package.rs`, `download.rs` | the two ways in: a package's member, an https address |
//! | [`import`]     | CTranslate2 whisper checkpoints become ggml |
//! | `landing.rs`   | a file that gets its name only when its digest is right |
//! | `lock.rs`, `verify.rs`, `own.rs` | one writer at a time; digests; the user's `weights.toml` |
//!
//! Everything here blocks and runs on the caller's thread (downloads on a short-lived one of their own). Nothing
//! loads a model.
//!
//! *Invariant*: a file below its own name in the store has had its digest checked, and is replaced only by renaming a
//! checked and synced file over it.

mod catalogue;
mod download;
mod error;
pub mod import;
mod landing;
mod lock;
mod own;
mod package;
mod progress;
mod pull;
mod staging;
mod starter;
mod store;
mod verify;

use serde::{Deserialize, Serialize};

pub use catalogue::{Catalogue, Digest, Entry, File, is_file_name};
pub use error::WeightsError;
pub use own::{Addition, Import, add, add_and_pull, import_file, remove};
pub use progress::{Progress, Silent};
pub use pull::{Check, Options, Pulled, pull};
pub use starter::{Machine, default_llm, needed, starter};
pub use store::{State, Store};
pub use verify::{Verdict, verify};

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
    /// End of turn (ONNX).
    Turn,
    /// Wake-word features (ONNX).
    Wake,
    /// A shared library that runs models.
    Runtime,
    /// Something an import needs (tokens, filters).
    Aid,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Stt => "stt",
            Self::Llm => "llm",
            Self::Voice => "voice",
            Self::Vad => "vad",
            Self::Turn => "turn",
            Self::Wake => "wake",
            Self::Runtime => "runtime",
            Self::Aid => "aid",
        })
    }
}
