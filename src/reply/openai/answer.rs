//! What one JSON object of an answer says. Pure.
//!
//! | who | does | read as |
//! |---|---|---|
//! | Ollama | thinking in `delta.reasoning` | a thought: a sign of life, never spoken |
//! | llama.cpp, vLLM, DeepSeek | thinking in `delta.reasoning_content` | the same |
//! | Mistral | `content` as a list of parts | its `text` parts |
//! | OpenAI | `choices: []` with `usage`; `content: null`; `refusal` | nothing; nothing; words |
//! | servers that cannot stream | one object with `message` | the whole reply |
//! | many | `{"error": …}` with HTTP 200 | the failure that it is |

use serde_json::Value;

/// What one object says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Chunk {
    /// Words of the reply.
    pub(super) text: String,
    /// The model thought.
    pub(super) thought: bool,
    /// The reply is complete.
    pub(super) end: Option<End>,
    /// It had the shape of an answer.
    pub(super) is_answer: bool,
    /// The server reports an error.
    pub(super) failure: Option<Failure>,
}

/// Why a reply is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The model had said everything.
    Stop,
    /// The limit of tokens.
    Length,
    /// The server would not let it through.
    Filtered,
    /// The model wanted a tool.
    Tool,
}

/// An error inside an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// The HTTP status that it would have been.
    pub(super) status: Option<u16>,
    /// The server's words, as long as they are.
    pub(super) message: String,
}

/// Reads one object; `is_error` when the event that brought it was an error event.
pub(super) fn read(value: &Value, is_error: bool) -> Chunk {
    if is_error || value.get("error").is_some_and(|e| !e.is_null()) {
        return Chunk {
            failure: Some(failure(value)),
            ..Chunk::default()
        };
    }
    let choices = value.get("choices").and_then(Value::as_array);
    let mut chunk = Chunk {
        is_answer: choices.is_some(),
        ..Chunk::default()
    };
    // Several choices come only to who asks for them; a second one would be a second reply.
    let first = choices.and_then(|choices| {
        let index = |c: &Value| c.get("index").and_then(Value::as_u64).unwrap_or(0);
        choices.iter().find(|c| index(c) == 0)
    });
    let Some(choice) = first else { return chunk };
    let said = ["delta", "message"]
        .into_iter()
        .find_map(|key| choice.get(key).filter(|v| v.is_object()));
    if let Some(said) = said {
        chunk.text = words(said.get("content"));
        chunk.text += &words(said.get("refusal"));
        chunk.thought = ["reasoning", "reasoning_content", "thinking"]
            .iter()
            .any(|key| said.get(key).is_some_and(is_filled));
    } else {
        chunk.text = words(choice.get("text"));
    }
    chunk.end = match choice.get("finish_reason").and_then(Value::as_str) {
        None | Some("") => None,
        Some("length" | "max_tokens") => Some(End::Length),
        Some("content_filter") => Some(End::Filtered),
        Some("tool_calls" | "function_call") => Some(End::Tool),
        Some(_) => Some(End::Stop),
    };
    chunk
}

/// What an error body says, whatever its shape.
pub(super) fn failure(value: &Value) -> Failure {
    let value = match value {
        Value::Array(items) => items.first().unwrap_or(value),
        other => other,
    };
    let error = value.get("error").filter(|e| !e.is_null()).unwrap_or(value);
    let message = match error {
        Value::String(text) => text.clone(),
        _ => ["message", "detail", "error", "msg", "type"]
            .iter()
            .find_map(|key| error.get(key).filter(|v| is_filled(v)))
            .map_or_else(
                || error.to_string(),
                |v| match v {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                },
            ),
    };
    let status = ["code", "status"]
        .iter()
        .filter_map(|key| error.get(key))
        .find_map(|code| match code {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        })
        .and_then(|code| u16::try_from(code).ok())
        .filter(|code| (400..600).contains(code));
    Failure { status, message }
}

