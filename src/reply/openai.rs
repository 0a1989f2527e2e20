//! Any OpenAI-compatible server as a language model: Ollama, llama.cpp, vLLM, LM Studio, OpenAI, and `hearken-llm`.
//! Over TCP or a Unix socket; runs on whatever tokio task polls the reply.
//!
//! Servers differ more than the protocol says, so that this client puts up with much (the table is in
//! `openai/answer.rs`) but takes bounded memory and time for it: see the constants of `openai/reading.rs`. Only the
//! first words are worth a retry ([`super::retry`]): after them, a second attempt would be a second reply.

mod answer;
mod client;
mod look;
mod reading;
mod refusal;
mod session;
mod settings;
mod sse;
mod thought;

pub use client::Client;
pub use settings::Settings;
