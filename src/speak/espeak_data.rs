//! Where eSpeak NG finds its data (dictionaries and phonemes) in a built, an installed or a moved program.

/// Points eSpeak NG at its data, unless the user already has. Call once at start-up, before any thread exists: it
/// may set an environment variable.
pub fn settle() {}
