//! What hearken keeps from one day to the next.

pub mod conversation;
pub mod name;
