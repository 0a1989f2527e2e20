//! The shapes of the protocol's answers: completions, chunks, figures, errors. Pure.

use serde_json::{Value, json};

/// A refusal in the protocol's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// The HTTP status.
    pub(crate) status: u16,
    /// OpenAI's class of error.
    pub(crate) kind: &'static str,
    /// OpenAI's code, where there is one.
    pub(crate) code: Option<&'static str>,
    /// The parameter at fault.
    pub(crate) param: Option<String>,
    /// One sentence.
    pub(crate) message: String,
}

impl ApiError {
    /// 400: the request is wrong.
    pub(crate) fn invalid(param: Option<&str>, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            kind: "invalid_request_error",
            code: None,
            param: param.map(str::to_owned),
            message: message.into(),
        }
    }

    /// 400: the prompt does not fit.
    pub(crate) fn too_long(prompt_tokens: usize, context_tokens: usize) -> Self {
        Self {
            code: Some("context_length_exceeded"),
            ..Self::invalid(
                Some("messages"),
                format!(
                    "the messages have {prompt_tokens} tokens, and the context of {context_tokens} has to hold a reply as well"
                ),
            )
        }
    }

    /// 404 and 405: no such endpoint.
    pub(crate) fn unknown(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            ..Self::invalid(None, message)
        }
    }

    /// 413: more than the limit.
    pub(crate) fn too_large(limit_bytes: usize) -> Self {
        Self {
            status: 413,
            ..Self::invalid(
                None,
                format!("the request is larger than {limit_bytes} bytes"),
            )
        }
    }

    /// 429: the queue is full.
    pub(crate) fn busy() -> Self {
        Self {
            status: 429,
            kind: "rate_limit_error",
            code: Some("rate_limit_exceeded"),
            param: None,
            message: "too many requests are waiting; try again in a second".into(),
        }
    }

    /// 503: not yet.
    pub(crate) fn loading() -> Self {
        Self {
            status: 503,
            kind: "unavailable_error",
            code: None,
            param: None,
            message: "the model is loading".into(),
        }
    }

    /// 500: llama.cpp failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self {
            status: 500,
            kind: "server_error",
            code: None,
            param: None,
            message: message.into(),
        }
    }

    /// The body.
    pub(crate) fn body(&self) -> Value {
        json!({"error": {
            "message": self.message, "type": self.kind, "param": self.param, "code": self.code,
        }})
    }
}

/// Why a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// The model had said everything, or a stop string came.
    Stop,
    /// `max_tokens`, or the context is full.
    Length,
}

impl Finish {
    fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
        }
    }
}

/// The figures of one reply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    /// Why it ended.
    pub(crate) finish: Finish,
    /// Tokens of the prompt.
    pub(crate) prompt_tokens: usize,
    /// Of these, in the KV cache already.
    pub(crate) cached_tokens: usize,
    /// Tokens of the reply.
    pub(crate) completion_tokens: usize,
    /// For the rest of the prompt, in ms.
    pub(crate) prompt_ms: f64,
    /// For the reply, in ms.
    pub(crate) predicted_ms: f64,
}

impl Summary {
    fn usage(&self) -> Value {
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {
                "cached_tokens": self.cached_tokens,
                "processed_tokens": self.prompt_tokens - self.cached_tokens,
            },
        })
    }

    /// As llama.cpp's own server calls them.
    fn timings(&self) -> Value {
        let processed = self.prompt_tokens - self.cached_tokens;
        json!({
            "cache_n": self.cached_tokens,
            "prompt_n": processed,
            "prompt_ms": rounded(self.prompt_ms),
            "prompt_per_second": per_second(processed, self.prompt_ms),
            "predicted_n": self.completion_tokens,
            "predicted_ms": rounded(self.predicted_ms),
            "predicted_per_second": per_second(self.completion_tokens, self.predicted_ms),
        })
    }
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn per_second(count: usize, ms: f64) -> f64 {
    if ms > 0.0 {
        rounded(count as f64 * 1000.0 / ms)
    } else {
        0.0
    }
}

/// What all parts of one answer have in common.
#[derive(Debug, Clone)]
pub(crate) struct Heading {
    /// `chatcmpl-…`.
    pub(crate) id: String,
    /// Unix time, in s.
    pub(crate) created: u64,
    /// The model's name.
    pub(crate) model: String,
}

impl Heading {
    fn object(&self, kind: &str) -> Value {
        json!({"id": self.id, "object": kind, "created": self.created, "model": self.model})
    }

    fn chunk(&self, delta: Value, finish: Option<Finish>) -> Value {
        let mut chunk = self.object("chat.completion.chunk");
        chunk["choices"] = json!([{
            "index": 0, "delta": delta, "finish_reason": finish.map(Finish::name),
        }]);
        chunk
    }

    /// The chunk that comes before the text.
    pub(crate) fn opening(&self) -> Value {
        self.chunk(json!({"role": "assistant", "content": ""}), None)
    }

    /// A piece of the text.
    pub(crate) fn text(&self, text: &str) -> Value {
        self.chunk(json!({"content": text}), None)
    }

    /// The chunk after the text.
    pub(crate) fn closing(&self, summary: &Summary) -> Value {
        let mut chunk = self.chunk(json!({}), Some(summary.finish));
        chunk["timings"] = summary.timings();
        chunk
    }

    /// The chunk of `include_usage`.
    pub(crate) fn figures(&self, summary: &Summary) -> Value {
        let mut chunk = self.object("chat.completion.chunk");
        chunk["choices"] = json!([]);
        chunk["usage"] = summary.usage();
        chunk["timings"] = summary.timings();
        chunk
    }

    /// The answer without streaming.
    pub(crate) fn whole(&self, text: &str, summary: &Summary) -> Value {
        let mut whole = self.object("chat.completion");
        whole["choices"] = json!([{
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": summary.finish.name(),
        }]);
        whole["usage"] = summary.usage();
        whole["timings"] = summary.timings();
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processed_and_cached_add_up() {
        let summary = Summary {
            finish: Finish::Length,
            prompt_tokens: 100,
            cached_tokens: 80,
            completion_tokens: 5,
            prompt_ms: 200.0,
            predicted_ms: 0.0,
        };
        let heading = Heading {
            id: "chatcmpl-1".into(),
            created: 1,
            model: "m".into(),
        };
        let whole = heading.whole("hi", &summary);
        assert_eq!(whole["usage"]["prompt_tokens_details"]["cached_tokens"], 80);
        assert_eq!(
            whole["usage"]["prompt_tokens_details"]["processed_tokens"],
            20
        );
        assert_eq!(whole["usage"]["total_tokens"], 105);
        assert_eq!(whole["timings"]["prompt_per_second"], 100.0);
        assert_eq!(whole["timings"]["predicted_per_second"], 0.0);
        assert_eq!(whole["choices"][0]["finish_reason"], "length");
        assert_eq!(
            heading.text("x")["choices"][0]["finish_reason"],
            Value::Null
        );
        assert_eq!(heading.figures(&summary)["choices"], json!([]));
    }

    #[test]
    fn errors_have_the_protocols_shape() {
        let body = ApiError::too_long(5000, 4096).body();
        assert_eq!(body["error"]["code"], "context_length_exceeded");
        assert_eq!(body["error"]["type"], "invalid_request_error");
        assert_eq!(ApiError::loading().status, 503);
    }
}
