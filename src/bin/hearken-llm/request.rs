//! `POST /v1/chat/completions`: from bytes to an order that the inference thread can carry out, or an error in the
//! protocol's shape. Pure. What this server does not know is ignored when harmless (`user`, `logit_bias` …) and refused
//! when the client relies on it (tools, several choices).

use serde::Deserialize;

use crate::answer::ApiError;

/// Longest list of stop strings; OpenAI takes 4.
const MAX_STOPS: usize = 16;
/// Longest stop string, in bytes.
const MAX_STOP_BYTES: usize = 256;
/// A reply without `max_tokens` is cut here: a spoken reply that long is a model gone astray.
const DEFAULT_MAX_TOKENS: u32 = 512;

/// Mild, against the loops of small models. A judgement: no run compared it with 1 over a whole list of questions.
const REPEAT_PENALTY: f32 = 1.05;

/// A checked request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chat {
    /// At least one.
    pub(crate) messages: Vec<Message>,
    /// How to choose the next token.
    pub(crate) sampling: Sampling,
    /// At most so many tokens; 0 only fills the cache.
    pub(crate) max_tokens: u32,
    /// The reply ends before any of these.
    pub(crate) stop: Vec<String>,
    /// Server-sent events, or one body.
    pub(crate) stream: bool,
    /// Whether a stream ends with a chunk of figures.
    pub(crate) include_usage: bool,
}

/// One message, its text whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// `system`, `user` or `assistant`.
    pub(crate) role: &'static str,
    /// What was said.
    pub(crate) text: String,
}

/// How to choose the next token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sampling {
    /// 0 always takes the likeliest.
    pub(crate) temperature: f32,
    /// Among the likeliest that together reach this probability; 1 is off.
    pub(crate) top_p: f32,
    /// Among those at least this share as likely as the likeliest; 0 is off.
    pub(crate) min_p: f32,
    /// Among so many; 0 is off.
    pub(crate) top_k: i32,
    /// Divides the logit of what the reply already has; 1 is off.
    pub(crate) repeat_penalty: f32,
    /// Subtracted for each time; 0 is off.
    pub(crate) frequency_penalty: f32,
    /// Subtracted once; 0 is off.
    pub(crate) presence_penalty: f32,
    /// The same seed gives the same reply; none takes another one each time.
    pub(crate) seed: Option<u32>,
}

