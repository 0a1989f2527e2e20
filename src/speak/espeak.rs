//! espeak: to be written.
