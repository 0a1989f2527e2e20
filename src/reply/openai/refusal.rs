//! What a server's refusal means: status, headers and body to a `ModelError`. Pure.

/// The longest that is quoted of a server's words, in characters.
const LONGEST_QUOTE: usize = 200;

/// `text` on one line, without control characters, cut where it gets long.
pub(super) fn shorten(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    match line.char_indices().nth(LONGEST_QUOTE) {
        Some((at, _)) => format!("{}…", line[..at].trim_end()),
        None => line,
    }
}

/// The innermost reason of an error: the one that names the system's fault rather than the layers above it.
pub(super) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    shorten(&innermost.to_string())
}
