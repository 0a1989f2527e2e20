//! Phrases of the table, and whether a text is one. Pure.
//!
//! A phrase is words, with `[please]` for what may be left out, `(a|b)` for a choice (also inside brackets), and
//! `{name}` for a name that is taken from the text. Case, punctuation and apostrophes never count. A language that
//! writes spaces loosely (`letters = true` in the table) is compared letter by letter, the spaces left out.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

/// Tokens of a text that are looked at; a longer text is no phrase. No phrase with all its politeness is so long.
const LONGEST: usize = 60;

/// A phrase of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phrase(Vec<Node>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    /// This token.
    Token(String),
    /// One of these; an empty one when it may be left out.
    Choice(Vec<Vec<Node>>),
    /// One token or more.
    Name,
}

/// A text as phrases see it.
#[derive(Debug, Clone)]
pub(super) struct Text {
    /// The text, composed (NFC).
    whole: String,
    tokens: Vec<Token>,
    letters: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    /// In lower case, without apostrophes.
    plain: String,
    /// Where it stands in the text.
    range: Range<usize>,
}

/// How far a phrase has come in a text, and the name that it met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Tokens behind it.
    pub at: usize,
    /// The tokens of the name.
    pub name: Option<Range<usize>>,
}

impl Text {
    /// `text` in words, or in letters where `letters` is set.
    pub fn new(text: &str, letters: bool) -> Self {
        let whole: String = text.nfc().collect();
        let tokens = tokens(&whole, letters);
        Self {
            whole,
            tokens,
            letters,
        }
    }

    /// Tokens in it.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether it is too long to be compared.
    pub fn is_too_long(&self) -> bool {
        self.tokens.len() > LONGEST
    }

    /// The token at `at` as it is compared; empty behind the last.
    pub fn token(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.plain)
    }

    /// The tokens `range` as they stand in the text.
    pub fn written(&self, range: &Range<usize>) -> &str {
        match (
            self.tokens.get(range.start),
            self.tokens.get(range.end.saturating_sub(1)),
        ) {
            (Some(first), Some(last)) if first.range.start < last.range.end => {
                &self.whole[first.range.start..last.range.end]
            }
            _ => "",
        }
    }

    /// What stands behind the token before `at`, up to the next token.
    pub fn between(&self, at: usize) -> &str {
        let from = at
            .checked_sub(1)
            .and_then(|before| self.tokens.get(before))
            .map_or(0, |token| token.range.end);
        let to = self
            .tokens
            .get(at)
            .map_or(self.whole.len(), |token| token.range.start);
        self.whole.get(from..to).unwrap_or_default()
    }

    /// Whether it is compared letter by letter.
    pub fn in_letters(&self) -> bool {
        self.letters
    }
}

/// The tokens of a text: words, or letters and digits.
fn tokens(text: &str, letters: bool) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut word: Option<Token> = None;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        if c.is_alphanumeric() {
            let lower = c.to_lowercase();
            match &mut word {
                Some(token) if !letters => {
                    token.plain.extend(lower);
                    token.range.end = end;
                }
                _ => {
                    tokens.extend(word.take());
                    word = Some(Token {
                        plain: lower.collect(),
                        range: at..end,
                    });
                }
            }
        } else if !is_apostrophe(c) {
            tokens.extend(word.take());
        }
    }
    tokens.extend(word);
    tokens
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | '`' | '´' | 'ʼ')
}

impl Phrase {
    /// Reads a phrase.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(phrase: &str, letters: bool) -> Result<Self, String> {
        let composed: String = phrase.nfc().collect();
        let mut rest = composed.as_str();
        let nodes = sequence(&mut rest, letters)?;
        match rest.chars().next() {
            Some(c) => Err(format!("{phrase:?} has a {c:?} too many")),
            None if least(&nodes) == 0 => Err(format!("{phrase:?} has nothing that must be said")),
            None => Ok(Self(nodes)),
        }
    }

    /// Where it ends in `text` when it begins at each of `places`, shortest names first.
    pub fn ends(&self, text: &Text, places: &[Place]) -> Vec<Place> {
        advance(&self.0, text, places.to_vec())
    }

    /// Whether `tokens` tokens from `at` on could be its beginning, and it goes on after them.
    pub fn may_begin(&self, text: &Text, at: usize) -> bool {
        begins(&self.0, text, vec![at]).0
    }
}

/// Reads up to the end or to a mark that closes what is around it.
fn sequence(rest: &mut &str, letters: bool) -> Result<Vec<Node>, String> {
    let mut nodes = Vec::new();
    while let Some(c) = rest.chars().next() {
        match c {
            '[' | '(' => {
                *rest = &rest[1..];
                let mut choices = vec![sequence(rest, letters)?];
                while let Some(after) = rest.strip_prefix('|') {
                    *rest = after;
                    choices.push(sequence(rest, letters)?);
                }
                let close = if c == '[' { ']' } else { ')' };
                *rest = rest
                    .strip_prefix(close)
                    .ok_or_else(|| format!("a {c:?} is not closed before {rest:?}"))?;
                if c == '[' {
                    choices.push(Vec::new());
                }
                nodes.push(Node::Choice(choices));
            }
            '{' => {
                *rest = rest
                    .strip_prefix("{name}")
                    .ok_or_else(|| format!("only {{name}} is known, not {rest:?}"))?;
                nodes.push(Node::Name);
            }
            ']' | ')' | '|' => break,
            '}' => return Err(format!("a '{{' is missing before {rest:?}")),
            _ => {
                let end = rest
                    .find(['[', ']', '(', ')', '{', '}', '|'])
                    .unwrap_or(rest.len());
                let (words, after) = rest.split_at(end);
                nodes.extend(
                    tokens(words, letters)
                        .into_iter()
                        .map(|token| Node::Token(token.plain)),
                );
                *rest = after;
            }
        }
    }
    Ok(nodes)
}

