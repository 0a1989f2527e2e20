//! The rig of the spoken scenarios: a room, people in it, hearken on its loudspeaker and microphone, and a judge.
//! `tests/scenarios.rs` explains the format.
#![allow(dead_code, reason = "each test program uses its own part")]

pub mod daemon;
pub mod format;
pub mod judge;
pub mod model;
pub mod room;
pub mod run;
pub mod sounds;
pub mod speech;
pub mod table;
pub mod tape;
pub mod timeline;
