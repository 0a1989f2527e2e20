//! history: to be written.
