//! vad: to be written.
