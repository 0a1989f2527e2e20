//! ONNX Runtime, loaded from a file at run time, and sessions that do not spin.

use std::path::Path;

use ort::session::Session;

/// Keeps ONNX Runtime's own program builds from counting their uses: without it, creating the environment writes an identifier
/// and a database below the user's cache folder and calls a server of the manufacturer's, whatever
/// `DisableTelemetryEvents` is told afterwards (seen with 1.32.0 on Linux).
const NO_TELEMETRY: &str = "ORT_DISABLE_TELEMETRY";

/// Call it first of all in `main`, before any thread exists: it sets an environment variable, without which [`init`]
/// refuses.
pub fn settle() {
    // SAFETY: the caller promises that no other thread exists yet.
    unsafe { std::env::set_var(NO_TELEMETRY, "1") };
}

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
/// [`OnnxError::Runtime`] when `library` is missing or no ONNX Runtime, or when it would call home.
pub fn init(library: &Path) -> Result<(), OnnxError> {
    let failed = |reason: String| OnnxError::Runtime {
        path: library.display().to_string(),
        reason,
    };
    if std::env::var_os(NO_TELEMETRY).is_none_or(|set| set != "1") {
        return Err(failed(format!(
            "it would call its manufacturer; set {NO_TELEMETRY}=1"
        )));
    }
    let builder = ort::init_from(library).map_err(|e| failed(e.to_string()))?;
    builder.with_name("hearken").with_telemetry(false).commit();
    Ok(())
}

/// How long the inputs of a model are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengths {
    /// All the same.
    Alike,
    /// Each another: the runtime plans no memory ahead and keeps none. Of a voice's sentences it would keep a plan for each
    /// length, and 120 of them took 77 MB for no less time; and an arena, which never shrinks, as large as the longest made it:
    /// 117 MB after 24 sentences.
    Any,
}

/// Opens a model for use on `threads` threads of its own, which sleep rather than spin while they wait: a spinning
/// thread starves whisper and the language model on the same cores.
///
/// # Errors
/// [`OnnxError::Model`] when `model` is missing, truncated or no ONNX model. [`init`] must have succeeded before.
pub fn session(model: &Path, threads: usize, lengths: Lengths) -> Result<Session, OnnxError> {
    let failed = |reason: String| OnnxError::Model {
        path: model.display().to_string(),
        reason: reason.lines().next().unwrap_or_default().to_owned(),
    };
    Session::builder()
        .and_then(|b| b.with_intra_threads(threads.max(1)).map_err(Into::into))
        .and_then(|b| b.with_inter_threads(1).map_err(Into::into))
        .and_then(|b| b.with_intra_op_spinning(false).map_err(Into::into))
        .and_then(|b| b.with_inter_op_spinning(false).map_err(Into::into))
        .and_then(|b| {
            b.with_memory_pattern(lengths == Lengths::Alike)
                .map_err(Into::into)
        })
        .and_then(|b| {
            let keeps = lengths == Lengths::Alike;
            let cpu = ort::ep::CPU::default().with_arena_allocator(keeps);
            b.with_execution_providers([cpu.build()])
                .map_err(Into::into)
        })
        .and_then(|mut b| b.commit_from_file(model))
        .map_err(|e| failed(e.to_string()))
}
