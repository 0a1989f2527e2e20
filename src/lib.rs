//! hearken: a hands-free voice assistant that hears, thinks and answers aloud on one ordinary computer.
//!
//! # Layout
//! The folders sort in the order that sound travels, so the listing is the path:
//!
//! | folder | from → to | runs on |
//! |---|---|---|
//! | [`audio`]  | air ↔ samples; the only place that knows devices | the operating system's callbacks |
//! | [`command`] | words that need no model → what hearken does; the words of barge-in | wherever words arrive; pure |
//! | [`listen`] | samples → words: voice activity, endpoint, whisper | threads `ear`, `transcribe` |
//! | [`memory`] | what is kept from one day to the next | whoever asks |
//! | [`reply`]  | words → clauses: language-model backends, history | tokio tasks |
//! | [`speak`]  | clauses → samples: Piper, eSpeak NG, the player | threads `voice`, `player` |
//! | [`turn`]   | who talks when: the state machine and its conductor | one tokio task |
//!
//! Beside the path: [`config`] (what the user may set), [`weights`] (model files), [`event`] (what observers see),
//! [`control`] (the socket by which other programs ask and steer), [`daemon`] (builds the parts and supervises them), [`desktop`] (media players and notifications),
//! `spelling` (what a mistyped name was meant to be), `cli` in the program itself (one file a command).
//!
//! The language model runs in a program of its own, `hearken-llm`, because whisper.cpp and llama.cpp each bring
//! a different ggml and cannot be linked into one program.

pub mod again;
pub mod audio;
pub mod command;
pub mod config;
pub mod control;
pub mod daemon;
pub mod desktop;
pub mod event;
pub mod listen;
pub mod memory;
pub mod onnx;
pub mod reply;
pub mod service;
pub mod speak;
mod spelling;
pub mod threads;
pub mod turn;
pub mod weights;
pub mod work;

/// What is logged of every thread that breaks, so that it is found in a log.
pub const BUG: &str = "this is a bug in hearken, please report it";
