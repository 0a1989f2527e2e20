//! The embedded language model: `hearken-llm`, started, watched and stopped here, spoken to over a Unix socket like any
//! other OpenAI-compatible server. Runs on tokio tasks.
//!
//! *Invariant*: the server ends when this process ends, however that ends. Its stdin is a pipe that only this process
//! holds the other end of; the kernel closes it, even after `kill -9`.

mod backoff;
mod latest;
mod place;
mod server;
mod supervise;

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::config::Config;
use crate::reply::model::{LanguageModel, Message, ModelError, TextStream};
use crate::reply::openai;

use latest::Latest;
use server::Launch;
use supervise::State;

pub use place::find_program;

/// A reply that finds the server just gone is asked again so often, once the server is back.
const ATTEMPTS: u32 = 3;

/// The watcher sees a death at once; this only bounds the wait for it.
const NOTICED_WITHIN: Duration = Duration::from_millis(500);

/// The watcher stops the server within 2 s; this only bounds the wait for the watcher.
const STOPPED_WITHIN: Duration = Duration::from_secs(4);

/// What to start, and how to ask it.
#[derive(Debug, Clone)]
pub struct EmbeddedSettings {
    /// The server's program; [`find_program`] finds it.
    pub program: PathBuf,
    /// The GGUF file.
    pub model: PathBuf,
    /// The context, in tokens.
    pub context_tokens: u32,
    /// Threads that compute; 0 lets the server choose.
    pub threads: usize,
    /// Where the folder with the socket is made; none takes `XDG_RUNTIME_DIR`, else the folder for temporary files.
    pub socket_dir: Option<PathBuf>,
    /// 0 always takes the likeliest word; up to 2.
    pub temperature: f32,
    /// A reply is cut after so many tokens.
    pub max_tokens: u32,
    /// For the connection to be accepted.
    pub connect_timeout: Duration,
    /// For the first token, loading or a restart of the server included.
    pub first_token_timeout: Duration,
    /// For each further token.
    pub next_token_timeout: Duration,
}

impl EmbeddedSettings {
    /// What `[reply]` says, for the GGUF file `model`.
    ///
    /// # Errors
    /// [`EmbeddedError::ProgramMissing`].
    pub fn from_config(config: &Config, model: PathBuf) -> Result<Self, EmbeddedError> {
        let reply = &config.reply;
        Ok(Self {
            program: find_program()?,
            model,
            context_tokens: reply.context_tokens,
            threads: reply.threads,
            socket_dir: None,
            temperature: reply.temperature,
            max_tokens: reply.max_tokens,
            connect_timeout: Duration::from_millis(reply.connect_timeout_ms),
            first_token_timeout: Duration::from_millis(reply.first_token_timeout_ms),
            next_token_timeout: Duration::from_millis(reply.next_token_timeout_ms),
        })
    }
}

