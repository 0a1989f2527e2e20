//! file: to be written.
