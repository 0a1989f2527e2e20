//! How a bug shows in what a program writes.

/// Whether `text` tells of a thread that broke: as hearken logs it, as `hearken-llm` does, or as Rust does where neither was
/// asked.
pub fn tells_of_a_bug(text: &str) -> bool {
    [hearken::BUG, "hearken-llm: internal error", "panicked at"]
        .iter()
        .any(|words| text.contains(words))
}
