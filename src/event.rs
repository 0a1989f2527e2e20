//! What observers see: events in the past tense, each with the turn that it belongs to. Nothing in the
//! conversation waits for an observer.
