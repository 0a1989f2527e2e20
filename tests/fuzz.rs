//! What comes from outside, made wrong in every way: valid inputs with bytes changed, cut out, doubled and moved, and inputs that
//! are nothing at all. Each ends, without a panic, and takes no more memory than its own size and its stated limit allow.
//!
//! `PROPTEST_CASES` sets how many inputs there are of each kind.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "fuzz/checkpoint.rs"]
mod checkpoint;
#[path = "fuzz/clauses.rs"]
mod clauses;
#[path = "fuzz/config.rs"]
mod config;
#[path = "fuzz/control.rs"]
mod control;
#[path = "fuzz/gguf.rs"]
mod gguf;
#[path = "fuzz/memory.rs"]
mod memory;
#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/spoken.rs"]
mod spoken;
#[path = "fuzz/stream.rs"]
mod stream;
#[path = "fuzz/trial.rs"]
mod trial;
#[path = "fuzz/wav.rs"]
mod wav;
