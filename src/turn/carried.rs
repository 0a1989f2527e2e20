//! What a conversation is when nothing goes on in it: a new program goes on from there.

use serde::{Deserialize, Serialize};

use crate::reply::history::Snapshot;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Carried {
    /// What was said.
    pub history: Snapshot,
    /// The microphone is closed because somebody wished it.
    pub muted: bool,
    /// It sleeps until it is called by its name.
    pub asleep: bool,
    /// No name is needed for so long, in ms.
    pub window_ms: Option<u64>,
    /// Loudness in percent.
    pub volume_percent: u32,
    /// Speed of speech in percent.
    pub rate_percent: u32,
    /// The language that was heard last, ISO 639-1.
    pub language: String,
    /// For "say that again".
    pub last_reply: String,
    /// What of replies is still to be said, as soon as there is a loudspeaker.
    pub unsaid: Vec<String>,
    /// When the old program stopped listening, in ms since 1970.
    pub deaf_since_ms: u64,
}