#[derive(Deserialize)]
struct Body {
    messages: Vec<RawMessage>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    min_p: Option<f32>,
    top_k: Option<i32>,
    repeat_penalty: Option<f32>,
    frequency_penalty: Option<f32>,
    presence_penalty: Option<f32>,
    seed: Option<i64>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    stop: Option<Stop>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    n: Option<u32>,
    #[serde(default)]
    tools: Option<Vec<serde_json::Value>>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct RawMessage {
    role: String,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

/// Reads and checks the body.
///
/// # Errors
/// Status 400, naming the parameter.
pub(crate) fn parse(body: &[u8]) -> Result<Chat, ApiError> {
    let body: Body = serde_json::from_slice(body)
        .map_err(|e| ApiError::invalid(None, format!("the body is not a chat request: {e}")))?;
    if body.n.is_some_and(|n| n != 1) {
        return Err(ApiError::invalid(
            Some("n"),
            "only one choice is given: n must be 1",
        ));
    }
    if body.tools.is_some_and(|tools| !tools.is_empty()) {
        return Err(ApiError::invalid(
            Some("tools"),
            "this server knows no tools",
        ));
    }
    if body.messages.is_empty() {
        return Err(ApiError::invalid(Some("messages"), "messages is empty"));
    }
    let messages = body
        .messages
        .into_iter()
        .enumerate()
        .map(|(index, message)| check_message(index, message))
        .collect::<Result<_, _>>()?;

    let sampling = Sampling {
        temperature: within("temperature", body.temperature, 0.7, 0.0, 2.0)?,
        top_p: within("top_p", body.top_p, 0.95, 0.0, 1.0)?,
        min_p: within("min_p", body.min_p, 0.05, 0.0, 1.0)?,
        top_k: body.top_k.unwrap_or(40).clamp(0, 1_000_000),
        repeat_penalty: within(
            "repeat_penalty",
            body.repeat_penalty,
            REPEAT_PENALTY,
            0.1,
            10.0,
        )?,
        frequency_penalty: within("frequency_penalty", body.frequency_penalty, 0.0, -2.0, 2.0)?,
        presence_penalty: within("presence_penalty", body.presence_penalty, 0.0, -2.0, 2.0)?,
        // llama.cpp takes 32 bits; a negative seed means "any" there and here.
        seed: body
            .seed
            .and_then(|s| u64::try_from(s).ok())
            .map(|s| (s % u64::from(u32::MAX)) as u32),
    };
    let stop = match body.stop {
        None => Vec::new(),
        Some(Stop::One(one)) => vec![one],
        Some(Stop::Many(many)) => many,
    };
    if stop.len() > MAX_STOPS || stop.iter().any(|s| s.len() > MAX_STOP_BYTES) {
        return Err(ApiError::invalid(
            Some("stop"),
            format!("at most {MAX_STOPS} stop strings of {MAX_STOP_BYTES} bytes"),
        ));
    }
    Ok(Chat {
        messages,
        sampling,
        max_tokens: body
            .max_completion_tokens
            .or(body.max_tokens)
            .unwrap_or(DEFAULT_MAX_TOKENS),
        stop,
        stream: body.stream.unwrap_or(false),
        include_usage: body
            .stream_options
            .and_then(|o| o.include_usage)
            .unwrap_or(false),
    })
}

fn check_message(index: usize, message: RawMessage) -> Result<Message, ApiError> {
    let place = |what: &str| format!("messages[{index}].{what}");
    let role = match message.role.as_str() {
        "system" | "developer" => "system",
        "user" => "user",
        "assistant" => "assistant",
        other => {
            return Err(ApiError::invalid(
                Some(&place("role")),
                format!("{other:?} is none of system, user, assistant"),
            ));
        }
    };
    let text = match message.content {
        None => String::new(),
        Some(Content::Text(text)) => text,
        Some(Content::Parts(parts)) => {
            let mut whole = String::new();
            for part in parts {
                match (part.kind.as_str(), part.text) {
                    ("text", Some(text)) => whole.push_str(&text),
                    (kind, _) => {
                        return Err(ApiError::invalid(
                            Some(&place("content")),
                            format!("only text is understood, not {kind:?}"),
                        ));
                    }
                }
            }
            whole
        }
    };
    if text.contains('\0') {
        return Err(ApiError::invalid(
            Some(&place("content")),
            "the text has a NUL character",
        ));
    }
    Ok(Message { role, text })
}

fn within(
    name: &str,
    value: Option<f32>,
    default: f32,
    low: f32,
    high: f32,
) -> Result<f32, ApiError> {
    let value = value.unwrap_or(default);
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        Err(ApiError::invalid(
            Some(name),
            format!("{name} = {value} is outside {low} to {high}"),
        ))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::parse;
    use serde_json::{Value, json};

    fn refused(body: &Value) -> String {
        let error = parse(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.status, 400);
        format!("{}: {}", error.param.unwrap_or_default(), error.message)
    }

    fn hello() -> Value {
        json!({"messages": [{"role": "user", "content": "hello"}]})
    }

    fn with(key: &str, value: Value) -> Value {
        let mut body = hello();
        body[key] = value;
        body
    }

    #[test]
    fn a_plain_request_gets_the_defaults() {
        let chat = parse(hello().to_string().as_bytes()).unwrap();
        assert_eq!(chat.messages[0].role, "user");
        assert_eq!(chat.messages[0].text, "hello");
        assert_eq!((chat.stream, chat.include_usage), (false, false));
        assert_eq!(chat.max_tokens, 512);
        assert_eq!(chat.sampling.seed, None);
    }

    #[test]
    fn what_the_client_asks_is_kept() {
        let body = json!({
            "model": "any", "user": "ignored", "stream": true, "stream_options": {"include_usage": true},
            "temperature": 0, "max_tokens": 9, "max_completion_tokens": 7, "seed": 5, "stop": "END",
            "messages": [{"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                         {"role": "assistant", "content": null}],
        });
        let chat = parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(chat.messages[0].text, "ab");
        assert_eq!(chat.messages[0].role, "system");
        assert_eq!(chat.messages[1].text, "");
        assert_eq!((chat.stream, chat.include_usage), (true, true));
        assert_eq!((chat.max_tokens, chat.sampling.seed), (7, Some(5)));
        assert_eq!(chat.stop, ["END"]);
    }

    #[test]
    fn zero_tokens_are_allowed_to_fill_the_cache() {
        let chat = parse(with("max_tokens", json!(0)).to_string().as_bytes()).unwrap();
        assert_eq!(chat.max_tokens, 0);
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        assert!(refused(&json!({"messages": []})).starts_with("messages: "));
        assert!(refused(&with("n", json!(2))).starts_with("n: "));
        assert!(refused(&with("tools", json!([{}]))).starts_with("tools: "));
        assert!(refused(&with("temperature", json!(3))).starts_with("temperature: "));
        assert!(refused(&with("top_p", json!(-1))).starts_with("top_p: "));
        assert!(refused(&with("repeat_penalty", json!(0))).starts_with("repeat_penalty: "));
        assert!(refused(&with("stop", json!(vec!["x"; 17]))).starts_with("stop: "));
        assert!(refused(&with("max_tokens", json!(-1))).contains("not a chat request"));
        let role = json!({"messages": [{"role": "tool", "content": "x"}]});
        assert!(refused(&role).starts_with("messages[0].role: "));
        let image = json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]});
        assert!(refused(&image).starts_with("messages[0].content: "));
        let nul = json!({"messages": [{"role": "user", "content": "a\u{0}b"}]});
        assert!(refused(&nul).contains("NUL"));
    }

    #[test]
    fn no_json_is_refused() {
        for body in [&b""[..], b"{", b"[]", b"\xFF"] {
            assert_eq!(parse(body).unwrap_err().status, 400);
        }
    }
}
