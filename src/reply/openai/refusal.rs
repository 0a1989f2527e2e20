//! What a refusal means: a status, headers and body, or an error of the connection, to a [`ModelError`]. Pure.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::Value;

use super::answer;
use crate::reply::model::ModelError;

/// The longest that is quoted of a server's words, in characters.
const LONGEST_QUOTE: usize = 200;

/// What a status that is no success means. `detail` is already short and without secrets.
pub(super) fn from_status(
    at: &str,
    status: u16,
    retry_after: Option<Duration>,
    detail: String,
) -> ModelError {
    let at = at.to_owned();
    match status {
        401 | 403 => ModelError::Unauthorized { at, status },
        429 => ModelError::RateLimited { at, retry_after },
        500.. => ModelError::NotReady { at, status, detail },
        _ => ModelError::Rejected { at, status, detail },
    }
}

/// The server's words in the body of a refusal, or the status's own name where there are none that a person could
/// read.
pub(super) fn detail(status: StatusCode, body: &str) -> String {
    let body = body.trim_start_matches('\u{feff}').trim();
    if let Ok(value) = serde_json::from_str::<Value>(body) {
        return answer::failure(&value).message;
    }
    if body.is_empty() || body.starts_with('<') {
        return status.canonical_reason().unwrap_or("no reason").to_owned();
    }
    body.to_owned()
}

/// What to do about a refusal, behind what the server says of it; nothing where that says enough. A server that knows the address
/// and not the model answers with an error of its own.
pub(super) fn hint(status: StatusCode, body: &str, base_url: &str) -> &'static str {
    let knows = serde_json::from_str::<Value>(body).is_ok_and(|body| body.get("error").is_some());
    let usual = base_url.trim_end_matches('/').ends_with("/v1");
    match status == StatusCode::NOT_FOUND && !usual && !knows {
        true => "; most servers want reply.server.url to end in /v1",
        false => "",
    }
}

/// The pause of a `Retry-After` header: seconds, or a date in the time of `now`.
pub(super) fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = jiff::fmt::rfc2822::parse(header).ok()?.timestamp();
    // A moment that has passed asks for no pause.
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

/// What a failed request means; it failed before there was a status.
pub(super) fn from_request(at: &str, error: &reqwest::Error, connect: Duration) -> ModelError {
    let at = at.to_owned();
    let reason = root_cause(error);
    if error.is_connect() && error.is_timeout() {
        ModelError::TimedOut {
            at,
            waited_ms: millis(connect),
        }
    } else if error.is_connect() {
        ModelError::Unreachable { at, reason }
    } else if is_parse(error) {
        ModelError::Nonsense {
            at,
            detail: format!("not HTTP ({reason})"),
        }
    } else {
        ModelError::BrokeOff { at, reason }
    }
}

/// Whether the other side does not speak HTTP.
fn is_parse(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut layer = Some(error);
    while let Some(error) = layer {
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            return error.is_parse();
        }
        layer = error.source();
    }
    false
}

/// `text` on one line, without control characters, cut where it gets long.
pub(super) fn shorten(text: &str) -> String {
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty());
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > LONGEST_QUOTE * 4 {
            break;
        }
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

/// A duration as errors give it, in ms.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_not_found_may_lack_its_end() {
        let hints = |status, body, url| !hint(status, body, url).is_empty();
        let not_found = StatusCode::NOT_FOUND;
        assert!(hints(
            not_found,
            "404 page not found",
            "http://127.0.0.1:11434/"
        ));
        assert!(hints(not_found, "", "http://127.0.0.1:11434"));
        assert!(!hints(not_found, "", "http://127.0.0.1:11434/v1"));
        assert!(!hints(
            not_found,
            r#"{"error":{"message":"no such model"}}"#,
            "http://localhost/api"
        ));
        assert!(!hints(StatusCode::BAD_REQUEST, "", "http://localhost"));
    }

    #[test]
    fn every_status_has_its_meaning() {
        let of = |status| from_status("x", status, None, String::new());
        for status in [401, 403] {
            assert!(matches!(of(status), ModelError::Unauthorized { .. }));
        }
        for status in [301, 307, 400, 404, 405, 413, 422] {
            assert!(matches!(of(status), ModelError::Rejected { .. }));
        }
        for status in [500, 502, 503, 529] {
            assert!(matches!(of(status), ModelError::NotReady { .. }));
        }
        assert!(matches!(of(429), ModelError::RateLimited { .. }));
    }

    #[test]
    fn the_servers_words_are_found_or_replaced() {
        let of = |body| detail(StatusCode::NOT_FOUND, body);
        assert_eq!(
            of(r#"{"error":{"message":"model \"x\" not found"}}"#),
            "model \"x\" not found"
        );
        assert_eq!(of("no such model"), "no such model");
        assert_eq!(of("<html>…</html>"), "Not Found");
        assert_eq!(of(" "), "Not Found");
    }

    #[test]
    fn a_pause_is_in_seconds_or_until_a_date() {
        let now = "2026-11-23T10:00:00Z".parse().unwrap();
        let of = |header| retry_after(header, now);
        assert_eq!(of("2"), Some(Duration::from_secs(2)));
        assert_eq!(of(" 0.5 "), Some(Duration::from_millis(500)));
        assert_eq!(
            of("Mon, 23 Nov 2026 10:01:00 GMT"),
            Some(Duration::from_secs(60))
        );
        assert_eq!(of("Mon, 23 Nov 2026 09:00:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["", "soon", "-1", "NaN", "1e400"] {
            assert_eq!(of(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn quotes_are_one_short_line() {
        assert_eq!(shorten("a\r\n\tb\u{1b}[31m  c"), "a b [31m c");
        let long = shorten(&"가나 ".repeat(10_000));
        assert!(long.chars().count() <= LONGEST_QUOTE + 1 && long.ends_with('…'));
    }
}
