//! The role of a language model: messages in, a stream of text out.

use std::pin::Pin;
use std::time::Duration;

use futures_util::Stream;

/// The reply as it is written: pieces of text that end on a character boundary, in order. Dropping the stream
/// ends the generation.
pub type TextStream = Pin<Box<dyn Stream<Item = Result<String, ModelError>> + Send>>;

/// Writes replies.
pub trait LanguageModel: Send + Sync {
    /// Starts a reply. Returns at once; every failure, the connection's included, is an item of the stream, and the
    /// last one.
    fn reply(&self, messages: Vec<Message>) -> TextStream;

    /// Reads what prompts will begin with, where that makes the next reply sooner. Returns at once; it may do nothing, and a
    /// failure shows at the next reply.
    fn prepare(&self, messages: Vec<Message>) {
        let _ = messages;
    }

    /// Whether nothing of what it is told leaves this computer. Who cannot tell says no.
    fn is_local(&self) -> bool {
        false
    }

    /// A short name for logs and `hearken check`, without secrets: `embedded qwen2.5-coder-0.5b`, `http://…/v1 llama3`.
    fn name(&self) -> String;
}

/// Who said a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The instructions.
    System,
    /// The person.
    User,
    /// hearken.
    Assistant,
}

/// One message of the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub text: String,
}

/// Why there is no reply, or no more of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Nothing listens there. Worth a retry only for the embedded server while it starts.
    #[error("cannot reach the language model at {at}: {reason}")]
    Unreachable {
        /// The address, without secrets.
        at: String,
        /// The system's words.
        reason: String,
    },
    /// The embedded model cannot be loaded, or its program not be started. Permanent, as long as their files are what they are.
    #[error("the language model ({at}) cannot start: {reason}")]
    CannotStart {
        /// The model's label.
        at: String,
        /// What its program said, or the system's words.
        reason: String,
    },
    /// 401 or 403. Permanent: the key is missing or wrong.
    #[error("the language model at {at} refuses the key (HTTP {status})")]
    Unauthorized {
        /// The address.
        at: String,
        /// The status.
        status: u16,
    },
    /// 404 or 400 about the model. Permanent: the address or the model's name is wrong.
    #[error("the language model at {at} refuses the request (HTTP {status}): {detail}")]
    Rejected {
        /// The address.
        at: String,
        /// The status.
        status: u16,
        /// What the server said, shortened.
        detail: String,
    },
    /// 429. Retry after the pause, if it is short.
    #[error("the language model at {at} has had too many requests")]
    RateLimited {
        /// The address.
        at: String,
        /// What the server asks for.
        retry_after: Option<Duration>,
    },
    /// 503 or another 5xx: loading or overloaded. Worth a retry.
    #[error("the language model at {at} is not ready (HTTP {status}): {detail}")]
    NotReady {
        /// The address.
        at: String,
        /// The status.
        status: u16,
        /// What the server said, shortened.
        detail: String,
    },
    /// No answer in time. Not retried: the person has waited long enough.
    #[error("the language model at {at} did not answer within {waited_ms} ms")]
    TimedOut {
        /// The address.
        at: String,
        /// How long was waited, in ms.
        waited_ms: u64,
    },
    /// The stream broke off in mid-reply. What came before it stands.
    #[error("the language model at {at} broke off: {reason}")]
    BrokeOff {
        /// The address.
        at: String,
        /// The system's words.
        reason: String,
    },
    /// The answer is not what the protocol says.
    #[error("the language model at {at} answered nonsense: {detail}")]
    Nonsense {
        /// The address.
        at: String,
        /// What is wrong, shortened.
        detail: String,
    },
}

impl ModelError {
    /// Whether the same request cannot succeed later without somebody changing something.
    pub fn is_permanent(&self) -> bool {
        matches!(
            self,
            Self::CannotStart { .. } | Self::Unauthorized { .. } | Self::Rejected { .. }
        )
    }
}
