//! What is neither word nor number: control characters, emoji, addresses, abbreviations, signs, stray punctuation.

use std::sync::LazyLock;

use unicode_segmentation::UnicodeSegmentation;

use super::{Found, Pattern};

/// Abbreviations that would end a sentence or be read wrong. Tried as whole words, case as written.
const ABBREVIATIONS: &[(&str, &str)] = &[
    ("e.g.", "for example"),
    ("i.e.", "that is"),
    ("etc.", "et cetera"),
    ("vs.", "versus"),
    ("vs", "versus"),
    ("approx.", "approximately"),
    ("Mr.", "Mister"),
    ("Mrs.", "Missus"),
    ("Ms.", "Miz"),
    ("Dr.", "Doctor"),
    ("Prof.", "Professor"),
    ("Jr.", "Junior"),
    ("Sr.", "Senior"),
    ("Mt.", "Mount"),
    ("Gen.", "General"),
    ("Gov.", "Governor"),
    ("Capt.", "Captain"),
    ("Lt.", "Lieutenant"),
    ("Sgt.", "Sergeant"),
    ("Inc.", "Incorporated"),
    ("Ltd.", "Limited"),
    ("Co.", "Company"),
    ("dept.", "department"),
    ("est.", "estimated"),
    ("No.", "Number"),
    ("w/o", "without"),
    ("w/", "with"),
    ("a.k.a.", "also known as"),
    ("RAM", "ram"),
    ("ROM", "rom"),
    ("SIM", "sim"),
    ("PIN", "pin"),
];

/// Removes what can be neither seen nor said, and writes signs that look alike in one way.
pub(super) fn tame(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' => Some(c),
            '\u{2028}' | '\u{2029}' => Some('\n'),
            '’' | '‘' | 'ʼ' | '＇' => Some('\''),
            '“' | '”' | '„' | '«' | '»' => Some('"'),
            // Kept until the emoji are out: they hold some together.
            '\u{200d}' | '\u{fe0f}' => Some(c),
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{ad}' => None,
            '\u{fff9}'..='\u{fffd}' | '\u{e000}'..='\u{f8ff}' => None,
            c if c.is_control() || c.is_whitespace() => Some(' '),
            c => Some(c),
        })
        .collect()
}

/// Leaves emoji out; if there is nothing else, their names are the text.
pub(super) fn emoji(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut kept = String::with_capacity(text.len());
    let mut names: Vec<&str> = Vec::new();
    for grapheme in text.graphemes(true) {
        match emojis::get(grapheme) {
            Some(emoji) if !grapheme.is_ascii() && !is_sign(grapheme) => {
                if !names.contains(&emoji.name()) && names.len() < 3 {
                    names.push(emoji.name());
                }
                kept.push(' ');
            }
            _ => kept.extend(
                grapheme
                    .chars()
                    .filter(|c| !matches!(c, '\u{200d}' | '\u{fe0f}')),
            ),
        }
    }
    if kept.chars().any(|c| c.is_alphanumeric() || is_said(c)) {
        kept
    } else {
        names.join(", ")
    }
}

/// Emoji that text uses as signs.
fn is_sign(grapheme: &str) -> bool {
    matches!(
        grapheme.chars().next(),
        Some('©' | '®' | '™' | '→' | '←' | '↔' | '↑' | '↓' | '✓' | '✔')
    )
}

/// Signs that have a word.
fn is_said(c: char) -> bool {
    matches!(
        c,
        '%' | '&' | '+' | '=' | '°' | '$' | '€' | '£' | '₩' | '½' | '¼' | '¾'
    )
}

/// URLs and e-mail addresses as people say them.
pub(super) fn addresses(text: &str, language: &str) -> String {
    static MAIL: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(
            r"\b([A-Za-z0-9._%+-]{1,64})@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6})",
        )
    });
    static URL: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(
            r#"(?:(?:https?|ftp)://|\bwww\.)([^\s/<>()"]{1,253})((?:/[^\s<>()"]{0,2000})?)"#,
        )
    });
    static DOMAIN: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(
            r"\b([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.(?:com|org|net|io|dev|ai|edu|gov|co|uk|de|kr|fr|jp|app|info|me|tv|rs))\b(/[^\s<>()]{0,200})?",
        )
    });
    let (at, dot, slash) = match language {
        "ko" => (" 골뱅이 ", " 점 ", " 슬래시 "),
        _ => (" at ", " dot ", " slash "),
    };
    let host = |host: &str| {
        host.trim_start_matches("www.")
            .trim_end_matches(['.', ',', ':', '?', '!', ';'])
            .replace('.', dot)
            .replace('-', " dash ")
    };
    let text = MAIL.replace(text, |found| {
        let name = found
            .get(1)
            .replace('.', dot)
            .replace('_', " underscore ")
            .replace('-', " dash ")
            .replace('+', " plus ");
        Some(format!("{name}{at}{}", host(found.get(2))))
    });
    let spoken = |found: &Found| {
        let (name, path) = (found.get(1), found.get(2));
        let whole = format!("{name}{path}");
        let stop = whole.trim_end_matches(['.', ',', ':', '?', '!', ';']);
        let end = &whole[stop.len()..];
        let path = path.trim_end_matches(['.', ',', ':', '?', '!', ';', '/']);
        // A short path is worth saying, a long one is not.
        let short = path.len() <= 24
            && path.matches('/').count() <= 2
            && !path.contains(['?', '&', '=', '%', '#']);
        let path = if short {
            path.replace('/', slash)
                .replace('.', dot)
                .replace(['-', '_'], " ")
        } else {
            String::new()
        };
        Some(format!("{}{path}{end}", host(name)))
    };
    let text = URL.replace(&text, spoken);
    DOMAIN.replace(&text, |found| {
        if found.before.is_some_and(|c| matches!(c, '@' | '/' | '.')) {
            return None;
        }
        spoken(found)
    })
}

