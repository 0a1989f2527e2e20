//! The task that keeps the server running: starts it, and starts it again with growing pauses when it dies. One that cannot be
//! used is tried again when one of its files is another, and now and then.

use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::server::{End, Launch};
use crate::again::again;

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
    /// Memory is short, time after time; it is started again.
    Short(String),
    /// It cannot work, for this reason, as long as its files are what they are.
    Broken(String),
    /// We stopped it.
    Stopped,
}

/// So often in a row memory may be short before whoever waits is told; until then it may come any moment.
const SHORT_TOLD_FROM: u32 = 3;

/// The files of a server that cannot be used are looked at so often.
const LOOKS_EVERY: Duration = Duration::from_secs(2);

/// One that cannot be used is tried again after this, whatever its files say: the reason may have been another.
const TRIES_EVERY: Duration = Duration::from_secs(300);

/// Runs until `stop` is cancelled. The socket's folder goes with it.
pub(super) async fn run(
    launch: Launch,
    folder: TempDir,
    state: watch::Sender<State>,
    stop: CancellationToken,
) {
    let what = "what keeps the language model running";
    let all = (launch, state, stop);
    let (_, state, _) = again(what, all, |(launch, state, stop)| {
        Box::pin(keep(launch, state, stop))
    })
    .await;
    drop(folder);
    state.send_replace(State::Stopped);
}

async fn keep(launch: &Launch, state: &watch::Sender<State>, stop: &CancellationToken) {
    let mut backoff = Backoff::new();
    let mut short = 0;
    let mut told = String::new();
    loop {
        state.send_replace(State::Starting);
        let files = launch.files().map(age);
        let ready = |pid| {
            tracing::debug!(pid, "the embedded language model is ready");
            state.send_replace(State::Ready { pid });
        };
        let end = launch.run(stop, ready).await;
        short = match end {
            End::Short(_) => short + 1,
            _ => 0,
        };
        let pause = match end {
            End::Stopped => break,
            End::Unusable(reason) => {
                // Once: it is tried again for as long as it takes.
                if reason != told {
                    tracing::warn!("the embedded language model cannot be used: {reason}");
                    told.clone_from(&reason);
                }
                state.send_replace(State::Broken(reason));
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = another(launch, files) => {}
                }
                continue;
            }
            End::Short(reason) => {
                let pause = backoff.pause(Duration::ZERO);
                warn_of(&reason, pause);
                state.send_replace(match short < SHORT_TOLD_FROM {
                    true => State::Down(reason),
                    false => State::Short(reason),
                });
                pause
            }
            End::Died { reason, healthy } => {
                let pause = backoff.pause(healthy);
                warn_of(&reason, pause);
                state.send_replace(State::Down(reason));
                pause
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = sleep(pause) => {}
        }
    }
}

fn warn_of(reason: &str, pause: Duration) {
    tracing::warn!(
        "the embedded language model ended ({reason}) and is started again in {} ms",
        pause.as_millis()
    );
}

/// What of a file is another once it was written or replaced; `None` when it is not there.
fn age(file: &Path) -> Option<(SystemTime, u64)> {
    let about = std::fs::metadata(file).ok()?;
    Some((about.modified().ok()?, about.len()))
}

/// Returns when the server is to be tried again: one of its files is not what it was, or long has passed.
async fn another(launch: &Launch, files: [Option<(SystemTime, u64)>; 2]) {
    let until = Instant::now() + TRIES_EVERY;
    while Instant::now() < until && launch.files().map(age) == files {
        sleep(LOOKS_EVERY).await;
    }
}
