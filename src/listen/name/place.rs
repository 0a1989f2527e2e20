//! Where in a sentence a name stands, and whether it is called there. Pure.
//!
//! A name that is called stands apart: at the start, before a comma, a question or an order; or at the end, behind a
//! comma. A name that is spoken of is part of the sentence's grammar. Whisper sets the commas by the tone of voice, so
//! they tell most; where there is none, the words beside the name must be such that it can only be called.

use super::hangul::{self, Ending};
use super::phrase::{Mark, Word};
use super::sound;
use super::words::{
    AFTERTHOUGHTS, ANSWERS, ASKING, AUXILIARIES, CALLS, CLOSINGS, DETERMINERS, GIVING, GREETINGS,
    MAKING, OPENINGS, PERSONS, PREPOSITIONS, RELATIVE, SUBJECTS, TELLING,
};

/// Words of a sentence that sound as the name does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// Index of the first word.
    pub first: usize,
    /// Index behind the last word.
    pub end: usize,
    /// It does not merely resemble the name.
    pub sure: bool,
    /// A Korean ending on it.
    pub ending: Ending,
}

/// What is said besides the call. Indices of words in the sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// From this word on.
    From(usize),
    /// Up to this word, and not the word itself.
    UpTo(usize),
    /// Everything around the name.
    Around,
    /// Nothing.
    Nothing,
}