/// English abbreviations written out, and acronyms that are words.
pub(super) fn abbreviations(text: &str) -> String {
    static ALL: LazyLock<Pattern> = LazyLock::new(|| {
        let mut names: Vec<String> = ABBREVIATIONS
            .iter()
            .map(|known| regex::escape(known.0))
            .collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        Pattern::new(&format!(r"\b(?:St\. ?|(?:{}))", names.join("|")))
    });
    ALL.replace(text, |found| {
        let written = found.get(0);
        let next = found.rest.trim_start().chars().next();
        if written.trim_end() == "St." {
            let saint = next.is_some_and(char::is_uppercase);
            return Some(if saint {
                "Saint ".into()
            } else {
                "Street ".into()
            });
        }
        let (_, said) = ABBREVIATIONS.iter().find(|known| known.0 == written)?;
        let in_word =
            !written.ends_with(['.', '/']) && found.after.is_some_and(char::is_alphanumeric);
        let number = written == "No." && !next.is_some_and(|c| c.is_ascii_digit());
        if in_word || number || (written == "Co." && found.rest.is_empty()) {
            return None;
        }
        // A full stop that also ended the text stays one.
        let ends = written.ends_with('.')
            && (found.rest.trim().is_empty()
                || (written == "etc." && next.is_some_and(char::is_uppercase)));
        Some(format!("{said}{}", if ends { "." } else { "" }))
    })
}

/// English words for signs.
pub(super) fn words(text: &str) -> String {
    static TAG: LazyLock<Pattern> = LazyLock::new(|| Pattern::new(r"#([A-Za-z_]\w{0,80})"));
    static CAMEL: LazyLock<Pattern> = LazyLock::new(|| Pattern::new(r"(\p{Ll})(\p{Lu})"));
    static HASH: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(
            r"# ?(zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|\w{3,5}ty)\b",
        )
    });
    static HANDLE: LazyLock<Pattern> = LazyLock::new(|| Pattern::new(r"@(\w)"));
    static EITHER: LazyLock<Pattern> = LazyLock::new(|| Pattern::new(r"(\pL)/(\pL)"));
    static LANGUAGE: LazyLock<Pattern> = LazyLock::new(|| Pattern::new(r"\b([CFA])(\+\+|#)"));
    let text = LANGUAGE.replace(text, |found| {
        let sign = if found.get(2) == "#" {
            "sharp"
        } else {
            "plus plus"
        };
        Some(format!("{} {sign}", found.get(1)))
    });
    let text = HASH.replace(&text, |found| Some(format!("number {}", found.get(1))));
    let text = TAG.replace(&text, |found| {
        let name = CAMEL.replace(found.get(1), |f| Some(format!("{} {}", f.get(1), f.get(2))));
        Some(format!("hashtag {}", name.replace('_', " ")))
    });
    let text = HANDLE.replace(&text, |found| Some(format!(" at {}", found.get(1))));
    let text = EITHER
        .replace(&text, |found| {
            Some(format!("{} or {}", found.get(1), found.get(2)))
        })
        .replace("and or or", "and or");
    let mut out = String::with_capacity(text.len() + 64);
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let after = chars.peek().copied().unwrap_or(' ');
        let doubled = before == c || after == c;
        let said = match c {
            '&' if !doubled => "and",
            '+' if !doubled => "plus",
            '=' if doubled || matches!(before, '<' | '>' | '!') || after == '>' => "",
            '=' => "equals",
            '<' if after == '=' => "is at most",
            '>' if after == '=' => "is at least",
            '<' if after == ' ' || after.is_alphanumeric() => "less than",
            '>' if before == ' ' && !doubled => "greater than",
            '≤' => "is at most",
            '≥' => "is at least",
            '≠' => "is not",
            '≈' => "about",
            '~' if after.is_alphanumeric() => "about",
            '^' if after.is_alphanumeric() && before.is_alphanumeric() => "to the power of",
            '×' => "times",
            '*' if before == ' ' && after == ' ' => "times",
            '÷' => "divided by",
            '/' if before == ' ' && after == ' ' => "divided by",
            '/' if before.is_alphanumeric() && after.is_alphanumeric() => "slash",
            '±' => "plus or minus",
            '−' => "minus",
            '-' if before == ' ' && after == ' ' && is_sum(&out, chars.clone()) => "minus",
            '→' => "to",
            '@' => "at",
            '%' => "percent",
            '°' => "degrees",
            '§' => "section",
            '©' => "copyright",
            '™' | '®' => "",
            '²' if before.is_alphanumeric() => "squared",
            '³' if before.is_alphanumeric() => "cubed",
            '√' => "the square root of",
            'π' => "pi",
            '∞' => "infinity",
            '$' if !doubled => "dollar",
            '€' => "euro",
            '£' => "pound",
            '₩' => "won",
            _ => {
                out.push(c);
                before = c;
                continue;
            }
        };
        out.push(' ');
        // A row of signs is a line or a frame, not something to read out.
        if !doubled {
            out.push_str(said);
            out.push(' ');
        }
        before = c;
    }
    out
}

