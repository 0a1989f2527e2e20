//! How long ggml's threads spin before they sleep, which libgomp reads before `main`.
//!
//! Without a limit OpenMP's threads wait for each other by spinning for milliseconds; as soon as anything else wants
//! the cores, the spinner holds the very core that the thread it waits for needs: Qwen2.5 0.5B on two busy cores wrote
//! 0.6 to 1.5 tokens/s at a count of 200 000. Not spinning at all costs 40 % of the speed on a quiet machine (33 for
//! 55 tokens/s). From 1 000 to 20 000 neither happens.

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
