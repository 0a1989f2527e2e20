//! piper: to be written.
