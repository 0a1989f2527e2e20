//! What the integration tests share: a sound server of their own, and tones to recognise.
#![allow(dead_code, clippy::unwrap_used)]

pub mod sound_server;
pub mod tone;
