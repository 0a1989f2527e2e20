//! clause: to be written.
