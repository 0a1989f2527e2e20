//! Clauses to samples: what is said of a text, the voices that say it, and the player that feeds the loudspeaker.

pub mod chime;
pub mod espeak;
pub mod piper;
pub mod player;
pub mod spoken;
pub mod voice;
