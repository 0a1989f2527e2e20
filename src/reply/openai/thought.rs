//! thought
