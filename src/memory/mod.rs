//! What hearken keeps from one day to the next.

pub mod name;
