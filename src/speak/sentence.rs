//! Text to sentences short enough to be said at once. Pure.
