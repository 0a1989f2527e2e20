//! Loading a model: what is checked before llama.cpp sees the file, and one sentence for each way it fails.

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::thread;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;

use crate::log::LastError;

/// Prompt tokens that are computed at once: between two batches the engine sees whether the client is still there, and
/// larger ones are hardly faster on a processor.
pub(crate) const BATCH: u32 = 128;

/// Beyond this, more threads wait for memory rather than compute.
const MAX_THREADS: u32 = 8;

/// What to load.
#[derive(Debug)]
pub(crate) struct Options {
    /// The GGUF file.
    pub(crate) model: PathBuf,
    /// The context; the model's own limit if that is less.
    pub(crate) context_tokens: u32,
    /// Threads that compute.
    pub(crate) threads: Threads,
}

/// Why the model cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// Another path.
    #[error("cannot read the model {}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Another file.
    #[error("{} is not a GGUF file", .0.display())]
    NotGguf(PathBuf),
    /// A smaller model.
    #[error("not enough memory for {}: it needs {needed_mb} MB and {free_mb} MB are free; choose a smaller model or context", .path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// In 10^6 bytes.
        needed_mb: u64,
        /// In 10^6 bytes.
        free_mb: u64,
    },
    /// Pull the file again.
    #[error("llama.cpp cannot load {}: {reason}; the file is damaged, of an unknown kind, or memory is short", .path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// llama.cpp's words.
        reason: String,
    },
    /// Less context.
    #[error(
        "llama.cpp cannot make a context of {tokens} tokens: {reason}; memory is short: choose a smaller context or model"
    )]
    Context {
        /// What was asked for.
        tokens: u32,
        /// llama.cpp's words.
        reason: String,
    },
    /// Another model.
    #[error("{} has no chat template that can be used: {reason}", .path.display())]
    Template {
        /// The file.
        path: PathBuf,
        /// llama.cpp's words.
        reason: String,
    },
}

impl LoadError {
    /// Whether the same file may load later: memory was short.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Memory { .. } | Self::Context { .. } => true,
            Self::Refused { reason, .. } => is_of_memory(reason),
            Self::Unreadable { .. } | Self::NotGguf(_) | Self::Template { .. } => false,
        }
    }
}

/// Whether llama.cpp said so when the system gave it no memory. That a damaged file asks for more than there can be, it says
/// in other words.
fn is_of_memory(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    [
        "failed to allocate",
        "unable to allocate",
        "cannot allocate",
    ]
    .iter()
    .any(|words| reason.contains(words))
}

/// Threads that compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Threads {
    /// For the prompt, whose batches keep them busy: each thread counts, even on a busy machine.
    pub(crate) prompt: u32,
    /// For the reply. At each token they meet some hundred times, and a machine that is busy with other things (with the
    /// voice that speaks the reply, say) makes all wait whenever one of them waits for its core: measured on two cores,
    /// two threads write 55 tokens/s on a quiet machine and 5 to 29 on a busy one, one thread 43 and 25 to 29.
    pub(crate) reply: u32,
}

impl Threads {
    /// Whether the first words are written at a sprint (see `sprint.rs`): where one thread writes the rest.
    pub(crate) fn sprint(self) -> bool {
        self.reply == 1 && self.prompt == 2
    }
}

impl Threads {
    /// What is asked for, or what fits the machine when that is 0.
    pub(crate) fn choose(asked: u32) -> Self {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::for_machine(asked, u32::try_from(cores).unwrap_or(1))
    }

    /// All cores of a small machine; half of those of a larger one, where two logical cores are one and the other parts
    /// want theirs.
    fn for_machine(asked: u32, cores: u32) -> Self {
        let prompt = match (asked, cores) {
            (0, 0..=4) => cores.max(1),
            (0, _) => (cores / 2).clamp(4, MAX_THREADS),
            (asked, _) => asked,
        };
        Self {
            prompt,
            reply: (prompt / 2).max(1),
        }
    }
}

