//! One run of the server: from its start to its end, whichever way that comes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

/// Exit code of a model that cannot be loaded.
const MODEL_UNUSABLE: i32 = 6;

/// Exit code of a model that found no memory, as far as can be told.
const MEMORY_SHORT: i32 = 75;

/// While the model loads, its health is asked this often.
const HEALTH_EVERY: Duration = Duration::from_millis(50);

/// A health answer that takes longer does not count.
const HEALTH_WITHIN: Duration = Duration::from_secs(2);

/// After its stdin is closed the server has this long before it is killed.
const GRACE: Duration = Duration::from_secs(1);

/// What of our environment the server has to do with; a name that ends in `_` stands for all that begin so. Keys are none of it: other
/// programs of the same user can read it there.
const PASSED: [&str; 26] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "TZ",
    "LC_",
    "LD_",
    "DYLD_",
    "RUST_",
    "LLVM_",
    "MALLOC_",
    "GLIBC_",
    "GOMP_",
    "OMP_",
    "GGML_",
    // Graphics cards, and where their drivers are.
    "CUDA_",
    "NVIDIA_",
    "HIP_",
    "HSA_",
    "ROCR_",
    "VK_",
    "MESA_",
    "MTL_",
    "XDG_DATA_",
    "XDG_CONFIG_",
    "XDG_CACHE_",
];

/// Of a line on the server's stderr, so many characters are kept.
const LINE_LIMIT: usize = 500;

/// What to start.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) model: PathBuf,
    pub(super) socket: PathBuf,
    pub(super) context_tokens: u32,
    pub(super) threads: usize,
}

/// How a run ended.
#[derive(Debug)]
pub(super) enum End {
    /// We were asked to stop it, and it is gone.
    Stopped,
    /// Starting it again is of no use as long as its files are what they are.
    Unusable(String),
    /// The system gave it no memory, or something else that it may give later.
    Short(String),
    /// It died.
    Died {
        /// Why, as far as it said.
        reason: String,
        /// How long it was healthy before.
        healthy: Duration,
    },
}

impl Launch {
    /// Runs the server until it ends or `stop` is cancelled; calls `ready` with its process number when it is healthy.
    pub(super) async fn run(&self, stop: &CancellationToken, ready: impl Fn(u32)) -> End {
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(problem) => {
                let reason = format!("cannot start {}: {problem}", self.program.display());
                return match may_pass(&problem) {
                    true => End::Short(reason),
                    false => End::Unusable(reason),
                };
            }
        };
        // The pipe's only writer: when it closes, the server ends. (`wait` would close it too early if left inside.)
        let lifeline = child.stdin.take();
        let said = Arc::new(Mutex::new(String::new()));
        let listener = child
            .stderr
            .take()
            .map(|stderr| tokio::spawn(listen(stderr, Arc::clone(&said))));
        let pid = child.id().unwrap_or_default();

