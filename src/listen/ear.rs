//! ear: to be written.