/// The parameter of the request that the server objects to, as OpenAI names it.
pub(super) fn refused_parameter(value: &Value) -> Option<&str> {
    value.get("error")?.get("param")?.as_str()
}

fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

fn words(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter(|part| part.get("type").and_then(Value::as_str) == Some("text"))
            .filter_map(|part| part.get("text").and_then(Value::as_str))
            .collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_are_found_wherever_servers_put_them() {
        for (choice, wanted) in [
            (json!({"delta": {"content": "a"}}), "a"),
            (json!({"delta": {"role": "assistant", "content": null}}), ""),
            (json!({"delta": null, "message": {"content": "a"}}), "a"),
            (json!({"text": "a"}), "a"),
            (
                json!({"delta": {"content": [{"type": "text", "text": "a"}, {"type": "thinking", "thinking": []}]}}),
                "a",
            ),
            (json!({"delta": {"refusal": "I cannot."}}), "I cannot."),
            (json!({"delta": {"reasoning": "hm"}}), ""),
            (json!({"delta": {"content": 7}}), ""),
            (json!("nonsense"), ""),
        ] {
            let chunk = read(&json!({ "choices": [choice] }), false);
            assert_eq!(chunk.text, wanted, "{choice}");
            assert!(chunk.is_answer);
        }
    }

    #[test]
    fn thinking_is_a_sign_of_life_only() {
        for key in ["reasoning", "reasoning_content"] {
            let chunk = read(
                &json!({"choices": [{"delta": {key: "hm", "content": ""}}]}),
                false,
            );
            assert!(chunk.thought && chunk.text.is_empty());
            let chunk = read(
                &json!({"choices": [{"delta": {key: null, "content": "a"}}]}),
                false,
            );
            assert!(!chunk.thought && chunk.text == "a");
        }
    }

    #[test]
    fn no_choice_and_a_second_choice_say_nothing() {
        let usage = json!({"choices": [], "usage": {"total_tokens": 3}});
        assert_eq!(
            read(&usage, false),
            Chunk {
                is_answer: true,
                ..Chunk::default()
            }
        );
        let second = json!({"choices": [{"index": 1, "delta": {"content": "b"}}]});
        assert_eq!(read(&second, false).text, "");
        assert!(!read(&json!({"hello": 1}), false).is_answer);
    }

    #[test]
    fn the_end_has_a_reason() {
        for (reason, wanted) in [
            (json!("stop"), Some(End::Stop)),
            (json!("eos"), Some(End::Stop)),
            (json!("length"), Some(End::Length)),
            (json!("tool_calls"), Some(End::Tool)),
            (json!(null), None),
            (json!(""), None),
        ] {
            let chunk = read(
                &json!({"choices": [{"delta": {}, "finish_reason": reason}]}),
                false,
            );
            assert_eq!(chunk.end, wanted);
        }
    }

    #[test]
    fn errors_are_read_in_every_shape() {
        for (value, status, message) in [
            (
                json!({"error": {"message": "m", "code": 503}}),
                Some(503),
                "m",
            ),
            (
                json!({"error": {"message": "m", "code": "invalid_api_key"}}),
                None,
                "m",
            ),
            (json!({"error": "m"}), None, "m"),
            (
                json!([{"error": {"message": "m", "status": "x", "code": "429"}}]),
                Some(429),
                "m",
            ),
            (json!({"detail": "m"}), None, "m"),
            (
                json!({"object": "error", "message": "m", "code": 40_000}),
                None,
                "m",
            ),
        ] {
            let read = failure(&value);
            assert_eq!(
                (read.status, read.message.as_str()),
                (status, message),
                "{value}"
            );
        }
        assert!(read(&json!({"message": "m"}), true).failure.is_some());
        assert!(
            read(&json!({"error": null, "choices": []}), false)
                .failure
                .is_none()
        );
    }
}