        let mut healthy_since = None;
        let ended = {
            let health = self.healthy();
            tokio::pin!(health);
            loop {
                tokio::select! {
                    () = stop.cancelled() => break None,
                    status = child.wait() => break Some(status),
                    () = &mut health, if healthy_since.is_none() => {
                        healthy_since = Some(Instant::now());
                        ready(pid);
                    }
                }
            }
        };
        drop(lifeline);
        let Some(status) = ended else {
            end(&mut child).await;
            return End::Stopped;
        };
        if let Some(listener) = listener {
            // The pipe ends with the process, so that this is short.
            let _ = timeout(GRACE, listener).await;
        }
        let said = said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match status {
            Ok(status) if status.code() == Some(MODEL_UNUSABLE) => {
                End::Unusable(or_status(said, status))
            }
            Ok(status) if status.code() == Some(MEMORY_SHORT) => {
                End::Short(or_status(said, status))
            }
            Ok(status) => End::Died {
                reason: or_status(said, status),
                healthy: healthy_since.map_or(Duration::ZERO, |since| since.elapsed()),
            },
            Err(problem) => End::Died {
                reason: problem.to_string(),
                healthy: Duration::ZERO,
            },
        }
    }

    /// The files that it can or cannot be started with.
    pub(super) fn files(&self) -> [&Path; 2] {
        [&self.program, &self.model]
    }

    fn spawn(&self) -> std::io::Result<Child> {
        Command::new(&self.program)
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| is_passed(name)))
            .arg("--parent-pipe")
            .arg("--model")
            .arg(&self.model)
            .arg("--socket")
            .arg(&self.socket)
            .args(["--context", &self.context_tokens.to_string()])
            .args(["--threads", &self.threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal is for the daemon, which then stops the server in its order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    /// Ready when `/health` says 200.
    async fn healthy(&self) {
        let client = reqwest::Client::builder()
            .unix_socket(self.socket.clone())
            .no_proxy()
            .timeout(HEALTH_WITHIN)
            .pool_max_idle_per_host(0)
            .build();
        let client = match client {
            Ok(client) => client,
            Err(problem) => {
                tracing::error!("no client for the embedded model's health: {problem}");
                return std::future::pending().await;
            }
        };
        let mut tick = interval(HEALTH_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let answer = client.get("http://localhost/health").send().await;
            if answer.is_ok_and(|a| a.status().is_success()) {
                return;
            }
        }
    }
}

/// Whether a variable of the environment is for the server as well.
fn is_passed(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    PASSED.iter().any(|passed| match passed.ends_with('_') {
        true => name.starts_with(passed),
        false => name == *passed,
    })
}

/// Waits for the end that closing stdin brings, then kills.
async fn end(child: &mut Child) {
    if timeout(GRACE, child.wait()).await.is_err() {
        tracing::warn!("the embedded language model did not end on request and is killed");
        // Fails only when it is gone already.
        let _ = child.start_kill();
        let _ = timeout(GRACE, child.wait()).await;
    }
}

/// Logs what the server says, and keeps the last line of its own.
async fn listen(stderr: ChildStderr, said: Arc<Mutex<String>>) {
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        let line: String = line.trim().chars().take(LINE_LIMIT).collect();
        tracing::debug!("hearken-llm says: {line}");
        if let Some(sentence) = line.strip_prefix("hearken-llm: ") {
            *said.lock().unwrap_or_else(PoisonError::into_inner) = sentence.to_owned();
        }
    }
}

/// Whether a program that could not be started may be later: the system was short of something, or the program was being
/// written.
fn may_pass(problem: &std::io::Error) -> bool {
    use nix::libc::{EAGAIN, EMFILE, ENFILE, ENOMEM, ETXTBSY};
    matches!(
        problem.raw_os_error(),
        Some(EAGAIN | EMFILE | ENFILE | ENOMEM | ETXTBSY)
    )
}

fn or_status(said: String, status: ExitStatus) -> String {
    if said.is_empty() {
        format!("hearken-llm ended with {status}")
    } else {
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_given_no_keys() {
        let passed = |name| is_passed(OsStr::new(name));
        assert!(
            ["PATH", "LC_ALL", "LD_LIBRARY_PATH"]
                .into_iter()
                .all(passed)
        );
        let kept = [
            "OPENAI_API_KEY",
            "HEARKEN_REPLY__KEY",
            "PATH_KEY",
            "LANG_KEY",
        ];
        assert!(!kept.into_iter().any(passed));
    }

    #[test]
    fn what_the_system_is_short_of_may_pass() {
        use nix::libc::{EACCES, EMFILE, ENOENT, ENOEXEC, ENOMEM};
        let passes = |code| may_pass(&std::io::Error::from_raw_os_error(code));
        assert!([EMFILE, ENOMEM].into_iter().all(passes));
        assert!(![ENOENT, EACCES, ENOEXEC].into_iter().any(passes));
    }
}
