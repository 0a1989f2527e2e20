//! What the integration tests share: a sound server of their own, tones to recognise, and an HTTP server that does what
//! a script says.
#![allow(dead_code, clippy::unwrap_used)]

pub mod bugs;
pub mod daemon;
pub mod http_server;
pub mod sound_server;
pub mod table;
pub mod tone;
