//! hearken as a service of the user's session: what the service manager reads, and what it is told.

pub mod manager;
pub mod unit;
