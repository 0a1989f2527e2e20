//! Clauses to samples: what is said of a text, the voices that say it, and the player that feeds the loudspeaker.
//!
//! ```text
//! clause ── spoken::form ──> worker (thread `voice`: Piper or eSpeak NG) ──> player (thread `player`) ──> Speaker
//! ```

pub mod chime;
pub mod espeak;
pub mod espeak_data;
mod espeak_engine;
pub mod mending;
pub mod piper;
mod playback;
pub mod player;
pub mod sentence;
pub mod spoken;
pub mod voice;
pub mod voices;
pub mod worker;

pub use voices::{OpenError, open};
