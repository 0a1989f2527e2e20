//! hearken in a desktop: media players and notifications on a real session bus of the tests' own.
#![allow(clippy::unwrap_used, missing_docs)]

mod bus;
mod conversation;
mod daemon;
mod media;
mod notices;
#[path = "../hands_free/room.rs"]
#[allow(dead_code)] // Each test takes what it needs.
mod room;
#[path = "../support/scripted.rs"]
#[allow(dead_code)]
mod scripted;
#[path = "../support/sound_server.rs"]
#[allow(dead_code)]
mod sound_server;
