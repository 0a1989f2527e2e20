//! One answer while it comes in: bytes to events to speakable text, within its deadlines and limits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Response;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::answer::{self, Chunk, End};
use super::client::Inner;
use super::sse::{BYTE_ORDER_MARK, Decoder, Event, LONGEST_EVENT};
use super::{refusal, thought};
use crate::reply::model::ModelError;

/// A reply is cut after so much text, in bytes: some five hours of speech.
const LONGEST_REPLY: usize = 256 * 1024;
/// A reply that takes longer is given up, thinking included.
const WHOLE_REPLY: Duration = Duration::from_secs(600);
/// A model that thinks first may take so many times `first_token_timeout` for its first spoken word.
const THINKING_FACTOR: u32 = 3;
/// So long the rest of a complete answer is waited for, so that its connection can be used again.
const LINGER: Duration = Duration::from_millis(100);

/// One answer while it comes in.
pub(super) struct Reading {
    inner: Arc<Inner>,
    response: Response,
    shape: Shape,
    thoughts: thought::Filter,
    /// Text that waits to be taken.
    ready: VecDeque<String>,
    /// What ends the answer once `ready` is empty.
    failure: Option<ModelError>,
    asked: Instant,
    /// The last sign of life that counts, and until when the next must come.
    since: Instant,
    deadline: Instant,
    /// Bytes of text so far.
    spoken: usize,
    /// The server said that the reply is complete, or `[DONE]`.
    end: Option<End>,
    /// Something had the shape of an answer.
    is_answer: bool,
    is_over: bool,
}

/// What the body is made of; its first character tells.
enum Shape {
    Unknown(Vec<u8>),
    Events(Decoder),
    /// One object, from a server that cannot stream.
    Object(Vec<u8>),
}

impl Reading {
    pub(super) fn new(inner: Arc<Inner>, response: Response, asked: Instant) -> Self {
        Self {
            deadline: asked + inner.settings.first_token_timeout,
            inner,
            response,
            shape: Shape::Unknown(Vec::new()),
            thoughts: thought::Filter::default(),
            ready: VecDeque::new(),
            failure: None,
            asked,
            since: asked,
            spoken: 0,
            end: None,
            is_answer: false,
            is_over: false,
        }
    }

    /// The next piece of text, the failure that ends the answer, or its end.
    pub(super) async fn next(&mut self) -> Option<Result<String, ModelError>> {
        loop {
            if let Some(text) = self.ready.pop_front() {
                return Some(Ok(text));
            }
            if let Some(error) = self.failure.take() {
                self.is_over = true;
                return Some(Err(error));
            }
            if self.is_over {
                return None;
            }
            match timeout_at(self.deadline, self.response.chunk()).await {
                Ok(Ok(Some(bytes))) => self.take(&bytes),
                Ok(Ok(None)) => self.close(None),
                Ok(Err(error)) => {
                    let reason = refusal::root_cause(&error.without_url());
                    self.close(Some(ModelError::BrokeOff {
                        at: self.at(),
                        reason,
                    }));
                }
                Err(_) => self.close(Some(ModelError::TimedOut {
                    at: self.at(),
                    waited_ms: refusal::millis(self.deadline.duration_since(self.since)),
                })),
            }
        }
    }

    fn at(&self) -> String {
        self.inner.settings.label.clone()
    }

    fn fail(&mut self, error: ModelError) {
        self.failure.get_or_insert(error);
    }

    fn nonsense(&mut self, detail: &str) {
        let error = ModelError::Nonsense {
            at: self.at(),
            detail: self.inner.quote(detail),
        };
        self.fail(error);
    }

    fn take(&mut self, bytes: &[u8]) {
        if let Shape::Unknown(begun) = &mut self.shape {
            begun.extend_from_slice(bytes);
            let begun = std::mem::take(begun);
            match first_character(&begun) {
                Some(b'{' | b'[') => {
                    self.shape = Shape::Object(Vec::new());
                    self.collect(&begun);
                }
                Some(_) => {
                    self.shape = Shape::Events(Decoder::default());
                    self.collect(&begun);
                }
                None if begun.len() > LONGEST_EVENT => self.nonsense("nothing but white space"),
                None => self.shape = Shape::Unknown(begun),
            }
        } else {
            self.collect(bytes);
        }
    }

    fn collect(&mut self, bytes: &[u8]) {
        match &mut self.shape {
            Shape::Unknown(_) => {}
            Shape::Object(body) => {
                body.extend_from_slice(bytes);
                if body.len() > LONGEST_EVENT {
                    self.nonsense("an answer of more than 1 MiB in one piece");
                }
            }
            Shape::Events(decoder) => match decoder.push(bytes) {
                Ok(events) => events.iter().for_each(|event| self.event(event)),
                Err(_) => self.nonsense("an event of more than 1 MiB"),
            },
        }
    }

    fn event(&mut self, event: &Event) {
        if self.failure.is_some() || self.is_over {
            return;
        }
        let mut data = event.data.trim();
        let is_done = match data.strip_suffix("[DONE]") {
            Some(before) => {
                data = before;
                true
            }
            None => false,
        };
        // Servers that forget the empty line between two events make one event of several objects.
        for value in serde_json::Deserializer::from_str(data).into_iter::<Value>() {
            match value {
                Ok(value) => self.chunk(answer::read(&value, event.is_error)),
                Err(_) if event.is_error => {
                    self.chunk(answer::read(&Value::String(data.to_owned()), true));
                }
                Err(_) => self.nonsense(&format!("{} bytes that are no JSON", data.len())),
            }
            if self.failure.is_some() || self.is_over {
                return;
            }
        }
        if is_done {
            self.complete(End::Stop);
        }
    }

