//! chime: to be written.
