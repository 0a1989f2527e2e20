//! How long ggml's threads spin before they sleep, which libgomp reads before `main`.
//!
//! Without a limit OpenMP's threads wait for each other by spinning for milliseconds; as soon as anything else wants
//! the cores, the spinner holds the very core that the thread it waits for needs. Not spinning at all was slower on a
//! quiet machine (Qwen2.5 0.5B, two threads writing on two cores: 33 tokens/s for 49 to 60 at counts of 1 000 to
//! 20 000). A short spin alone does not make two threads steady on busy cores (5 to 29 tokens/s, two runs a count):
//! that takes fewer threads for the reply, see `Threads` in `load.rs`.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What libgomp reads.
pub(crate) const VARIABLE: &str = "GOMP_SPINCOUNT";

/// Iterations of its waiting loop, some tens of microseconds.
pub(crate) const COUNT: &str = "10000";

/// Returns when the limit is set. Otherwise starts this program anew, in the same process, with it set; returns only
/// when that fails.
///
/// # Errors
/// The system's reason.
pub(crate) fn ensure() -> io::Result<()> {
    if env::var_os(VARIABLE).is_some() {
        return Ok(());
    }
    let program = env::current_exe()?;
    Err(Command::new(program)
        .args(env::args_os().skip(1))
        .env(VARIABLE, COUNT)
        .exec())
}
