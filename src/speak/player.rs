//! player: to be written.
