//! A web server on the loopback whose every answer a test writes, down to where the connection breaks off. One thread
//! for each connection; ends with the test's process.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What was asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// The path.
    pub path: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The first byte of `Range: bytes=N-`.
    pub fn range_start(&self) -> Option<usize> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        range.strip_suffix('-')?.parse().ok()
    }
}

/// What is answered.
#[derive(Default)]
pub struct Answer {
    pub status: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// The connection breaks off after so many bytes of the body.
    pub cut: Option<usize>,
    /// Runs when all but the last byte has been sent, or all before the cut.
    pub pause: Option<Box<dyn FnOnce() + Send>>,
}

impl Answer {
    /// 200 with a body.
    pub fn ok(body: &[u8]) -> Self {
        Self {
            status: "200 OK",
            body: body.to_vec(),
            ..Self::default()
        }
    }

    /// An answer without a body.
    pub fn status(status: &'static str) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// As a server that knows ranges answers: 206 with the rest, or all of it.
    pub fn ranged(request: &Request, body: &[u8]) -> Self {
        let mut answer = match request.range_start() {
            Some(start) if start < body.len() => {
                let range = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
                Self {
                    status: "206 Partial Content",
                    headers: vec![("Content-Range", range)],
                    body: body[start..].to_vec(),
                    ..Self::default()
                }
            }
            _ => Self::ok(body),
        };
        answer.headers.push(("ETag", "\"v1\"".to_owned()));
        answer
    }

    /// The same, cut off after so many bytes of the body.
    pub fn cut(mut self, at: usize) -> Self {
        self.cut = Some(at);
        self
    }
}

/// A running server.
pub struct Web {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Web {
    /// Serves what `answer` says to the request and its number, from 0.
    pub fn serve(answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&requests), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let Some(request) = read(&stream) else {
                        return;
                    };
                    let number = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(request.clone());
                        seen.len() - 1
                    };
                    // A client that has gone is the test's own doing.
                    let _ = send(stream, answer(&request, number));
                });
            }
        });
        Self { address, requests }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Some(Request { path, headers })
}

fn send(mut stream: TcpStream, answer: Answer) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {}\r\nConnection: close\r\n", answer.status);
    head += &format!("Content-Length: {}\r\n", answer.body.len());
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    let end = answer.cut.unwrap_or(answer.body.len());
    let before = match (answer.cut, &answer.pause) {
        (None, Some(_)) => end.saturating_sub(1),
        _ => end,
    };
    stream.write_all(&answer.body[..before])?;
    if let Some(pause) = answer.pause {
        stream.flush()?;
        pause();
    }
    stream.write_all(&answer.body[before..end])
}