/// Whether a dash between spaces stands between two numbers, which are words by now.
fn is_sum(before: &str, after: impl Iterator<Item = char>) -> bool {
    const WORDS: [&str; 28] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
    ];
    let tail = before.trim_end();
    let last = tail.rsplit([' ', '-']).next().unwrap_or_default();
    let next: String = after
        .skip_while(|c| *c == ' ')
        .take_while(|c| c.is_alphabetic())
        .take(12)
        .collect();
    let number =
        |word: &str| WORDS.contains(&word) || matches!(word, "hundred" | "thousand" | "million");
    number(last) && WORDS.contains(&next.as_str())
}

/// One line, one space between words, one mark where there were several, nothing that cannot be said.
pub(super) fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let after = chars.peek().copied().unwrap_or(' ');
        match c {
            c if c.is_alphanumeric() || is_joining(c) => out.push(c),
            '\'' if after.is_alphanumeric() || out.ends_with(char::is_alphanumeric) => out.push(c),
            '-' if out.ends_with(char::is_alphanumeric) && after.is_alphanumeric() => out.push(c),
            '.' if after.is_alphanumeric() && out.ends_with(char::is_alphanumeric) => out.push(c),
            '%' | '°' | '+' | '$' | '€' | '£' => out.push(c),
            '.' | '…' | '。' | '．' if is_ellipsis(c, &mut chars) => {
                let goes_on = chars
                    .clone()
                    .find(|c| !c.is_whitespace())
                    .is_some_and(char::is_lowercase);
                mark(&mut out, if goes_on { ',' } else { '.' });
            }
            '.' | '?' | '!' | ',' | ';' => mark(&mut out, c),
            '。' | '．' | '।' => mark(&mut out, '.'),
            '？' | '؟' => mark(&mut out, '?'),
            '！' => mark(&mut out, '!'),
            '，' | '、' | '،' => mark(&mut out, ','),
            '；' | '؛' => mark(&mut out, ';'),
            ':' | '：' if after.is_whitespace() => mark(&mut out, ':'),
            '—' | '–' | '―' => mark(&mut out, ','),
            '-' if after == ' ' && out.ends_with(' ') => mark(&mut out, ','),
            '(' | ')' | '[' | ']' | '|' if !out.is_empty() && chars.clone().any_said_soon() => {
                pause(&mut out)
            }
            _ => space(&mut out),
        }
    }
    out.truncate(out.trim_end_matches([' ', ',', ';', ':', '\'']).len());
    if out.chars().any(|c| c.is_alphanumeric() || is_said(c)) {
        out
    } else {
        String::new()
    }
}

/// Combining marks and the like, which belong to the letter before.
fn is_joining(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// Whether `c` begins a run of points; takes the rest of the run.
fn is_ellipsis(c: char, chars: &mut std::iter::Peekable<std::str::Chars>) -> bool {
    let mut count = if c == '…' { 3 } else { 1 };
    while chars.next_if(|&next| matches!(next, '.' | '…')).is_some() {
        count += 1;
    }
    count > 1
}

trait AnySaidSoon {
    fn any_said_soon(self) -> bool;
}

impl<I: Iterator<Item = char>> AnySaidSoon for I {
    /// Whether a letter comes before the next mark.
    fn any_said_soon(self) -> bool {
        self.take(8)
            .take_while(|c| !matches!(c, '.' | ',' | '!' | '?' | ';' | ':'))
            .any(char::is_alphanumeric)
    }
}

/// A bracket is heard as a short pause.
fn pause(out: &mut String) {
    if out.trim_end().ends_with(char::is_alphanumeric) {
        mark(out, ',');
    }
    space(out);
}

fn space(out: &mut String) {
    if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

/// Puts a mark behind the last word; a stronger one takes the place of a weaker.
fn mark(out: &mut String, mark: char) {
    let length = out.trim_end().len();
    out.truncate(length);
    let strength = |c: char| match c {
        ',' => 1,
        ';' | ':' => 2,
        '.' => 3,
        '!' => 4,
        '?' => 5,
        _ => 0,
    };
    match out.chars().next_back() {
        None => return,
        Some(last) if strength(last) > 0 => {
            if strength(mark) > strength(last) {
                out.pop();
                out.push(mark);
            }
        }
        Some(_) => out.push(mark),
    }
    out.push(' ');
}
