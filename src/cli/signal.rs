//! SIGINT and SIGTERM: the first asks, the second forces.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit code when SIGINT ended it, as shells give it.
pub const INTERRUPTED: u8 = 130;
/// Exit code when it was forced: a second signal, or the deadline.
pub const FORCED: u8 = 137;
/// After the first signal everything must have ended within this.
const DEADLINE: Duration = Duration::from_secs(10);

/// The wish to stop.
#[derive(Clone)]
pub struct Stop {
    token: CancellationToken,
    exit: Arc<AtomicU8>,
}

/// SIGINT ended the command. SIGTERM is the service manager's ordinary way and ends it with 0.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

impl Stop {
    /// Watches for signals from now on.
    ///
    /// # Errors
    /// When the operating system gives no signal handler.
    pub fn on_signals() -> std::io::Result<Self> {
        let stop = Self {
            token: CancellationToken::new(),
            exit: Arc::new(AtomicU8::new(0)),
        };
        let (mut int, mut term) = (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        );
        tracing::debug!("signals are heard");
        let watching = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = int.recv() => watching.exit.store(INTERRUPTED, Ordering::Relaxed),
                _ = term.recv() => {}
                // Somebody wished it in another way.
                () = watching.token.cancelled() => {}
            }
            watching.token.cancel();
            // A thread that hangs in a model or a device must not keep the process.
            std::thread::spawn(|| {
                std::thread::sleep(DEADLINE);
                force("it did not stop within 10 s");
            });
            tokio::select! { _ = int.recv() => {}, _ = term.recv() => {} }
            force("stopped by a second signal");
        });
        Ok(stop)
    }

    /// A terminal that closes is a wish to stop as well.
    ///
    /// # Errors
    /// When the operating system gives no signal handler.
    pub fn also_on_hang_up(&self) -> std::io::Result<()> {
        let mut hung_up = signal(SignalKind::hangup())?;
        let token = self.token.clone();
        tokio::spawn(async move {
            hung_up.recv().await;
            token.cancel();
        });
        Ok(())
    }

    /// Cancelled by the first signal.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// How the command ends when it stopped in order.
    ///
    /// # Errors
    /// [`Interrupted`] after SIGINT.
    pub fn outcome(&self) -> anyhow::Result<()> {
        if self.exit.load(Ordering::Relaxed) == INTERRUPTED {
            return Err(Interrupted.into());
        }
        Ok(())
    }
}

/// Lets the system end the process when it writes to a closed pipe, as other programs do (`| head`).
pub fn end_on_closed_pipe() {
    // SAFETY: the default action runs no code of ours.
    let _ = unsafe {
        nix::sys::signal::signal(
            nix::sys::signal::Signal::SIGPIPE,
            nix::sys::signal::SigHandler::SigDfl,
        )
    };
}

/// SIGUSR1 is for `hearken run`.
pub fn ignore_pushes() {
    // SAFETY: ignoring runs no code of ours.
    let _ = unsafe {
        nix::sys::signal::signal(
            nix::sys::signal::Signal::SIGUSR1,
            nix::sys::signal::SigHandler::SigIgn,
        )
    };
}

fn force(why: &str) {
    eprintln!("hearken: {why}");
    leave(FORCED);
}

/// Ends the process although a thread hangs in a model or a device.
pub fn leave(code: u8) -> ! {
    // SAFETY: takes no pointer and does not return. The ordinary exit would take down the models' libraries while
    // their threads are at work in them, which ends in a crash.
    unsafe { libc::_exit(code.into()) }
}
