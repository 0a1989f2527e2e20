//! Text to what is said of it: numbers, dates, units, markup and symbols become words. Pure.
//!
//! English is done fully. In other languages digits stay, because eSpeak NG reads them in its own language; markup,
//! emoji, addresses and symbols are handled everywhere, and Korean also has its dates, times, units and currencies.
//!
//! Every step is linear in the text, and none makes it more than some twenty times longer.

mod date;
mod korean;
mod markup;
mod number;
mod symbol;
mod unit;

use regex::{Captures, Regex};

use super::voices::language_of;

/// What a person would say of `text`. `language` (ISO 639-1) is what the text is expected to be in; a text mostly in
/// another script is taken for the language of that script. The result is one line without markup or control
/// characters, empty when there is nothing to say.
///
/// ```
/// use hearken::speak::spoken::form;
/// assert_eq!(form("It's **-5 °C** at 10:30.", "en"), "It's minus five degrees Celsius at ten thirty.");
/// ```
pub fn form(text: &str, language: &str) -> String {
    let language = language_of(text, language);
    let text = symbol::tame(text);
    let text = markup::plain(&text);
    let text = symbol::emoji(&text);
    if !text.chars().any(char::is_alphanumeric) && text.trim().chars().nth(1).is_some() {
        // A sign by itself has a name; several without a word or number between them say nothing.
        return String::new();
    }
    let text = symbol::addresses(&text, language);
    let text = match language {
        "en" => {
            let text = symbol::abbreviations(&text);
            let text = date::say(&text);
            let text = number::decades(&text);
            let text = unit::say(&text);
            let text = number::say(&text);
            symbol::words(&text)
        }
        "ko" => korean::say(&text),
        _ => text,
    };
    symbol::tidy(&text)
}

/// A pattern and what replaces it. One that does not compile replaces nothing; the tests would show it.
struct Pattern(Option<Regex>);

impl Pattern {
    fn new(pattern: &str) -> Self {
        let regex = Regex::new(pattern);
        debug_assert!(regex.is_ok(), "{pattern}");
        Self(regex.ok())
    }

    /// Replaces each match by what `say` makes of it; `None` leaves it as it is.
    fn replace(&self, text: &str, say: impl Fn(&Found) -> Option<String>) -> String {
        let Some(regex) = &self.0 else {
            return text.to_owned();
        };
        let mut out = String::with_capacity(text.len() + text.len() / 4);
        let mut done = 0;
        for captures in regex.captures_iter(text) {
            let Some(whole) = captures.get(0) else {
                continue;
            };
            let found = Found {
                before: text[..whole.start()].chars().next_back(),
                after: text[whole.end()..].chars().next(),
                rest: &text[whole.end()..],
                captures,
            };
            if let Some(said) = say(&found) {
                out.push_str(&text[done..whole.start()]);
                out.push_str(&said);
                done = whole.end();
            }
        }
        out.push_str(&text[done..]);
        out
    }
}

/// A match, and what stands around it.
struct Found<'a> {
    captures: Captures<'a>,
    before: Option<char>,
    after: Option<char>,
    rest: &'a str,
}

impl Found<'_> {
    /// Group `index`, empty when it took no part.
    fn get(&self, index: usize) -> &str {
        self.captures.get(index).map_or("", |group| group.as_str())
    }

    /// Whether no letter or digit touches it on either side.
    fn stands_alone(&self) -> bool {
        !self.before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            && !self.after.is_some_and(|c| c.is_alphanumeric() || c == '_')
    }

    /// Whether a digit follows, perhaps behind a point: `1.2.3` and the like.
    fn goes_on(&self) -> bool {
        let mut rest = self.rest.chars();
        match rest.next() {
            Some('.' | ',' | ':' | '/' | '-') => rest.next().is_some_and(|c| c.is_ascii_digit()),
            Some(c) => c.is_ascii_digit(),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests;
