//! What stands between two words: the end of a sentence, a pause, or nothing. Pure.

/// Words whose full stop never ends a sentence: a name, a number or an example follows.
const NEVER_LAST: &[&str] = &[
    "adm", "approx", "ca", "capt", "cf", "col", "dept", "dr", "e.g", "eq", "fig", "gen", "gov",
    "hon", "i.e", "incl", "lt", "maj", "messrs", "mme", "mr", "mrs", "ms", "mt", "mx", "nr", "pp",
    "pres", "prof", "ref", "rev", "sen", "sgt", "viz", "vol", "vs",
];

/// Abbreviations that may end a sentence: they do when a word follows that begins one.
const SELDOM_LAST: &[&str] = &[
    "apr", "art", "aug", "ave", "bldg", "blvd", "bros", "co", "corp", "dec", "est", "etc", "feb",
    "fri", "ft", "hr", "hrs", "inc", "jan", "jr", "jul", "jun", "kg", "km", "lb", "lbs", "llc",
    "ltd", "mar", "min", "mon", "nov", "oct", "oz", "ph.d", "rd", "ref", "rep", "sat", "sec",
    "sep", "sept", "sr", "st", "sun", "thu", "tue", "wed",
];

/// Words that begin sentences, and hardly ever a name.
const STARTERS: &[&str] = &[
    "A", "Also", "An", "And", "As", "At", "Because", "But", "Can", "Do", "For", "From", "He",
    "Her", "Here", "His", "How", "However", "I", "If", "In", "Is", "It", "Its", "Let", "My", "No",
    "Now", "On", "Or", "Our", "She", "So", "Some", "That", "The", "Their", "Then", "There",
    "These", "They", "This", "Those", "To", "We", "What", "When", "Where", "Which", "While", "Who",
    "Why", "Would", "Yes", "You", "Your",
];

/// Words before which one may breathe.
const CONJUNCTIONS: &[&str] = &[
    "after", "although", "and", "because", "before", "but", "or", "since", "so", "then", "unless",
    "until", "when", "where", "whereas", "which", "while", "who",
];

/// Endings of Korean words behind which one may breathe: and, but, because, while, if, or.
const CONNECTIVES: &[&str] = &[
    "거나", "고", "는데", "니까", "므로", "며", "면", "면서", "지만", "아서", "어서", "여서",
    "해서", "려고", "인데",
];

/// Words before which a sentence that has begun may be said as far as it has come: "The capital of Japan | is Tokyo."
const PARTS: &[&str] = &[
    "is", "are", "was", "were", "has", "have", "had", "can", "could", "will", "would", "should",
    "may", "might", "must", "because", "but", "which", "who", "when", "where", "while", "during",
    "with", "from", "by", "at", "on", "in", "for", "as", "so", "and", "or",
];

/// Endings of Korean words that name what a sentence is about: "대한민국의 수도는 | 서울입니다."
const TOPICS: &[&str] = &["은", "는"];

/// How strongly a place divides, as far as the word before it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// A sentence may end here.
    Sentence,
    /// A comma, semicolon, colon, dash or emoji.
    Pause,
    /// Only words.
    None,
}

/// A place between two words, seen from before it.
pub(super) struct Gap<'a> {
    /// The word before it with all that hangs on it.
    pub(super) token: &'a str,
    /// Nothing but space is before the token on its line.
    pub(super) begins_line: bool,
    /// A line ends here.
    pub(super) is_newline: bool,
}

impl Gap<'_> {
    pub(super) fn strength(&self) -> Strength {
        if self.is_newline {
            return Strength::Sentence;
        }
        match self.core().chars().next_back() {
            Some(c) if is_stop(c) => Strength::Sentence,
            Some(c) if is_pause(c) => Strength::Pause,
            // A hyphen is a dash only when it stands alone, and a list's mark at a line's beginning.
            Some('-') if matches!(self.token, "-" | "--") && !self.begins_line => Strength::Pause,
            _ => Strength::None,
        }
    }

    /// The token without what closes behind its punctuation: quotes, brackets, emphasis.
    fn core(&self) -> &str {
        self.token.trim_end_matches(is_closing)
    }

    /// Whether it is an ellipsis, which is a pause even in mid-sentence.
    pub(super) fn is_pause(&self) -> bool {
        self.core().ends_with("..") || self.core().ends_with('…')
    }

    /// Whether a sentence ends here, `next` following; nothing when more of it must be seen.
    pub(super) fn ends_sentence(&self, next: &Next, is_last: bool) -> Option<bool> {
        if self.is_newline {
            return Some(true);
        }
        let core = self.core();
        let is_closed = core.len() < self.token.len();
        let lowercase = next.first.is_some_and(char::is_lowercase);
        if self.is_pause() || (is_closed && lowercase) {
            return Some(!lowercase);
        }
        let Some(word) = core.strip_suffix('.') else {
            return Some(true);
        };
        let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
        let digits = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
        if digits && self.begins_line && word.len() <= 3 {
            return Some(false);
        }
        // Dates such as "2026. 11. 23." and numbers such as "No. 5".
        let number_next = next.first.is_some_and(|c| c.is_ascii_digit());
        if number_next && (digits || ["No", "no", "Nos", "nos"].contains(&word)) {
            return Some(false);
        }
        let lower = word.to_lowercase();
        if NEVER_LAST.contains(&lower.as_str()) {
            return Some(false);
        }
        let letters = word.chars().count();
        if SELDOM_LAST.contains(&lower.as_str()) || is_initials(word) {
            return next.is_any_of(STARTERS, is_last);
        }
        Some(!lowercase || letters >= 4)
    }

    /// Whether one may breathe here although there is no punctuation; nothing when more must be seen.
    pub(super) fn joins(&self, next: &Next, is_last: bool) -> Option<bool> {
        let token = self.token;
        if token.chars().next_back().is_some_and(is_hangul) {
            let is_long = token.chars().count() >= 2;
            return Some(is_long && CONNECTIVES.iter().any(|end| token.ends_with(end)));
        }
        next.is_any_of(CONJUNCTIONS, is_last)
    }

    /// Whether the first part of a sentence ends here; nothing when more must be seen.
    pub(super) fn parts(&self, next: &Next, is_last: bool) -> Option<bool> {
        if self.is_korean() {
            return Some(TOPICS.iter().any(|end| self.token.ends_with(end)));
        }
        next.is_any_of(PARTS, is_last)
    }

    /// The fewest words that such a part has.
    pub(super) fn words_of_a_part(&self) -> usize {
        if self.is_korean() { 2 } else { 3 }
    }

    fn is_korean(&self) -> bool {
        self.token.chars().next_back().is_some_and(is_hangul)
    }
}