/// Tokens that it takes at least.
fn least(nodes: &[Node]) -> usize {
    nodes
        .iter()
        .map(|node| match node {
            Node::Token(_) | Node::Name => 1,
            Node::Choice(choices) => choices.iter().map(|c| least(c)).min().unwrap_or(0),
        })
        .sum()
}

/// Every place that `nodes` may lead to from `places`, each once.
fn advance(nodes: &[Node], text: &Text, places: Vec<Place>) -> Vec<Place> {
    let mut places = places;
    for node in nodes {
        let mut next: Vec<Place> = Vec::new();
        let mut add = |place: Place| {
            if !next.contains(&place) {
                next.push(place);
            }
        };
        match node {
            Node::Token(word) => {
                for place in places {
                    if text.token(place.at) == word {
                        add(Place {
                            at: place.at + 1,
                            ..place
                        });
                    }
                }
            }
            Node::Choice(choices) => {
                for choice in choices {
                    advance(choice, text, places.clone())
                        .into_iter()
                        .for_each(&mut add);
                }
            }
            Node::Name => {
                for place in places {
                    for end in place.at + 1..=text.len().min(place.at + longest_name(text)) {
                        add(Place {
                            at: end,
                            name: Some(place.at..end),
                        });
                    }
                }
            }
        }
        places = next;
        if places.is_empty() {
            break;
        }
    }
    places
}

/// Tokens that a name has at most: two words, or twenty letters.
fn longest_name(text: &Text) -> usize {
    if text.in_letters() { 20 } else { 2 }
}

/// Whether the text ends inside `nodes`, and the places behind `nodes` where it did not.
fn begins(nodes: &[Node], text: &Text, places: Vec<usize>) -> (bool, Vec<usize>) {
    let mut places = places;
    let mut inside = false;
    for node in nodes {
        let mut next = Vec::new();
        match node {
            Node::Token(word) => {
                inside |= places.contains(&text.len());
                next.extend(
                    places
                        .iter()
                        .filter(|&&at| text.token(at) == word)
                        .map(|at| at + 1),
                );
            }
            Node::Choice(choices) => {
                for choice in choices {
                    let (ended, behind) = begins(choice, text, places.clone());
                    inside |= ended;
                    next.extend(behind);
                }
            }
            Node::Name => inside |= places.contains(&text.len()),
        }
        next.sort_unstable();
        next.dedup();
        places = next;
    }
    (inside, places)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const START: [Place; 1] = [Place { at: 0, name: None }];

    fn whole(phrase: &str, text: &str, letters: bool) -> Option<String> {
        let text = Text::new(text, letters);
        Phrase::parse(phrase, letters)
            .unwrap()
            .ends(&text, &START)
            .into_iter()
            .find(|place| place.at == text.len())
            .map(|place| {
                place
                    .name
                    .map_or(String::new(), |n| text.written(&n).into())
            })
    }

    #[test]
    fn words_options_and_choices() {
        let phrase = "(turn|make) it up [a (bit|little)]";
        for text in ["turn it up", "Make it up a bit!", "Turn it up, a little."] {
            assert!(whole(phrase, text, false).is_some(), "{text}");
        }
        for text in ["turn it", "turn it up a", "turn it up a bit more", "turn"] {
            assert!(whole(phrase, text, false).is_none(), "{text}");
        }
    }

    #[test]
    fn apostrophes_and_hyphens_do_not_count() {
        for text in ["what's this", "What’s this?", "whats this", "what's-this"] {
            assert!(whole("what's this", text, false).is_some(), "{text}");
        }
    }

    #[test]
    fn spaces_do_not_count_between_letters() {
        for text in ["다시 말해 줘", "다시 말해줘.", "다시말해줘"] {
            assert!(whole("다시 말해[ 줘]", text, true).is_some(), "{text}");
        }
        // Decomposed, as some systems write it.
        let apart: String = "다시 말해".nfd().collect();
        assert!(whole("다시 말해", &apart, true).is_some());
    }

    #[test]
    fn names_are_as_written() {
        let name = |text: &str| whole("call you {name} [now]", text, false);
        assert_eq!(name("Call you Mary Ann now.").as_deref(), Some("Mary Ann"));
        assert_eq!(name("call you O'Neil").as_deref(), Some("O'Neil"));
        assert_eq!(name("call you"), None);
        assert_eq!(name("call you one two three"), None);
        let name = |text: &str| whole("너를 {name}(이라고|라고) 부를게", text, true);
        assert_eq!(name("너를 지수라고 부를게.").as_deref(), Some("지수"));
        assert_eq!(name("너를 민준이라고 부를게.").as_deref(), Some("민준"));
    }

    #[test]
    fn a_beginning_is_known_as_one() {
        let phrase = Phrase::parse("oh my (god|goodness)", false).unwrap();
        let begins = |text: &str| phrase.may_begin(&Text::new(text, false), 0);
        assert!(begins("oh") && begins("Oh my"));
        assert!(!begins("oh my god") && !begins("oh dear") && !begins("my"));
    }

    #[test]
    fn wrong_phrases_are_refused() {
        for phrase in ["a [b", "a b]", "(a|b", "{age}", "a }", "", "[a]", "( | )"] {
            assert!(Phrase::parse(phrase, false).is_err(), "{phrase:?}");
        }
    }
}