    fn chunk(&mut self, chunk: Chunk) {
        if let Some(failure) = chunk.failure {
            let message = self.inner.quote(&failure.message);
            let error = match failure.status {
                Some(status) if self.spoken == 0 => {
                    refusal::from_status(&self.at(), status, None, message)
                }
                _ => ModelError::BrokeOff {
                    at: self.at(),
                    reason: message,
                },
            };
            return self.fail(error);
        }
        self.is_answer |= chunk.is_answer;
        let had_words = !chunk.text.is_empty();
        let text = self.thoughts.push(&chunk.text);
        let thinks = chunk.thought || (had_words && self.thoughts.is_thinking());
        self.speak(text);
        if had_words || thinks {
            self.is_alive();
        }
        if let Some(end) = chunk.end {
            self.complete(end);
        }
    }

    /// Moves the deadline: the model has written something.
    fn is_alive(&mut self) {
        let settings = &self.inner.settings;
        let now = Instant::now();
        if self.end.is_some() {
            return;
        }
        if self.spoken == 0 {
            let latest = self.asked + settings.first_token_timeout * THINKING_FACTOR;
            let next = now + settings.next_token_timeout;
            self.deadline = self.deadline.max(next).min(latest);
        } else {
            self.since = now;
            self.deadline = (now + settings.next_token_timeout).min(self.asked + WHOLE_REPLY);
        }
    }

    fn speak(&mut self, text: String) {
        let mut text = text;
        if self.spoken == 0 {
            text = text.trim_start().to_owned();
        }
        if self.spoken + text.len() > LONGEST_REPLY {
            let room = LONGEST_REPLY.saturating_sub(self.spoken);
            let cut = (0..=room).rev().find(|at| text.is_char_boundary(*at));
            text.truncate(cut.unwrap_or(0));
            tracing::warn!("the reply of {} is cut after 256 KiB", self.at());
            self.is_over = true;
        }
        if !text.is_empty() {
            self.spoken += text.len();
            self.ready.push_back(text);
        }
    }

    /// The server says that this was all: the rest is waited for only shortly.
    fn complete(&mut self, end: End) {
        if self.end.is_none() {
            self.end = Some(end);
            self.since = Instant::now();
            self.deadline = self.since + LINGER;
        }
    }

    /// Nothing more comes, be it for `error` or because the server closed.
    fn close(&mut self, error: Option<ModelError>) {
        if error.is_none() {
            match &mut self.shape {
                Shape::Unknown(_) => {}
                Shape::Events(decoder) => {
                    if let Some(event) = decoder.finish() {
                        self.event(&event);
                    }
                }
                Shape::Object(body) => {
                    let body = std::mem::take(body);
                    self.object(&body);
                }
            }
        }
        if self.failure.is_some() || self.is_over {
            return;
        }
        match (self.end, error) {
            (Some(end), _) => self.finish(end),
            (None, Some(error)) => self.fail(error),
            (None, None) => {
                let received = !matches!(&self.shape, Shape::Unknown(_));
                if received && !self.is_answer {
                    self.nonsense(
                        "nothing that looks like an answer; is this the address of the API?",
                    );
                } else {
                    let error = ModelError::BrokeOff {
                        at: self.at(),
                        reason: "the connection was closed before the end".into(),
                    };
                    self.fail(error);
                }
            }
        }
    }

    /// One object instead of a stream.
    fn object(&mut self, body: &[u8]) {
        let body = String::from_utf8_lossy(body);
        let body = body.trim_start_matches('\u{feff}');
        match serde_json::from_str::<Value>(body) {
            Ok(value) => {
                let is_error = value.is_array();
                self.chunk(answer::read(&value, is_error));
                if self.is_answer {
                    self.complete(End::Stop);
                }
            }
            Err(error) if error.is_eof() => {}
            Err(_) => self.nonsense(&format!("{} bytes that are no JSON", body.len())),
        }
        // An object that stops in the middle had begun like an answer.
        self.is_answer |= serde_json::from_str::<Value>(body).is_err_and(|e| e.is_eof());
    }

    /// A complete answer. One in which the model had nothing to say is no failure, but one is that was kept from it.
    fn finish(&mut self, end: End) {
        let rest = self.thoughts.finish();
        self.speak(rest);
        if self.spoken == 0 {
            match end {
                End::Stop if self.is_answer => {}
                End::Stop => self.nonsense("an end without an answer before it"),
                End::Length => self.nonsense(
                    "no words before the limit of tokens; raise reply.max_tokens or switch its thinking off",
                ),
                End::Filtered => self.nonsense("the server's filter let nothing through"),
                End::Tool => self.nonsense("a call of a tool, which it was not offered"),
            }
        }
        self.is_over = true;
    }
}

/// The first character that is no white space, behind the byte order mark. Half a mark is none yet.
fn first_character(bytes: &[u8]) -> Option<u8> {
    if BYTE_ORDER_MARK.starts_with(bytes) {
        return None;
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    bytes.iter().copied().find(|b| !b.is_ascii_whitespace())
}
