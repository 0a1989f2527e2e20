//! ring: to be written.
