//! Words to clauses: the language-model backends, what they are told of the conversation, and how their tokens
//! become clauses that can be spoken.

pub mod clause;
pub mod embedded;
pub mod failure;
pub mod fallback;
pub mod history;
pub mod key;
pub mod label;
pub mod model;
pub mod openai;
pub mod ready;
pub mod retry;

/// The instructions of the configuration with the name in them.
pub fn instructions(template: &str, name: &str) -> String {
    template.replace("{name}", name)
}
