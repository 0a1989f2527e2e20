//! An HTTP server on the loopback that does exactly what a script says, however rude: each connection gets the next
//! script. It keeps what it was asked and tells when the other side closes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Notify, mpsc};

/// What the server does on a connection, once the request is there.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends bytes in one piece.
    Send(Vec<u8>),
    /// Sends bytes one by one.
    Drip(Vec<u8>),
    /// Sends bytes over and over until the other side closes.
    Flood(Vec<u8>),
    /// Does nothing until it is told to go on.
    Wait(Arc<Notify>),
    /// Does nothing until the other side closes.
    Hang,
}

/// A server that runs as long as the test's runtime.
pub struct Server {
    /// The port; 0 on a Unix socket.
    pub port: u16,
    /// The requests so far, heads and bodies.
    pub requests: Arc<Mutex<Vec<String>>>,
    /// Bytes that were sent in floods.
    pub flooded: Arc<AtomicUsize>,
    closed: mpsc::UnboundedReceiver<()>,
}

impl Server {
    /// Serves on a free port of the loopback.
    pub async fn start(scripts: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mut server, log) = Self::new();
        server.port = port;
        tokio::spawn(async move {
            for script in scripts {
                let (socket, _) = listener.accept().await.unwrap();
                socket.set_nodelay(true).unwrap();
                tokio::spawn(log.clone().follow(socket, script));
            }
        });
        server
    }

    /// Serves on a Unix socket.
    pub fn start_unix(listener: UnixListener, scripts: Vec<Vec<Step>>) -> Self {
        let (server, log) = Self::new();
        tokio::spawn(async move {
            for script in scripts {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(log.clone().follow(socket, script));
            }
        });
        server
    }

    fn new() -> (Self, Log) {
        let (tell, closed) = mpsc::unbounded_channel();
        let server = Self {
            port: 0,
            requests: Arc::default(),
            flooded: Arc::default(),
            closed,
        };
        let log = Log {
            requests: Arc::clone(&server.requests),
            flooded: Arc::clone(&server.flooded),
            tell,
        };
        (server, log)
    }

    /// The base URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// How many requests there were.
    pub fn asked(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// The request number `index`.
    pub fn request(&self, index: usize) -> String {
        self.requests.lock().unwrap()[index].clone()
    }

    /// Waits until the other side closed a connection on which the server still hung or flooded.
    pub async fn hung_up_on(&mut self) {
        let closed = tokio::time::timeout(Duration::from_secs(20), self.closed.recv());
        closed.await.unwrap().unwrap();
    }
}

#[derive(Clone)]
struct Log {
    requests: Arc<Mutex<Vec<String>>>,
    flooded: Arc<AtomicUsize>,
    tell: mpsc::UnboundedSender<()>,
}

impl Log {
    async fn follow<S: AsyncRead + AsyncWrite + Unpin>(self, mut socket: S, script: Vec<Step>) {
        let Some(request) = read_request(&mut socket).await else {
            return;
        };
        self.requests.lock().unwrap().push(request);
        for step in script {
            let sent = match step {
                Step::Send(bytes) => socket.write_all(&bytes).await,
                Step::Drip(bytes) => {
                    for byte in bytes {
                        if socket.write_all(&[byte]).await.is_err() {
                            return;
                        }
                        tokio::task::yield_now().await;
                    }
                    Ok(())
                }
                Step::Flood(bytes) => loop {
                    if let Err(error) = socket.write_all(&bytes).await {
                        let _ = self.tell.send(());
                        break Err(error);
                    }
                    self.flooded.fetch_add(bytes.len(), Ordering::Relaxed);
                },
                Step::Wait(told) => {
                    told.notified().await;
                    Ok(())
                }
                Step::Hang => {
                    let mut one = [0];
                    while socket.read(&mut one).await.is_ok_and(|read| read > 0) {}
                    let _ = self.tell.send(());
                    Ok(())
                }
            };
            if sent.is_err() {
                return;
            }
        }
        let _ = socket.shutdown().await;
    }
}

async fn read_request<S: AsyncRead + Unpin>(socket: &mut S) -> Option<String> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = socket
            .read(&mut piece)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_lowercase()
                        .strip_prefix("content-length: ")
                        .map(str::to_owned)
                })
                .and_then(|length| length.trim().parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                return Some(text.into_owned());
            }
        }
    }
}

/// A response head with `extra` lines; the body goes on until the connection closes.
pub fn head(status: &str, extra: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{extra}\r\n").into_bytes()
}

/// A stream's head and `body`, in one piece.
pub fn stream(body: &str) -> Step {
    let mut bytes = head("200 OK", "content-type: text/event-stream\r\n");
    bytes.extend_from_slice(body.as_bytes());
    Step::Send(bytes)
}

/// A response of `status` with `body`.
pub fn plain(status: &str, extra: &str, body: &str) -> Step {
    let mut bytes = head(status, extra);
    bytes.extend_from_slice(body.as_bytes());
    Step::Send(bytes)
}

/// The event of one token.
pub fn token(text: &str) -> String {
    let chunk = serde_json::json!({
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}],
    });
    format!("data: {chunk}\n\n")
}

/// The event that ends a reply, and `[DONE]`.
pub const DONE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