/// What follows a place.
pub(super) struct Next<'a> {
    /// Where the next clause would begin: in front of the next word's token, or at the line's end before it.
    pub(super) cut: usize,
    /// The first letter or digit.
    first: Option<char>,
    /// The letters from there.
    word: &'a str,
    /// The word's end is there.
    is_complete: bool,
}

impl<'a> Next<'a> {
    /// What follows `end` in `text`; nothing when no word is there yet within `horizon` characters, and there may be
    /// one later.
    pub(super) fn after(text: &'a str, end: usize, horizon: usize) -> Option<Self> {
        let (mut cut, mut line_ended) = (end, false);
        for (count, (offset, c)) in text[end..].char_indices().enumerate() {
            let at = end + offset;
            if count >= horizon {
                return Some(Self {
                    cut: end,
                    first: None,
                    word: "",
                    is_complete: true,
                });
            }
            if c.is_alphanumeric() {
                let rest = &text[at..];
                let length = rest.find(|c: char| !c.is_alphabetic());
                return Some(Self {
                    cut,
                    first: Some(c),
                    word: &rest[..length.unwrap_or(rest.len())],
                    is_complete: length.is_some(),
                });
            }
            if c.is_whitespace() && !line_ended {
                cut = at + c.len_utf8();
                line_ended = c == '\n';
            }
        }
        None
    }

    /// Whether the next word is one of `words`; nothing when it may still become one.
    fn is_any_of(&self, words: &[&str], is_last: bool) -> Option<bool> {
        if self.is_complete || is_last {
            return Some(words.contains(&self.word));
        }
        if words.iter().any(|word| word.starts_with(self.word)) {
            return None;
        }
        Some(false)
    }
}

/// Whether a clause can end between `c` and `next` although no space is between them; `before` comes before `c`.
pub(super) fn splits_word(before: Option<char>, c: char, next: char) -> bool {
    if !may_split_word(before, c) || next.is_whitespace() || is_closing(next) {
        return false;
    }
    let both_numbers = before.is_some_and(char::is_numeric) && next.is_numeric();
    match c {
        '.' => is_hangul(next),
        _ => !is_stop(next) && !is_pause(next) && !both_numbers,
    }
}

/// Whether [`splits_word`] may say yes, whatever follows.
pub(super) fn may_split_word(before: Option<char>, c: char) -> bool {
    match c {
        '。' | '！' | '？' | '，' | '、' | '；' | '：' | '—' => true,
        // Korean is sometimes written without the space behind a full stop.
        '.' => before.is_some_and(is_hangul),
        '」' | '』' | '”' | '）' => before.is_some_and(|c| matches!(c, '。' | '！' | '？')),
        _ => false,
    }
}

/// "J", "U.S", "a.m": single letters with full stops between them.
fn is_initials(word: &str) -> bool {
    word.split('.').all(|part| {
        let mut letters = part.chars();
        letters
            .next()
            .is_some_and(|c| c.is_alphabetic() && !is_wide(c))
            && letters.next().is_none()
    })
}

fn is_stop(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？' | '‽')
}

fn is_pause(c: char) -> bool {
    matches!(c, ',' | ';' | ':' | '—' | '–' | '，' | '、' | '；' | '：') || is_emoji(c)
}

fn is_closing(c: char) -> bool {
    matches!(
        c,
        '"' | '\''
            | '”'
            | '’'
            | '»'
            | ')'
            | ']'
            | '}'
            | '*'
            | '_'
            | '~'
            | '`'
            | '」'
            | '』'
            | '】'
            | '）'
            | '》'
            | '〉'
    )
}

fn is_emoji(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}')
}

fn is_hangul(c: char) -> bool {
    matches!(c, '\u{ac00}'..='\u{d7a3}')
}

/// Whether a character takes two columns: Hangul, kana, Chinese.
pub(super) fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}')
}

/// Whether a character says nothing by itself. `$`, `%` and the like do.
pub(super) fn is_punctuation(c: char) -> bool {
    match c {
        '$' | '%' | '&' | '+' | '=' | '<' | '>' | '@' | '^' => false,
        '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{303f}' | '\u{fe00}'..='\u{fe0f}' => true,
        '！' | '？' | '，' | '：' | '；' | '（' | '）' | '．' | '«' | '»' | '¿' | '¡' | '·' => {
            true
        }
        _ => c.is_ascii_punctuation(),
    }
}
