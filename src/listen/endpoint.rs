//! endpoint: to be written.
