//! The name that somebody gives hearken: is it one, and how it is said. Pure.

use super::phrase::{Place, Text};
use super::table::Language;

/// Characters that a name has at most.
const LONGEST: usize = 30;

/// Syllables that a Korean name has at most.
const LONGEST_KOREAN: usize = 6;

/// The name that all of `text` gives, if it does and if it is a name.
pub(super) fn given(text: &Text, language: &Language) -> Option<String> {
    let all = |key: &str| {
        language
            .command(key, text)
            .into_iter()
            .filter(|place: &Place| place.at == text.len())
            .filter_map(|place| place.name)
    };
    let is_name = |name: &std::ops::Range<usize>| is_name(text, name, language);
    let name = all("name")
        // "Your name is Anna?" wants an answer.
        // "I'll call you, Tom." is said to Tom.
        .filter(|name| !text.between(name.start).contains([',', '，']))
        .filter(|name| !text.between(text.len()).contains(['?', '？']) || is_aside(text, name))
        .find(is_name)
        .or_else(|| all("may-name").find(is_name))?;
    Some(tidy(text.written(&name)))
}

/// Whether something else than a question mark ends what gives the name: "I'll call you Anna, okay?"
fn is_aside(text: &Text, name: &std::ops::Range<usize>) -> bool {
    !text.in_letters() && name.end < text.len() && !text.between(name.end).contains(['?', '？'])
}

/// A name in one line.
fn tidy(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_name(text: &Text, range: &std::ops::Range<usize>, language: &Language) -> bool {
    let name = text.written(range);
    if name.chars().count() > LONGEST || !name.chars().all(belongs) {
        return false;
    }
    if text.in_letters() {
        return is_korean_name(text, range, language);
    }
    let refused = range
        .clone()
        .any(|at| language.refused.contains(text.token(at)));
    let capital = name
        .split([' ', '-'])
        .filter_map(|word| word.chars().next())
        .all(|c| c.is_alphabetic() && !c.is_lowercase());
    !refused && capital
}

/// One word; spaces are not to be relied on otherwise, but inside a short name whisper writes none.
fn is_korean_name(text: &Text, range: &std::ops::Range<usize>, language: &Language) -> bool {
    let name = text.written(range);
    let hangul = name.chars().filter(|&c| is_hangul(c)).count();
    if hangul > LONGEST_KOREAN || name.contains(char::is_whitespace) {
        return false;
    }
    if hangul == 0 && name.chars().next().is_none_or(char::is_lowercase) {
        return false;
    }
    // 루이야 is 루이 with 야, not 루 with 이야: the particle with 이 follows a consonant.
    if text.token(range.end) == "이" && ends_in_consonant(name) == Some(false) {
        return false;
    }
    let plain = name.to_lowercase();
    !language.refused.contains(&plain)
}

/// Whether a name can have this character.
fn belongs(c: char) -> bool {
    c.is_alphabetic() || matches!(c, ' ' | '-' | '\'' | '’')
}

fn is_hangul(c: char) -> bool {
    ('가'..='힣').contains(&c)
}

/// Whether the last syllable has a final consonant; `None` when it is not Korean.
fn ends_in_consonant(name: &str) -> Option<bool> {
    let last = name.chars().next_back().filter(|&c| is_hangul(c))?;
    Some(!(u32::from(last) - u32::from('가')).is_multiple_of(28))
}

/// `template` with its `{name}` and `{name:a/b}` filled in.
pub(super) fn fill(template: &str, name: &str) -> String {
    let mut filled = String::with_capacity(template.len() + name.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{name") {
        filled.push_str(before);
        filled.push_str(name);
        let (particles, after) = after.split_once('}').unwrap_or((after, ""));
        if let Some((consonant, vowel)) = particles
            .strip_prefix(':')
            .and_then(|both| both.split_once('/'))
        {
            // How a name in other letters sounds is not known; most end in a vowel when written in Korean.
            let closed = ends_in_consonant(name).unwrap_or(false);
            filled.push_str(if closed { consonant } else { vowel });
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn particles_follow_the_last_syllable() {
        let filled = |name| fill("제 이름은 {name:이에요/예요}.", name);
        assert_eq!(filled("지수"), "제 이름은 지수예요.");
        assert_eq!(filled("민준"), "제 이름은 민준이에요.");
        assert_eq!(filled("Anna"), "제 이름은 Anna예요.");
        assert_eq!(fill("I'm {name}.", "Anna"), "I'm Anna.");
        assert_eq!(fill("{name} {name}", "A"), "A A");
        assert_eq!(fill("nobody", "A"), "nobody");
    }
}