/// Why the server was not even started.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// Install hearken as a whole.
    #[error(
        "hearken-llm is neither beside {} nor in PATH; install it there, or set HEARKEN_LLM to its path", .beside.display()
    )]
    ProgramMissing {
        /// This program.
        beside: PathBuf,
    },
    /// Pull or name the model.
    #[error("cannot read the language model {}: {source}", .path.display())]
    ModelMissing {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Name a file of the right format.
    #[error("{} is no language model: it is no GGUF file; name one in reply.model", .path.display())]
    NoModel {
        /// The file.
        path: PathBuf,
    },
    /// Make room, or set `XDG_RUNTIME_DIR`.
    #[error("cannot make a folder for the language model's socket in {}: {source}", .parent.display())]
    Folder {
        /// Where it was tried.
        parent: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Our bug: called outside of a tokio runtime, or with settings that make no client.
    #[error("the embedded language model cannot be watched: {0}")]
    Internal(String),
}

/// The embedded language model. Dropping it stops the server; [`Embedded::stop`] does so and waits.
#[derive(Debug)]
pub struct Embedded {
    shared: Arc<Shared>,
    /// Asks for one token only: see [`Embedded::prewarm`].
    warmer: openai::Client,
    watcher: Mutex<Option<JoinHandle<()>>>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

/// Whether it begins as every GGUF file does.
fn is_gguf(path: &Path) -> io::Result<bool> {
    let mut begins = Vec::new();
    std::fs::File::open(path)?
        .take(4)
        .read_to_end(&mut begins)?;
    Ok(begins == b"GGUF")
}

/// What replies under way need.
#[derive(Debug)]
struct Shared {
    client: openai::Client,
    label: String,
    first_token_timeout: Duration,
    state: watch::Receiver<State>,
    /// What is to be read ahead.
    ahead: Latest<Vec<Message>>,
}

impl Embedded {
    /// Starts the server and the task that watches it, and returns at once: the model loads meanwhile, and replies wait
    /// for it. To be called on a tokio runtime.
    ///
    /// # Errors
    /// See [`EmbeddedError`]. A model that cannot be loaded shows later, as [`ModelError::CannotStart`] of a reply.
    pub fn start(settings: EmbeddedSettings) -> Result<Self, EmbeddedError> {
        let runtime = Handle::try_current().map_err(|e| EmbeddedError::Internal(e.to_string()))?;
        if !is_gguf(&settings.model).map_err(|source| EmbeddedError::ModelMissing {
            path: settings.model.clone(),
            source,
        })? {
            return Err(EmbeddedError::NoModel {
                path: settings.model,
            });
        }
        let folder = place::socket_folder(settings.socket_dir.as_deref())?;
        let socket = folder.path().join("llm.sock");
        let stem = settings.model.file_stem().unwrap_or_default();
        let label = format!("embedded {}", stem.to_string_lossy());
        let client = |max_tokens| {
            openai::Client::new(openai::Settings {
                base_url: "http://localhost/v1".into(),
                unix_socket: Some(socket.clone()),
                model: String::new(),
                key: None,
                temperature: settings.temperature,
                max_tokens,
                connect_timeout: settings.connect_timeout,
                first_token_timeout: settings.first_token_timeout,
                next_token_timeout: settings.next_token_timeout,
                label: label.clone(),
            })
            .map_err(|e| EmbeddedError::Internal(e.to_string()))
        };
        let (tell, state) = watch::channel(State::Starting);
        let stop = CancellationToken::new();
        let shared = Shared {
            client: client(settings.max_tokens)?,
            label: label.clone(),
            first_token_timeout: settings.first_token_timeout,
            state,
            ahead: Latest::default(),
        };
        let warmer = client(1)?;
        let launch = Launch {
            program: settings.program,
            model: settings.model,
            socket: socket.clone(),
            context_tokens: settings.context_tokens,
            threads: settings.threads,
        };
        let watcher = runtime.spawn(supervise::run(launch, folder, tell, stop.clone()));
        Ok(Self {
            shared: Arc::new(shared),
            warmer,
            watcher: Mutex::new(Some(watcher)),
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        })
    }

    /// Waits until the model is loaded, at most as long as a reply would wait for its first token.
    ///
    /// # Errors
    /// [`ModelError::CannotStart`] as long as its files are what they are, [`ModelError::NotReady`] for now.
    pub async fn ready(&self) -> Result<(), ModelError> {
        let deadline = Instant::now() + self.shared.first_token_timeout;
        self.shared.ready(deadline).await
    }

    /// Has the server compute `messages` (the system prompt, say), so that the first turn need not.
    ///
    /// # Errors
    /// As a reply.
    pub async fn prewarm(&self, messages: Vec<Message>) -> Result<(), ModelError> {
        prewarm(&self.shared, &self.warmer, messages).await
    }

    /// The server's process, while there is one.
    pub fn pid(&self) -> Option<u32> {
        match *self.shared.state.borrow() {
            State::Ready { pid } => Some(pid),
            _ => None,
        }
    }

    /// Stops the server and waits until it is gone, some seconds at most. A second call does nothing.
    pub async fn stop(&self) {
        self.stop.cancel();
        let watcher = self
            .watcher
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(watcher) = watcher
            && timeout(STOPPED_WITHIN, watcher).await.is_err()
        {
            tracing::warn!("the embedded language model did not stop in time");
        }
    }
}

impl LanguageModel for Embedded {
    fn reply(&self, messages: Vec<Message>) -> TextStream {
        let shared = Arc::clone(&self.shared);
        // Read after this, it would only be in the way of what follows.
        shared.ahead.drop_waiting();
        let opened = async move { shared.open(messages).await };
        Box::pin(stream::once(opened).flatten())
    }

    fn is_local(&self) -> bool {
        true
    }

    fn name(&self) -> String {
        self.shared.label.clone()
    }

    fn prepare(&self, messages: Vec<Message>) {
        if !self.shared.ahead.put(messages) {
            return;
        }
        let (shared, warmer) = (Arc::clone(&self.shared), self.warmer.clone());
        tokio::spawn(async move {
            while let Some(messages) = shared.ahead.next() {
                if let Err(error) = prewarm(&shared, &warmer, messages).await {
                    tracing::debug!("the language model was not warmed: {error}");
                }
            }
        });
    }
}

async fn prewarm(
    shared: &Shared,
    warmer: &openai::Client,
    messages: Vec<Message>,
) -> Result<(), ModelError> {
    let deadline = Instant::now() + shared.first_token_timeout;
    shared.ready(deadline).await?;
    let mut reply = warmer.reply(messages);
    while let Some(piece) = reply.next().await {
        piece?;
    }
    Ok(())
}

impl Shared {
    /// The reply's stream once its first item is there.
    async fn open(&self, messages: Vec<Message>) -> TextStream {
        let deadline = Instant::now() + self.first_token_timeout;
        let mut attempt = 1;
        loop {
            if let Err(error) = self.ready(deadline).await {
                return Box::pin(stream::iter([Err(error)]));
            }
            let mut reply = self.client.reply(messages.clone());
            let first = reply.next().await;
            let gone = matches!(
                first,
                Some(Err(ModelError::Unreachable { .. }
                    | ModelError::NotReady { .. }
                    | ModelError::BrokeOff { .. }))
            );
            let last = attempt >= ATTEMPTS || Instant::now() >= deadline;
            if gone && !(last && matches!(first, Some(Err(ModelError::NotReady { .. })))) {
                let mut state = self.state.clone();
                let left = state.wait_for(|s| !matches!(s, State::Ready { .. }));
                let now = timeout(NOTICED_WITHIN, left).await;
                if !last {
                    attempt += 1;
                    continue;
                }
                // What it died of says more than that nobody listens.
                if let Ok(Ok(state)) = &now
                    && let State::Down(reason) = &**state
                {
                    return Box::pin(stream::iter([Err(self.down(reason))]));
                }
            }
            return Box::pin(stream::iter(first).chain(reply));
        }
    }

    async fn ready(&self, deadline: Instant) -> Result<(), ModelError> {
        let at = || self.label.clone();
        let mut state = self.state.clone();
        let settled = state.wait_for(|s| !matches!(s, State::Starting | State::Down(_)));
        match timeout_at(deadline, settled).await {
            Ok(Ok(state)) => match &*state {
                State::Ready { .. } => Ok(()),
                State::Broken(reason) => Err(ModelError::CannotStart {
                    at: at(),
                    reason: reason.clone(),
                }),
                State::Short(reason) => Err(self.down(reason)),
                State::Starting | State::Down(_) | State::Stopped => Err(stopped(at())),
            },
            Ok(Err(_)) => Err(stopped(at())),
            Err(_) => Err(match &*self.state.borrow() {
                State::Down(reason) => self.down(reason),
                _ => self.not_ready("the model is still loading".into()),
            }),
        }
    }

    fn down(&self, reason: &str) -> ModelError {
        self.not_ready(format!("it ended and is started again: {reason}"))
    }

    fn not_ready(&self, detail: String) -> ModelError {
        ModelError::NotReady {
            at: self.label.clone(),
            status: 503,
            detail,
        }
    }
}

fn stopped(at: String) -> ModelError {
    ModelError::Unreachable {
        at,
        reason: "it was stopped".into(),
    }
}
