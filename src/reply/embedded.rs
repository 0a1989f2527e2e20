//! embedded: to be written.