/// How the name `found` in `sentence` is called; `None` when it is not.
pub(super) fn called(sentence: &[Word<'_>], found: Found) -> Option<Rest> {
    let last = found.end.checked_sub(1).and_then(|i| sentence.get(i))?;
    if found.ending == Ending::Other || last.possessive {
        return None;
    }
    let before = &sentence[..found.first];
    let after = &sentence[found.end..];
    let greeted = found.sure && after.is_empty() && sounds_like_hello(before);
    let opened = (before.len() <= 3 && only_calls(before)) || greeted;
    if opened {
        return if after.is_empty() {
            Some(Rest::Nothing)
        } else if at_start(sentence, found) {
            Some(Rest::From(found.end))
        } else {
            None
        };
    }
    let answered = before.len() <= 3
        && before
            .iter()
            .all(|w| ANSWERS.has(&w.lower) || CALLS.has(&w.lower));
    if after.is_empty() || (after.len() <= 2 && after.iter().all(is_afterthought)) {
        let rest = match after {
            [] => Rest::UpTo(found.first),
            _ => Rest::Around,
        };
        return (answered || at_end(sentence, found)).then_some(rest);
    }
    // "No, Samantha, stop": in the middle only between commas, and only when somebody is plainly spoken to.
    let apart = before.last().is_some_and(|w| w.after == Mark::Comma) && last.after == Mark::Comma;
    let spoken_to = answered || asks_or_tells(after);
    (apart && found.sure && spoken_to && !is_list(sentence, found)).then_some(if answered {
        Rest::Around
    } else {
        Rest::From(found.end)
    })
}

/// "Hey", "Okay so": nothing but a call.
pub(super) fn only_calls(words: &[Word<'_>]) -> bool {
    words.iter().all(|w| CALLS.has(&w.lower))
}

/// "Tello Samantha", "The low Samantha": what whisper makes of "hello" in noise, where the name is all that follows. One
/// consonant may be another, and a faint one more; "Tell Samantha" is further away.
fn sounds_like_hello(words: &[Word<'_>]) -> bool {
    let said: String = words.iter().map(|w| w.text).collect();
    words.len() <= 2 && sound::distance(&sound::sounds("hello"), &sound::sounds(&said)) <= 1.45
}

fn is_afterthought(word: &Word<'_>) -> bool {
    AFTERTHOUGHTS.has(&word.lower)
}

/// The name opens the sentence and something follows.
fn at_start(sentence: &[Word<'_>], found: Found) -> bool {
    let (before, after) = (&sentence[..found.first], &sentence[found.end..]);
    let set_off = sentence[found.end - 1].after == Mark::Comma;
    let Some(next) = after.first() else {
        return true;
    };
    let greeted = before.last().is_some_and(|w| GREETINGS.has(&w.lower));
    if matches!(next.lower.as_str(), "and" | "or" | "와" | "과") || is_list(sentence, found) {
        return set_off && asks_or_tells(&after[1..]) && !is_list(sentence, found);
    }
    if found.ending == Ending::Calling || greeted {
        return true;
    }
    if set_off {
        return !is_relative(after);
    }
    found.sure && (asks_or_tells(after) || asks_in_korean(sentence, after))
}

/// "Samantha, who lives next door, is ill.": what is said of the name, not to it.
fn is_relative(after: &[Word<'_>]) -> bool {
    let begins = after
        .first()
        .is_some_and(|w| RELATIVE.has(&w.lower) && w.lower != "that");
    begins && !is_question(after) && after.iter().rev().skip(1).any(|w| w.after == Mark::Comma)
}

/// The name closes the sentence, and what comes before is more than a call.
fn at_end(sentence: &[Word<'_>], found: Found) -> bool {
    let before = &sentence[..found.first];
    let Some(previous) = before.last() else {
        return true;
    };
    if matches!(previous.lower.as_str(), "and" | "or") {
        return false;
    }
    if previous.after == Mark::Comma {
        return !is_list(sentence, found);
    }
    if found.ending == Ending::Calling {
        // "쟤는 지수야": she is Jisu.
        return !hangul::is_topic(previous.text);
    }
    if !found.sure {
        return false;
    }
    if !CLOSINGS.has(&previous.lower) {
        return closes_without_a_comma(&sentence[found.first..], before);
    }
    // "Is it Samantha?" and "Was that you, Samantha?" differ in more than the comma.
    let named = before.len() <= 2 && matches!(previous.lower.as_str(), "it" | "me");
    let whole = &sentence[found.first..];
    match previous.lower.as_str() {
        // "I called you Samantha", "They named it Samantha", "Call me Samantha".
        "it" | "you" | "me" => {
            !named && (is_question(whole) || asks_or_tells(before) || is_thanks(before))
        }
        _ => true,
    }
}

/// "What is 17 plus 25 Samantha?", "Turn off the light Samantha": a question or an order that is whole without the name.
/// `whole` is the name at the end, `before` what comes before it.
fn closes_without_a_comma(whole: &[Word<'_>], before: &[Word<'_>]) -> bool {
    // "20i" is what whisper writes for "twenty five" in noise.
    let is_number = |w: &Word<'_>| {
        let sign = |c: char| c.is_ascii_digit() || matches!(c, '+' | '.' | '-' | '%');
        w.lower.starts_with(sign)
    };
    let told = before.first().is_some_and(|w| TELLING.has(&w.lower));
    let put = told || is_question(whole) || before.first().is_some_and(|w| ASKING.has(&w.lower));
    match before {
        [.., last] if is_number(last) => put || before.iter().all(is_number),
        // "my sister Samantha", "the singer Samantha".
        [.., determiner, last] if DETERMINERS.has(&determiner.lower) => {
            put && !PERSONS.has(&last.lower)
        }
        _ => is_question(whole) && has_its_object(before),
    }
}

/// "What do bees make Samantha?": what is asked for is the "what", so that the verb at the end has nothing to do with a name behind it.
/// "What did you give Samantha?", "What did you make Samantha?" and "What did Tom cook Samantha?" ask for something that somebody gets.
fn has_its_object(words: &[Word<'_>]) -> bool {
    let [what, auxiliary, subject, .., last] = words else {
        return false;
    };
    let asks = what.lower == "what"
        && matches!(
            auxiliary.lower.as_str(),
            "do" | "does" | "did" | "can" | "could" | "would" | "will" | "should"
        );
    let verb = ![PREPOSITIONS, GIVING, PERSONS, DETERMINERS]
        .iter()
        .any(|table| table.has(&last.lower));
    let somebody = SUBJECTS.has(&subject.lower) || auxiliary.lower == "did";
    asks && verb && !(somebody && MAKING.has(&last.lower))
}

fn is_thanks(words: &[Word<'_>]) -> bool {
    words
        .first()
        .is_some_and(|w| matches!(w.lower.as_str(), "thank" | "thanks"))
}

fn is_question(words: &[Word<'_>]) -> bool {
    words
        .last()
        .is_some_and(|w| w.after == Mark::End { question: true })
}

/// Whether `words` begin as a question or an order does that is put to somebody.
fn asks_or_tells(words: &[Word<'_>]) -> bool {
    let Some(first) = words.first().map(|w| w.lower.as_str()) else {
        return false;
    };
    let second = words.get(1).map_or("", |w| w.lower.as_str());
    let is_call = |word: &str| TELLING.has(word) || OPENINGS.has(word);
    if ASKING.has(first) {
        return true;
    }
    if AUXILIARIES.has(first) {
        // "Samantha did it." is said of her.
        let asked = words.len() > 2 && is_question(words) && SUBJECTS.has(second);
        return asked
            || second == "you"
            || (first == "don't" || first == "do") && TELLING.has(second);
    }
    if first == "never" {
        return second == "mind";
    }
    if RELATIVE.has(first) {
        return is_question(words);
    }
    is_call(first)
}

fn asks_in_korean(sentence: &[Word<'_>], after: &[Word<'_>]) -> bool {
    let korean = |w: &Word<'_>| w.text.chars().any(hangul::is_hangul);
    after.iter().any(korean)
        && (is_question(sentence) || after.last().is_some_and(|w| hangul::asks(w.text)))
}

/// "Samantha, Tom and I", "Tom, Anna, Samantha": one of several who are named.
fn is_list(sentence: &[Word<'_>], found: Found) -> bool {
    let named = |w: &Word<'_>| w.is_capital() && !w.lower.starts_with("i'") && w.lower != "i";
    let after = &sentence[found.end..];
    if let [next, then, ..] = after
        && named(next)
        && (next.after == Mark::Comma || then.lower == "and" || then.lower == "or")
        && sentence[found.end - 1].after == Mark::Comma
        && !is_question(after)
    {
        return true;
    }
    let before = &sentence[..found.first];
    matches!(before, [.., first, second]
        if first.after == Mark::Comma && second.after == Mark::Comma && named(second) && before.len() > 2)
}
