//! ONNX Runtime, loaded from a file at run time, and sessions that do not spin.

use std::path::Path;

use ort::session::Session;

/// Why a model cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The runtime's library cannot be loaded. Tell the user to pull or verify the weights.
    #[error("ONNX Runtime cannot be loaded from {path}: {reason}")]
    Runtime {
        /// The library.
        path: String,
        /// The loader's words.
        reason: String,
    },
    /// The model's file cannot be used. Tell the user to pull or verify the weights.
    #[error("{path} is not a usable ONNX model: {reason}")]
    Model {
        /// The file.
        path: String,
        /// The runtime's words, first line.
        reason: String,
    },
}

/// Loads the runtime's library. Once a process; later calls do nothing, whatever their path.
///
/// # Errors
/// [`OnnxError::Runtime`] when `library` is missing or no ONNX Runtime.
pub fn init(library: &Path) -> Result<(), OnnxError> {
    let failed = |reason: String| OnnxError::Runtime {
        path: library.display().to_string(),
        reason,
    };
    let builder = ort::init_from(library).map_err(|e| failed(e.to_string()))?;
    builder.with_name("hearken").with_telemetry(false).commit();
    Ok(())
}

/// Opens a model for use on `threads` threads of its own, which sleep rather than spin while they wait: a spinning
/// thread starves whisper and the language model on the same cores.
///
/// # Errors
/// [`OnnxError::Model`] when `model` is missing, truncated or no ONNX model. [`init`] must have succeeded before.
pub fn session(model: &Path, threads: usize) -> Result<Session, OnnxError> {
    let failed = |reason: String| OnnxError::Model {
        path: model.display().to_string(),
        reason: reason.lines().next().unwrap_or_default().to_owned(),
    };
    Session::builder()
        .and_then(|b| b.with_intra_threads(threads.max(1)).map_err(Into::into))
        .and_then(|b| b.with_inter_threads(1).map_err(Into::into))
        .and_then(|b| b.with_intra_op_spinning(false).map_err(Into::into))
        .and_then(|b| b.with_inter_op_spinning(false).map_err(Into::into))
        .and_then(|mut b| b.commit_from_file(model))
        .map_err(|e| failed(e.to_string()))
}
