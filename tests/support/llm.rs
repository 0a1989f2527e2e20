//! Runs `hearken-llm` for tests: waits are bounded, and the server ends with the test.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{sleep, timeout};

/// No wait of a test is longer; a busy machine needs some of it.
pub const BOUND: Duration = Duration::from_secs(90);

/// The small model.
///
/// # Panics
/// When it is not there: such a test fails rather than pass unseen.
pub fn model() -> PathBuf {
    let data = std::env::var_os("HEARKEN_DATA_DIR").map_or_else(xdg_data, PathBuf::from);
    let path = data.join("weights/smollm2-135m-q4_1.gguf");
    assert!(
        path.is_file(),
        "{} is missing: run `hearken weights pull smollm2-135m`, or set HEARKEN_DATA_DIR",
        path.display()
    );
    path
}

fn xdg_data() -> PathBuf {
    let set = std::env::var_os("XDG_DATA_HOME").filter(|p| !p.is_empty());
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".local/share");
    set.map_or_else(home, PathBuf::from).join("hearken")
}

/// The program under test.
pub fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_hearken-llm").into()
}

/// Waits until `condition` holds.
///
/// # Panics
/// When it does not within [`BOUND`].
pub async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let wait = async {
        while !condition().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(BOUND, wait).await.is_ok(), "never: {what}");
}

/// How a server ended.
pub struct Ended {
    /// Its exit code.
    pub code: Option<i32>,
    /// Its stderr.
    pub said: String,
}

/// A running `hearken-llm`.
pub struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Its socket.
    pub socket: PathBuf,
    _folder: Option<TempDir>,
}

impl Server {
    /// Starts it on a socket of its own.
    pub fn spawn(model: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self::spawn_at(model, folder.path().join("llm.sock"));
        server._folder = Some(folder);
        server
    }

    /// Starts it on `socket`.
    pub fn spawn_at(model: &Path, socket: PathBuf) -> Self {
        let mut child = Command::new(program())
            .arg("--parent-pipe")
            .arg("--model")
            .arg(model)
            .arg("--socket")
            .arg(&socket)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        Self {
            child,
            stdin,
            socket,
            _folder: None,
        }
    }

    /// Starts it and waits until it answers.
    pub async fn ready_with(model: &Path) -> Self {
        let server = Self::spawn(model);
        server.ready().await;
        server
    }

    fn client(&self) -> reqwest::Client {
        reqwest::Client::builder()
            .unix_socket(self.socket.clone())
            .no_proxy()
            .timeout(BOUND)
            .build()
            .unwrap()
    }

    /// Waits until the model is loaded.
    pub async fn ready(&self) {
        eventually("the model is loaded", || async {
            let answer = self.client().get("http://llm/health").send().await;
            answer.is_ok_and(|a| a.status() == 200)
        })
        .await;
    }

    /// The first answer to `/health`.
    pub async fn first_health(&self) -> (u16, Value) {
        eventually("the server listens", || async {
            tokio::net::UnixStream::connect(&self.socket).await.is_ok()
        })
        .await;
        self.health().await
    }

    /// `/health`.
    pub async fn health(&self) -> (u16, Value) {
        let answer = self.get("/health").await;
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// A GET.
    pub async fn get(&self, path: &str) -> reqwest::Response {
        let url = format!("http://llm{path}");
        self.client().get(url).send().await.unwrap()
    }

    /// A chat request.
    pub async fn post(&self, body: &Value) -> reqwest::Response {
        let url = "http://llm/v1/chat/completions";
        self.client().post(url).json(body).send().await.unwrap()
    }

    /// A chat request that the server may break off.
    pub async fn try_post(&self, body: &Value) -> Result<reqwest::Response, reqwest::Error> {
        let url = "http://llm/v1/chat/completions";
        self.client().post(url).json(body).send().await
    }

    /// Sends a signal.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
    }

    /// What the end of the parent looks like.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for the end.
    pub async fn ended(&mut self) -> Ended {
        let mut said = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        let wait = async {
            let _ = stderr.read_to_string(&mut said).await;
            self.child.wait().await.unwrap()
        };
        let status = timeout(BOUND, wait).await.expect("the server never ended");
        Ended {
            code: status.code(),
            said: said.trim().to_owned(),
        }
    }
}