/// Loads the model.
///
/// # Errors
/// See [`LoadError`].
pub(crate) fn model(
    backend: &LlamaBackend,
    options: &Options,
    log: &LastError,
) -> Result<LlamaModel, LoadError> {
    let path = &options.model;
    let size = check(path)?;
    if let Some(free) = free_memory()
        && size > free
    {
        return Err(LoadError::Memory {
            path: path.clone(),
            needed_mb: size / 1_000_000,
            free_mb: free / 1_000_000,
        });
    }
    // Without a GPU build the layers stay where they are.
    let params = LlamaModelParams::default().with_n_gpu_layers(999);
    LlamaModel::load_from_file(backend, path, &params).map_err(|problem| LoadError::Refused {
        path: path.clone(),
        reason: reason(log, &problem.to_string()),
    })
}

/// Makes the context that one conversation at a time uses.
///
/// # Errors
/// [`LoadError::Context`].
pub(crate) fn context<'m>(
    backend: &LlamaBackend,
    model: &'m LlamaModel,
    options: &Options,
    log: &LastError,
) -> Result<LlamaContext<'m>, LoadError> {
    let trained = model.n_ctx_train();
    let tokens = match trained {
        0 => options.context_tokens,
        limit => options.context_tokens.min(limit),
    };
    let count = |threads: u32| i32::try_from(threads).unwrap_or(1);
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(tokens))
        .with_n_batch(BATCH)
        .with_n_ubatch(BATCH)
        .with_n_seq_max(1)
        .with_n_threads(count(match options.threads.sprint() {
            true => options.threads.prompt,
            false => options.threads.reply,
        }))
        .with_n_threads_batch(count(options.threads.prompt))
        .with_no_perf(true);
    model
        .new_context(backend, params)
        .map_err(|problem| LoadError::Context {
            tokens,
            reason: reason(log, &problem.to_string()),
        })
}

/// llama.cpp's reason on one line: it quotes the file, where anything may stand.
fn reason(log: &LastError, otherwise: &str) -> String {
    let said = log.get();
    let said = if said.is_empty() { otherwise } else { &said };
    said.replace(char::is_control, " ")
}

/// The file's size in bytes, if it is one and begins as a GGUF does.
fn check(path: &Path) -> Result<u64, LoadError> {
    let unreadable = |source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if about.is_dir() {
        return Err(unreadable(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    let mut magic = [0; 4];
    match file.read_exact(&mut magic) {
        Ok(()) if &magic == b"GGUF" => Ok(about.len()),
        Ok(()) => Err(LoadError::NotGguf(path.to_owned())),
        Err(problem) if problem.kind() == io::ErrorKind::UnexpectedEof => {
            Err(LoadError::NotGguf(path.to_owned()))
        }
        Err(problem) => Err(unreadable(problem)),
    }
}

/// Bytes that can be used without swapping, as Linux estimates them; none elsewhere.
fn free_memory() -> Option<u64> {
    available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{LoadError, Threads, available};

    #[test]
    fn threads_fit_the_machine() {
        let chosen = [0, 1, 2, 4, 6, 8, 16, 128].map(|cores| {
            let threads = Threads::for_machine(0, cores);
            (threads.prompt, threads.reply)
        });
        let expected = [
            (1, 1),
            (1, 1),
            (2, 1),
            (4, 2),
            (4, 2),
            (4, 2),
            (8, 4),
            (8, 4),
        ];
        assert_eq!(chosen, expected);
        let asked = Threads::for_machine(3, 16);
        assert_eq!((asked.prompt, asked.reply), (3, 1));
    }

    #[test]
    fn short_memory_may_pass_and_damage_does_not() {
        let refused = |reason: &str| LoadError::Refused {
            path: PathBuf::new(),
            reason: reason.into(),
        };
        for reason in [
            "failed to allocate CPU buffer of size 4096",
            "unable to allocate CPU buffer",
            "mmap failed: Cannot allocate memory",
        ] {
            assert!(refused(reason).may_pass(), "{reason}");
        }
        for reason in [
            "tensor 'a' data is not within the file bounds",
            "encountered bad_alloc error while reading key 3",
        ] {
            assert!(!refused(reason).may_pass(), "{reason}");
        }
    }

    #[test]
    fn available_memory_is_read() {
        let text = "MemTotal:       24646752 kB\nMemFree: 1 kB\nMemAvailable:   1000 kB\n";
        assert_eq!(available(text), Some(1_024_000));
        assert_eq!(available("MemTotal: 3 kB\n"), None);
    }
}
