//! Text to pieces short enough to be said at once. Pure.

/// Divides `text` into pieces of at most `limit` characters (at least 1), none of them empty, at the best place there
/// is: after a sentence, after a clause, at a space, anywhere. Short sentences are not joined. Nothing but white space
/// is lost.
pub fn split(text: &str, limit: usize) -> Vec<&str> {
    let limit = limit.max(1);
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(cut(rest, limit));
        let piece = piece.trim();
        if !piece.is_empty() {
            pieces.push(piece);
        }
        rest = after.trim_start();
    }
    pieces
}

/// Where the first piece of `text` ends, in bytes; beyond 0 and on a character boundary.
fn cut(text: &str, limit: usize) -> usize {
    let mut clause = None;
    let mut space = None;
    let mut before = '\0';
    let mut ended = false;
    for (count, (at, c)) in text.char_indices().enumerate() {
        if c.is_whitespace() || is_wide_end(before) {
            if ended {
                return at.max(1);
            }
            if matches!(before, ',' | ';' | ':' | '，' | '、' | '；') {
                clause = Some(at);
            }
            space = Some(at);
        }
        if count >= limit {
            let best = clause.or(space).filter(|&at| at > 0);
            return best.unwrap_or(at);
        }
        ended = match c {
            '.' | '!' | '?' | '…' | '。' | '！' | '？' => true,
            '"' | '\'' | ')' | ']' | '”' | '’' | '»' => ended,
            _ => false,
        };
        before = c;
    }
    text.len()
}

/// Ends of sentences that no space follows.
fn is_wide_end(c: char) -> bool {
    matches!(c, '。' | '！' | '？')
}

/// Whether there is anything in `text` that a voice could say.
pub fn is_speakable(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cuts_after_sentences() {
        assert_eq!(
            split("One. Two! \"Three?\" Four… five 3.5 six", 400),
            ["One.", "Two!", "\"Three?\"", "Four…", "five 3.5 six"]
        );
        assert_eq!(split("好。很好！", 400), ["好。", "很好！"]);
        assert_eq!(split("  \n ", 400), [""; 0]);
    }

    #[test]
    fn cuts_a_long_sentence_at_the_best_place() {
        assert_eq!(split("aaa, bbb ccc ddd", 12), ["aaa,", "bbb ccc ddd"]);
        assert_eq!(split("aaa bbb ccc", 9), ["aaa bbb", "ccc"]);
        assert_eq!(split("aaaaaaaaaa", 4), ["aaaa", "aaaa", "aa"]);
        assert_eq!(split("가나다라마", 2), ["가나", "다라", "마"]);
    }

    #[test]
    fn tells_what_can_be_said() {
        assert!(is_speakable("?! a"));
        assert!(is_speakable("안"));
        assert!(!is_speakable(" …!?() "));
    }

    proptest! {
        #[test]
        fn pieces_are_short_and_together_the_text(text in ".{0,300}", limit in 1usize..50) {
            let pieces = split(&text, limit);
            let bare = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(bare(&pieces.concat()), bare(&text));
            for piece in pieces {
                prop_assert!(!piece.is_empty());
                prop_assert!(piece.chars().count() <= limit);
            }
        }
    }
}
