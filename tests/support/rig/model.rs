//! A language model that answers what the scenario says, at the pace of a real one: an OpenAI-compatible server on the
//! loopback, each connection on a thread of its own. Ends with the test's process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::format::{Reply, Scenario};

/// A request to the model: when it came and what it was.
pub type Asked = (Instant, Value);

/// How the model answers.
struct Script {
    replies: Vec<Reply>,
    first_token: Duration,
    token: Duration,
}

/// Serves a scenario's replies and tells `asked` of each request; returns the base URL. A thread serves until nobody
/// listens to `asked`.
pub fn serve(scenario: &Scenario, asked: Sender<Asked>) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/v1", listener.local_addr()?);
    let script = Arc::new(Script {
        replies: scenario.reply.clone(),
        first_token: Duration::from_millis(scenario.first_token_ms),
        token: Duration::from_secs(1) / scenario.words_per_s.max(1) as u32,
    });
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (script, asked) = (Arc::clone(&script), asked.clone());
            std::thread::spawn(move || {
                // A client that goes in the middle is what an interruption looks like.
                let _ = script.answer(stream, &asked);
            });
        }
    });
    Ok(url)
}

/// What it says to what no reply is for.
pub const UNSCRIPTED: &str = "I do not know what to say to that.";

/// The address of a server that is not there: a port that was free a moment ago.
pub fn dead() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    Ok(format!("http://{}/v1", listener.local_addr()?))
}

impl Script {
    fn answer(&self, mut stream: TcpStream, asked: &Sender<Asked>) -> std::io::Result<()> {
        let body = read(&stream)?;
        if body.is_null() {
            // Somebody looks whether it is there.
            return stream.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{\"data\":[]}",
            );
        }
        let messages = body["messages"].as_array().cloned().unwrap_or_default();
        let last = messages.iter().rfind(|m| m["role"] == "user");
        let last = last.and_then(|m| m["content"].as_str()).unwrap_or_default();
        let reply = self
            .replies
            .iter()
            .find(|reply| reply.to.as_ref().is_none_or(|to| to.is_in(last)));
        // The whole conversation, so that a scenario can say what the model must be told.
        let told: Vec<String> = messages
            .iter()
            .map(|m| {
                let role = m["role"].as_str().unwrap_or_default();
                format!("{role}: {}", m["content"].as_str().unwrap_or_default())
            })
            .collect();
        let request = json!({
            "last": last,
            "scripted": reply.is_some(),
            "conversation": told.iter().filter(|t| !t.starts_with("system: ")).cloned().collect::<Vec<_>>().join("\n"),
            "messages": told.join("\n"),
        });
        let _ = asked.send((Instant::now(), request));
        let text = reply.map_or(UNSCRIPTED, |reply| &reply.text);
        stream.set_nodelay(true)?;
        stream.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n",
        )?;
        std::thread::sleep(self.first_token);
        for word in text.split_inclusive(' ') {
            stream.write_all(&chunk(&json!({ "content": word }), &Value::Null))?;
            std::thread::sleep(self.token);
        }
        stream.write_all(&chunk(&json!({}), &json!("stop")))?;
        stream.write_all(b"data: [DONE]\n\n")
    }
}

fn chunk(delta: &Value, reason: &Value) -> Vec<u8> {
    let chunk = json!({
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    });
    format!("data: {chunk}\n\n").into_bytes()
}

/// The JSON body of a request; null where there is none.
fn read(stream: &TcpStream) -> std::io::Result<Value> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}
