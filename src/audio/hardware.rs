//! hardware: to be written.
