//! Push to talk: SIGUSR1, which any desktop can bind to a key, or Enter in the terminal.

use std::io::{BufRead, IsTerminal};
use std::sync::Arc;

use hearken::config::Mode;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// Tells `push` of every push from now on. The signal is taken in every mode, for it would end the program otherwise;
/// the terminal is only read where somebody has to push.
///
/// # Errors
/// When the operating system gives no signal handler or thread.
pub fn listen(push: &Arc<Notify>, mode: Mode) -> std::io::Result<()> {
    let mut pushed = signal(SignalKind::user_defined1())?;
    let by_signal = Arc::clone(push);
    tokio::spawn(async move {
        while pushed.recv().await.is_some() {
            by_signal.notify_one();
        }
    });
    if mode != Mode::PushToTalk || !std::io::stdin().is_terminal() {
        return Ok(());
    }
    // A program in the background that reads the terminal would be stopped: its read fails instead.
    // SAFETY: ignoring runs no code of ours.
    let _ = unsafe {
        nix::sys::signal::signal(
            nix::sys::signal::Signal::SIGTTIN,
            nix::sys::signal::SigHandler::SigIgn,
        )
    };
    let by_key = Arc::clone(push);
    // Nothing ends a read of the terminal: the thread goes with the process.
    std::thread::Builder::new()
        .name("enter".into())
        .spawn(move || {
            for line in std::io::stdin().lock().lines() {
                if line.is_err() {
                    return;
                }
                by_key.notify_one();
            }
        })?;
    Ok(())
}
