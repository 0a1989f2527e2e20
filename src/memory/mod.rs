//! What hearken keeps from one day to the next.

pub mod conversation;
pub mod mute;
pub mod name;
