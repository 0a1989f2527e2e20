//! Name, windows, barge-in and commands with scripted models: the daemon's own `run`, real threads and channels.
#![allow(clippy::unwrap_used, missing_docs)]

mod ahead;
mod attention;
mod broken;
mod commands;
mod devices;
mod orders;
mod over_reply;
mod room;
#[path = "../support/scripted.rs"]
#[allow(dead_code)] // Each test takes what it needs.
mod scripted;
mod thinking;
mod unpluggable;
