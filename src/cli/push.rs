//! Push to talk: SIGUSR1, which any desktop can bind to a key, or Enter in the terminal.

use hearken::config::Mode;
use hearken::turn::order::Order;
use std::io::{BufRead, IsTerminal};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::Sender;

/// Orders hearken to listen with every push from now on. The signal is taken in every mode, for it would end the program otherwise;
/// the terminal is only read where somebody has to push.
///
/// # Errors
/// When the operating system gives no signal handler or thread.
pub fn listen(orders: &Sender<Order>, mode: Mode) -> std::io::Result<()> {
    let mut pushed = signal(SignalKind::user_defined1())?;
    let by_signal = orders.clone();
    tokio::spawn(async move {
        while pushed.recv().await.is_some() {
            // Many pushes at once are one.
            let _ = by_signal.try_send(Order::Listen);
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
    let by_key = orders.clone();
    // Nothing ends a read of the terminal: the thread goes with the process.
    std::thread::Builder::new()
        .name("enter".into())
        .spawn(move || {
            for line in std::io::stdin().lock().lines() {
                if line.is_err() || by_key.blocking_send(Order::Listen).is_err() {
                    return;
                }
            }
        })?;
    Ok(())
}
