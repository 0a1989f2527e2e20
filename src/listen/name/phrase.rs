//! A transcript as sentences of words, with the marks between them. Pure.

use std::ops::Range;

/// What stands behind a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A space, or nothing.
    None,
    /// A comma, or another mark inside a sentence.
    Comma,
    /// The end of a sentence; whether it is a question.
    End { question: bool },
}

/// A word of a transcript.
#[derive(Debug, Clone)]
pub(super) struct Word<'a> {
    /// As it is written, without marks around it and without a possessive's ending.
    pub text: &'a str,
    /// In lower case, with plain apostrophes.
    pub lower: String,
    /// Where it lies in the transcript, its ending included.
    pub bytes: Range<usize>,
    /// It ends in 's: "Samantha's".
    pub possessive: bool,
    /// What follows.
    pub after: Mark,
}

impl Word<'_> {
    /// Whether it begins with a capital.
    pub fn is_capital(&self) -> bool {
        self.text.chars().next().is_some_and(char::is_uppercase)
    }
}

/// The sentences of `transcript`, none of them empty.
pub(super) fn sentences(transcript: &str) -> Vec<Vec<Word<'_>>> {
    let mut sentences = Vec::new();
    let mut sentence = Vec::new();
    for word in words(transcript) {
        let over = matches!(word.after, Mark::End { .. });
        sentence.push(word);
        if over {
            sentences.push(std::mem::take(&mut sentence));
        }
    }
    if !sentence.is_empty() {
        sentences.push(sentence);
    }
    sentences
}

fn words(transcript: &str) -> Vec<Word<'_>> {
    let mut words: Vec<Word<'_>> = Vec::new();
    let mut chars = transcript.char_indices().peekable();
    let mut open: Option<usize> = None;
    let mut before = ' ';
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map_or(' ', |&(_, next)| next);
        let inside = open.is_some() && joins(before, c, next);
        if c.is_alphanumeric() || is_combining(c) || inside {
            open.get_or_insert(at);
        } else {
            if let Some(from) = open.take() {
                words.push(word(transcript, from..at));
            }
            if let Some(last) = words.last_mut() {
                last.after = marked(last.after, c, next);
            }
        }
        before = c;
    }
    if let Some(from) = open {
        words.push(word(transcript, from..transcript.len()));
    }
    words
}

/// Whether `c` is part of a word that goes on: an apostrophe, a hyphen, a decimal point.
fn joins(before: char, c: char, next: char) -> bool {
    match c {
        '\'' | '’' | '-' | '‐' => before.is_alphanumeric() && next.is_alphanumeric(),
        '.' | ',' | ':' => before.is_ascii_digit() && next.is_ascii_digit(),
        _ => false,
    }
}

/// Marks that are part of a letter.
fn is_combining(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

fn word(transcript: &str, bytes: Range<usize>) -> Word<'_> {
    let whole = &transcript[bytes.clone()];
    let ending = ["'s", "’s", "'S", "’S"];
    let stem = ending.iter().find_map(|ending| whole.strip_suffix(ending));
    Word {
        text: stem.unwrap_or(whole),
        lower: whole.to_lowercase().replace('’', "'"),
        bytes,
        possessive: stem.is_some(),
        after: Mark::None,
    }
}

/// The mark behind a word when `c` follows what was `known`.
fn marked(known: Mark, c: char, next: char) -> Mark {
    let new = match c {
        '?' | '？' | '؟' => Mark::End { question: true },
        '.' | '!' | '…' | '。' | '！' | '।' | '．' | '\n' => Mark::End { question: false },
        ',' | ';' | ':' | '—' | '–' | '，' | '、' | '；' | '：' | '،' => Mark::Comma,
        '-' if next.is_whitespace() || next == '-' => Mark::Comma,
        _ => return known,
    };
    match (known, new) {
        (Mark::End { question: a }, Mark::End { question: b }) => Mark::End { question: a || b },
        (Mark::End { .. }, _) => known,
        _ => new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        sentences(text)
            .iter()
            .map(|sentence| {
                let word = |w: &Word<'_>| {
                    let mark = match w.after {
                        Mark::None => "",
                        Mark::Comma => ",",
                        Mark::End { question: true } => "?",
                        Mark::End { question: false } => ".",
                    };
                    format!("{}{mark}", w.lower)
                };
                sentence.iter().map(word).collect::<Vec<_>>().join(" ")
            })
            .collect::<Vec<_>>()
            .join(" | ")
    }

    #[test]
    fn sentences_and_marks_are_found() {
        assert_eq!(
            shown("That was good. Samantha, what time is it?"),
            "that was good. | samantha, what time is it?"
        );
        assert_eq!(
            shown("\"Hey—you!\" It's 3.5, no?!"),
            "hey, you. | it's 3.5, no?"
        );
        assert_eq!(shown("지수야, 지금 몇 시야?"), "지수야, 지금 몇 시야?");
        assert_eq!(shown(" ... "), "");
        assert_eq!(shown("well - yes co-op"), "well, yes co-op");
    }

    #[test]
    fn a_possessive_is_told_from_its_word() {
        let sentences = sentences("Samantha’s book");
        assert!(sentences[0][0].possessive);
        assert_eq!(sentences[0][0].text, "Samantha");
    }
}
