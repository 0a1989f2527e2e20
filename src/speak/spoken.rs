//! spoken: to be written.
