//! From a token's bytes to text that may be sent: whole characters only, and nothing that may turn out to be the
//! beginning of a stop string.

/// What may be sent now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ready {
    /// Possibly empty.
    pub(crate) text: String,
    /// A stop string is complete; neither it nor anything after it is in a `text`.
    pub(crate) stopped: bool,
}

/// Collects the bytes of one reply.
#[derive(Debug)]
pub(crate) struct Pieces {
    stops: Vec<String>,
    /// An unfinished character.
    bytes: Vec<u8>,
    /// May be the beginning of a stop string.
    held: String,
    stopped: bool,
}

impl Pieces {
    /// Empty stop strings are ignored.
    pub(crate) fn new(stops: Vec<String>) -> Self {
        Self {
            stops: stops.into_iter().filter(|s| !s.is_empty()).collect(),
            bytes: Vec::new(),
            held: String::new(),
            stopped: false,
        }
    }

    /// Takes the bytes of one more token.
    pub(crate) fn push(&mut self, token: &[u8]) -> Ready {
        self.bytes.extend_from_slice(token);
        self.characters();
        self.take(false)
    }

    /// The rest, when nothing more comes. An unfinished character becomes U+FFFD.
    pub(crate) fn finish(&mut self) -> String {
        if !self.bytes.is_empty() {
            self.bytes.clear();
            self.held.push(char::REPLACEMENT_CHARACTER);
        }
        self.take(true).text
    }

    /// Moves the whole characters of `bytes` to `held`.
    fn characters(&mut self) {
        loop {
            match std::str::from_utf8(&self.bytes) {
                Ok(text) => {
                    self.held.push_str(text);
                    self.bytes.clear();
                    return;
                }
                Err(error) => {
                    let good = error.valid_up_to();
                    self.held
                        .push_str(&String::from_utf8_lossy(&self.bytes[..good]));
                    match error.error_len() {
                        None => {
                            self.bytes.drain(..good);
                            return;
                        }
                        Some(bad) => {
                            self.held.push(char::REPLACEMENT_CHARACTER);
                            self.bytes.drain(..good + bad);
                        }
                    }
                }
            }
        }
    }

    fn take(&mut self, all: bool) -> Ready {
        if self.stopped {
            self.held.clear();
            return Ready {
                text: String::new(),
                stopped: true,
            };
        }
        let found = self.stops.iter().filter_map(|s| self.held.find(s)).min();
        if let Some(at) = found {
            self.stopped = true;
            self.held.truncate(at);
            return Ready {
                text: std::mem::take(&mut self.held),
                stopped: true,
            };
        }
        let keep = if all { 0 } else { self.possible_stop() };
        let rest = self.held.split_off(self.held.len() - keep);
        Ready {
            text: std::mem::replace(&mut self.held, rest),
            stopped: false,
        }
    }

    /// Length of the longest end of `held` that a stop string begins with, in bytes.
    fn possible_stop(&self) -> usize {
        let beginnings = |stop: &String| {
            stop.char_indices()
                .map(|(at, _)| at)
                .filter(|&at| at > 0 && self.held.ends_with(&stop[..at]))
                .max()
        };
        self.stops.iter().filter_map(beginnings).max().unwrap_or(0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Pieces, Ready};
    use proptest::prelude::*;

    fn pieces(stops: &[&str]) -> Pieces {
        Pieces::new(stops.iter().map(|s| (*s).to_owned()).collect())
    }

    fn text(text: &str) -> Ready {
        Ready {
            text: text.into(),
            stopped: false,
        }
    }

    #[test]
    fn an_unfinished_character_is_held_back() {
        let mut p = pieces(&[]);
        let seoul = "서울".as_bytes();
        assert_eq!(p.push(&seoul[..2]), text(""));
        assert_eq!(p.push(&seoul[2..4]), text("서"));
        assert_eq!(p.push(&seoul[4..]), text("울"));
        assert_eq!(p.finish(), "");
    }

    #[test]
    fn a_character_that_never_ends_is_replaced() {
        let mut p = pieces(&[]);
        assert_eq!(p.push(&[b'a', 0xEC]), text("a"));
        assert_eq!(p.finish(), "\u{FFFD}");
        let mut p = pieces(&[]);
        assert_eq!(
            p.push(&[0xEC, b'b', 0xFF, b'c']),
            text("\u{FFFD}b\u{FFFD}c")
        );
    }

    #[test]
    fn a_stop_string_across_tokens_is_not_sent() {
        let mut p = pieces(&["\nUser:"]);
        assert_eq!(p.push(b"Hi.\nUs"), text("Hi."));
        let end = p.push(b"er: and more");
        assert_eq!((end.text.as_str(), end.stopped), ("", true));
        assert_eq!(p.push(b"more").text, "");
        assert_eq!(p.finish(), "");
    }

    #[test]
    fn what_only_looked_like_a_stop_string_is_sent() {
        let mut p = pieces(&["###", "END"]);
        assert_eq!(p.push(b"a #"), text("a "));
        assert_eq!(p.push(b"# b E"), text("## b "));
        assert_eq!(p.push(b"N"), text(""));
        assert_eq!(p.finish(), "EN");
    }

    #[test]
    fn the_earliest_stop_string_counts() {
        let mut p = pieces(&["b", "a", ""]);
        let end = p.push("한ab".as_bytes());
        assert_eq!((end.text.as_str(), end.stopped), ("한", true));
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_text(whole in "[가-힣a-c#😀 ]{0,24}", cuts in prop::collection::vec(1..5usize, 1..40)) {
            let expected = whole.split("ab").next().unwrap_or("").to_owned();
            let mut p = pieces(&["ab"]);
            let (mut got, mut rest) = (String::new(), whole.as_bytes());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                got.push_str(&p.push(now).text);
                rest = later;
            }
            got.push_str(&p.finish());
            prop_assert_eq!(got, expected);
        }
    }
}
