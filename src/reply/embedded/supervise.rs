//! The task that keeps the server running: starts it, and starts it again with growing pauses when it dies.

use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::server::{End, Launch};

/// Where the server is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It loads the model.
    Starting,
    /// It answers.
    Ready {
        /// Its process.
        pid: u32,
    },
    /// It died of this and will be started again.
    Down(String),
    /// It cannot work, for this reason, and is not started again.
    Broken(String),
    /// We stopped it.
    Stopped,
}

/// Runs until `stop` is cancelled or the server turns out unusable. The socket's folder goes with it.
pub(super) async fn run(
    launch: Launch,
    folder: TempDir,
    state: watch::Sender<State>,
    stop: CancellationToken,
) {
    let mut backoff = Backoff::new();
    loop {
        state.send_replace(State::Starting);
        let ready = |pid| {
            tracing::debug!(pid, "the embedded language model is ready");
            state.send_replace(State::Ready { pid });
        };
        match launch.run(&stop, ready).await {
            End::Stopped => break,
            End::Unusable(reason) => {
                tracing::warn!("the embedded language model cannot be used: {reason}");
                state.send_replace(State::Broken(reason));
                return;
            }
            End::Died { reason, healthy } => {
                let pause = backoff.pause(healthy);
                tracing::warn!(
                    "the embedded language model ended ({reason}) and is started again in {} ms",
                    pause.as_millis()
                );
                state.send_replace(State::Down(reason));
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = sleep(pause) => {}
                }
            }
        }
    }
    drop(folder);
    state.send_replace(State::Stopped);
}
