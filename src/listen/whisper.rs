//! whisper: to be written.
