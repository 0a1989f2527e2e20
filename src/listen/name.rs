//! The name that hearken is called by: whether, and how, a transcript calls it. Pure.
//!
//! A name needs no training: whisper writes down what is said, primed with the name, and what it wrote is compared by
//! letters and by sound (`sound.rs`). A name that is called stands at the start or at the end of a sentence and apart
//! from its grammar (`place.rs`): "Samantha, what time is it?" calls, "Samantha is coming" does not.

mod guess;
mod hangul;
mod phrase;
mod place;
mod rivals;
mod sound;
mod words;

#[cfg(test)]
mod tests;

use hangul::Ending;
use phrase::Word;
use place::{Found, Rest};
use sound::Sound;
use unicode_normalization::UnicodeNormalization as _;

/// Longer names prime whisper with too much.
const LONGEST: usize = 40;
/// Names of more words are sentences.
const MOST_WORDS: usize = 4;
/// Sounds may differ by so much of the name's length and still be the name …
const SURE: f32 = 0.11;
/// … and by so much where the place in the sentence leaves no doubt.
const ALIKE: f32 = 0.17;
/// What is written without expecting the name may be so far from it: "Senata", "Zemetha", "Summon the".
const LIKE: f32 = 0.30;
/// … and what is written when it is expected, if it would call as the name, so far: "Someone, tell", "Samarang, set".
const GUESSED: f32 = 0.42;
/// So many words from the start or the end of a transcript are near it.
const EDGE: usize = 3;
/// Names that are nearer than this are one, spelled in two ways: "Anna" and "Ana".
const SPELLING: f32 = 0.05;
/// A "hey" that whisper writes as part of the name is at most so many sounds: "Paisamanta" …
const GLUED: usize = 2;
/// … the name behind it may differ by so much of its length …
const GLUED_SURE: f32 = 0.06;
/// … and is at least so many: "Geneva" does not call Eva.
const LONG: usize = 6;
/// "Stop" may be heard so far from itself, in sounds, in two words that are the name and it.
const MISHEARD: f32 = 1.0;
/// Words that are all common ones ("summon the") must be this near.
const COMMON_WORDS: f32 = 0.06;

/// What hearken is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    written: String,
    sounds: Vec<Sound>,
    /// Lower-case letters and digits alone.
    letters: String,
    words: usize,
}

/// Why something cannot be a name. The text is for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Ask for a name.
    #[error("the name is empty")]
    Empty,
    /// Ask for a shorter one.
    #[error("the name is too long: at most 40 characters and 4 words")]
    TooLong,
    /// Ask for one with letters.
    #[error("the name {0:?} has no letters")]
    NoLetters(String),
    /// Ask for one with fewer signs.
    #[error(
        "the name cannot hold {0:?}: only letters, digits, spaces, hyphens, apostrophes and full stops"
    )]
    Sign(char),
    /// Ask for a longer one.
    #[error("the name {0:?} is too short to be told from other words")]
    TooShort(String),
    /// Ask for another.
    #[error("the name {0:?} is a word that people say all the time")]
    Common(String),
}

/// Whether a transcript calls the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Called {
    /// It does not; the name may be mentioned.
    No,
    /// The name and nothing else, perhaps with "hey", "okay" or "hello".
    Alone,
    /// What is said besides the call, trimmed, the first letter upper case: "What time is it?".
    ///
    /// What was said before the sentence with the name is left out: it was said to somebody else. Only when the name is
    /// a sentence of its own at the very end ("Turn on the light. Samantha!"), the sentence before it counts.
    With(String),
}

/// Where in a transcript the name is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Among its first words.
    Start,
    /// Among its last words.
    End,
    /// Neither, or both.
    Within,
}

impl Name {
    /// Any name in any script.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong with it, in one sentence.
    pub fn new(written: &str) -> Result<Self, NameError> {
        let written: String = written.nfc().collect();
        let written = written.split_whitespace().collect::<Vec<_>>().join(" ");
        let written = written
            .trim_matches(|c: char| matches!(c, '.' | ',' | '!' | '?' | '"' | '-' | '\'' | ' '));
        if written.is_empty() {
            return Err(NameError::Empty);
        }
        let parts = written.split(' ').count();
        if written.chars().count() > LONGEST || parts > MOST_WORDS {
            return Err(NameError::TooLong);
        }
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '\'' | '’' | '.');
        let is_part = |c: char| unicode_normalization::char::is_combining_mark(c);
        if let Some(sign) = written.chars().find(|&c| !allowed(c) && !is_part(c)) {
            return Err(NameError::Sign(sign));
        }
        if !written.chars().any(char::is_alphabetic) {
            return Err(NameError::NoLetters(written.to_owned()));
        }
        let sounds = sound::sounds(written);
        let letters = letters(written);
        if letters.len() < 2 || sounds.len() < 2 {
            return Err(NameError::TooShort(written.to_owned()));
        }
        let lower = written.to_lowercase();
        if lower
            .split(' ')
            .all(|w| words::COMMON.has(w) || words::CALLS.has(w))
        {
            return Err(NameError::Common(written.to_owned()));
        }
        // Two words of the transcript may be one of the name, and the other way round.
        let words = phrase::sentences(written)
            .iter()
            .map(Vec::len)
            .sum::<usize>()
            .max(1);
        Ok(Self {
            written: written.to_owned(),
            sounds,
            letters,
            words,
        })
    }

    /// As it is written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Whisper's initial prompt that makes it expect the name: without it whisper writes a commoner word.
    pub fn prompt(&self) -> String {
        format!("{}.", self.written)
    }

    /// An initial prompt that has whisper choose between this name and those that sound like it; empty when there are
    /// none. Without this name in it (`own` is false) whisper writes the name only where it is plainly heard.
    pub fn prompt_to_choose(&self, own: bool) -> String {
        let mut names = rivals::rivals(&self.written, &self.letters, &self.sounds);
        let Some(last) = names.pop() else {
            return String::new();
        };
        // Not last: whisper may take that for said already.
        names.extend(own.then(|| self.written.clone()));
        names.push(last);
        format!("{}.", names.join(", "))
    }

    /// Whether `other` is a name that sounds like this one, so that one may be taken for the other.
    pub fn sounds_like(&self, other: &str) -> bool {
        rivals::apart(&self.sounds, other) <= rivals::FAR
    }

    /// Whether `transcript` has the name of somebody else in it, as far as such names are known.
    pub fn has_rival(&self, transcript: &str) -> bool {
        let words = phrase::sentences(transcript).into_iter().flatten();
        words
            .map(|word| word.text.to_lowercase())
            .any(|word| words::NAMES.has(&word) && !self.letters.contains(&word))
    }

    /// Whether and how `transcript` calls this name.
    pub fn called(&self, transcript: &str) -> Called {
        let sentences = phrase::sentences(transcript);
        if let [only] = &sentences[..]
            && self.is_told_to_stop(only)
        {
            return Called::With("Stop.".into());
        }
        for (i, sentence) in sentences.iter().enumerate() {
            let calls = self
                .occurrences(sentence)
                .into_iter()
                .find_map(|found| Some((found, place::called(sentence, found)?)));
            let Some((found, rest)) = calls else {
                continue;
            };
            if self.repeats(&sentences[..i], sentence, found) {
                continue;
            }
            let later = sentences
                .get(i + 1)
                .and_then(|next| next.first())
                .map(|w| w.bytes.start);
            return said(transcript, sentence, found, rest, later).unwrap_or_else(|| {
                // The name was all of it: perhaps what it is about came just before.
                let before = i.checked_sub(1).and_then(|i| sentences.get(i));
                let alone = Called::Alone;
                match before.filter(|b| !place::only_calls(b)) {
                    Some(before) if found.end - found.first == sentence.len() => {
                        phrase_text(transcript, before).map_or(alone, Called::With)
                    }
                    _ => alone,
                }
            });
        }
        Called::No
    }

    /// What of `transcript` is said to hearken: from the sentence that calls it on. All of it when none does.
    pub fn addressed<'t>(&self, transcript: &'t str) -> &'t str {
        let sentences = phrase::sentences(transcript);
        let calls = |sentence: &Vec<Word<'_>>| {
            self.occurrences(sentence)
                .into_iter()
                .any(|found| place::called(sentence, found).is_some())
        };
        let Some(calling) = sentences.iter().position(calls) else {
            return transcript;
        };
        // The name alone at the end is for the sentence before it.
        let at_end =
            calling + 1 == sentences.len() && matches!(self.called(transcript), Called::With(_));
        let alone = self.called(&words_of(transcript, &sentences[calling])) == Called::Alone;
        let first = calling - usize::from(calling > 0 && at_end && alone);
        let begin = sentences[first].first().map_or(0, |word| word.bytes.start);
        transcript.get(begin..).unwrap_or(transcript)
    }

    /// Where this very name stands among words that are not understood: first, or last.
    pub fn at_edge(&self, words: &str) -> Option<Side> {
        let words: Vec<Word<'_>> = phrase::sentences(words).into_iter().flatten().collect();
        let named = |part: &[Word<'_>]| {
            let text: String = part.iter().map(|w| w.text).collect();
            letters(&text) == self.letters
        };
        let n = self.words;
        if words.get(..n).is_some_and(named) {
            return Some(Side::Start);
        }
        let last = words.len().checked_sub(n)?;
        named(&words[last..]).then_some(Side::End)
    }

    /// Where `transcript` calls this name; `None` when it does not.
    pub fn side(&self, transcript: &str) -> Option<Side> {
        let sentences = phrase::sentences(transcript);
        let total: usize = sentences.iter().map(Vec::len).sum();
        let (mut before, mut so_far) = (0, 0);
        for sentence in &sentences {
            let called = |found: &Found| place::called(sentence, *found).is_some();
            let done = &sentences[..so_far];
            so_far += 1;
            if let Some(found) = self.occurrences(sentence).into_iter().find(called)
                && !self.repeats(done, sentence, found)
            {
                let at_start = before + found.end <= EDGE + self.words;
                let at_end = total - (before + found.first) <= EDGE + self.words;
                return Some(match (at_start, at_end) {
                    (true, false) => Side::Start,
                    (false, true) => Side::End,
                    _ => Side::Within,
                });
            }
            before += sentence.len();
        }
        None
    }

    /// Whether something in `transcript` sounds a little like this name, called or not: what whisper writes for it when
    /// it does not expect it.
    pub fn resembles(&self, transcript: &str) -> bool {
        let words: Vec<Word<'_>> = phrase::sentences(transcript)
            .into_iter()
            .flatten()
            .collect();
        let most = self.words + 2;
        (0..words.len()).any(|first| {
            (1..=most.min(words.len() - first))
                .any(|n| self.is_like(&words[first..first + n], LIKE))
        })
    }

    /// Whether `words` are at `most` so far from this name, and are not somebody else's.
    fn is_like(&self, words: &[Word<'_>], most: f32) -> bool {
        // Word by word: the e of "Some answer" is silent there, too.
        let sounds: Vec<Sound> = words.iter().flat_map(|w| sound::sounds(w.text)).collect();
        let text: String = words.iter().map(|w| w.text).collect();
        let apart = sound::distance(&self.sounds, &sounds) / self.sounds.len() as f32;
        let distance = self.distance(&text).min(0.01 + apart);
        distance <= most && !self.is_somebody_else(words, distance)
    }

    /// Whether `words`, so far from the name, are the name of somebody else and not another spelling of this one.
    fn is_somebody_else(&self, words: &[Word<'_>], distance: f32) -> bool {
        let other = |w: &Word<'_>| {
            words::NAMES.has(&w.text.to_lowercase())
                && !self.letters.contains(&w.text.to_lowercase())
        };
        distance > SPELLING && words.iter().any(other)
    }

    /// How far `text` is from the name, in parts of its length; 0 when it is written as the name is.
    fn distance(&self, text: &str) -> f32 {
        if letters(text) == self.letters {
            return 0.0;
        }
        // Written differently, it is never quite the same.
        0.01 + sound::distance(&self.sounds, &sound::sounds(text)) / self.sounds.len() as f32
    }

    /// Where in `sentence` something sounds like the name: at each place the likest, nearest to the ends first.
    fn occurrences(&self, sentence: &[Word<'_>]) -> Vec<Found> {
        let most = self.words + 1;
        let mut found: Vec<Found> = Vec::new();
        let mut first = 0;
        while first < sentence.len() {
            let longest = most.min(sentence.len() - first);
            let best = (1..=longest)
                .filter_map(|n| self.likeness(&sentence[first..first + n]).map(|l| (n, l)))
                .min_by(|a, b| a.1.0.total_cmp(&b.1.0));
            match best {
                None => first += 1,
                Some((n, (distance, ending))) => {
                    let mut end = first + n;
                    let mut ending = ending;
                    if ending == Ending::Bare
                        && sentence[end - 1].after == phrase::Mark::None
                        && sentence.get(end).is_some_and(|w| hangul::is_title(w.text))
                    {
                        end += 1;
                        ending = Ending::Calling;
                    }
                    found.push(Found {
                        first,
                        end,
                        sure: distance <= SURE,
                        ending,
                    });
                    first = end;
                }
            }
        }
        if let ([only], []) = (sentence, &found[..])
            && self.is_glued(only)
        {
            found.push(Found {
                first: 0,
                end: 1,
                sure: true,
                ending: Ending::Bare,
            });
        }
        found
    }

    /// Whether `found` is all of `sentence`, and the sentence before it ends in the name without calling it: whisper, told to
    /// expect the name, wrote it for something else and wrote it once more ("once a month": "one Samantha. Samantha.").
    fn repeats(&self, before: &[Vec<Word<'_>>], sentence: &[Word<'_>], found: Found) -> bool {
        let alone = found.first == 0 && found.end == sentence.len();
        let Some(previous) = before.last().filter(|_| alone) else {
            return false;
        };
        let ends = |found: &Found| found.end == previous.len() && found.first > 0;
        self.occurrences(previous)
            .into_iter()
            .any(|found| ends(&found) && place::called(previous, found).is_none())
    }

    /// Whether a sentence is what whisper makes of "Samantha, stop" said in one breath, or in noise: "Samantha's top",
    /// "Samantha Stoke".
    fn is_told_to_stop(&self, sentence: &[Word<'_>]) -> bool {
        let [name, stop] = sentence else { return false };
        let named = letters(name.text) == self.letters;
        let split = name.possessive && stop.lower == "top";
        let apart = sound::distance(&sound::sounds("stop"), &sound::sounds(&stop.lower));
        let misheard = stop.lower.starts_with("sto") && apart <= MISHEARD && !stop.possessive;
        named && (split || misheard)
    }

    /// Whether a word that is all of a sentence ends in the name, behind the sounds of a "hey".
    fn is_glued(&self, word: &Word<'_>) -> bool {
        let sounds = sound::sounds(word.text);
        let long = self.sounds.len() >= LONG && !word.possessive;
        let other = words::COMMON.has(&word.lower)
            || self.is_somebody_else(std::slice::from_ref(word), 1.0);
        long && !other
            && (1..=GLUED.min(sounds.len())).any(|n| {
                let apart = sound::distance(&self.sounds, &sounds[n..]) / self.sounds.len() as f32;
                sound::is_vowel(sounds[n - 1]) && apart <= GLUED_SURE
            })
    }

    /// How far `words` together are from the name, in parts of its length, when that is near enough to be it.
    fn likeness(&self, words: &[Word<'_>]) -> Option<(f32, Ending)> {
        let (last, others) = words.split_last()?;
        if others
            .iter()
            .any(|w| w.after != phrase::Mark::None || w.possessive)
        {
            return None;
        }
        let front: String = others.iter().map(|w| w.text).collect();
        let (stem, ending, distance) = hangul::readings(last.text)
            .into_iter()
            .map(|(stem, ending)| {
                let text = format!("{front}{stem}");
                let distance = self.distance(&text);
                (text, ending, distance)
            })
            .min_by(|a, b| a.2.total_cmp(&b.2))?;
        let exact = distance == 0.0;
        let common = !exact && words.iter().all(|w| words::COMMON.has(&w.lower));
        let most = match (common, words.len() > self.words) {
            (true, false) => return None,
            (true, true) => COMMON_WORDS,
            (false, true) => SURE,
            (false, false) => ALIKE,
        };
        let near = distance <= most && !stem.is_empty();
        (near && !self.is_somebody_else(words, distance)).then_some((distance, ending))
    }
}

/// Letters and digits of `text` in lower case.
fn letters(text: &str) -> String {
    text.nfc()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// What is said besides the call; `None` when that is nothing. `later` is where the next sentence begins.
fn said(
    transcript: &str,
    sentence: &[Word<'_>],
    found: Found,
    rest: Rest,
    later: Option<usize>,
) -> Option<Called> {
    let begin = |i: usize| sentence.get(i).map(|w| w.bytes.start);
    let behind = |i: usize| {
        i.checked_sub(1)
            .and_then(|i| sentence.get(i))
            .map(|w| w.bytes.end)
    };
    let end = later.unwrap_or(transcript.len());
    let later = later.map_or("", |from| &transcript[from..]);
    let closing = &transcript[behind(sentence.len())?..end];
    let text = match rest {
        Rest::Nothing => later.to_owned(),
        Rest::From(first) => transcript[begin(first)?..].to_owned(),
        Rest::UpTo(last) => {
            let said = &transcript[begin(0)?..behind(last)?];
            format!("{said}{closing}{later}")
        }
        Rest::Around => {
            let said = &transcript[begin(0)?..behind(found.first)?];
            let on = &transcript[begin(found.end)?..];
            format!("{said}, {on}")
        }
    };
    tidy(&text).map(Called::With)
}

/// The words of one sentence as they stand in the transcript.
fn words_of(transcript: &str, sentence: &[Word<'_>]) -> String {
    let from = sentence.first().map_or(0, |word| word.bytes.start);
    let to = sentence.last().map_or(0, |word| word.bytes.end);
    transcript.get(from..to).unwrap_or_default().to_owned()
}

/// The text of one sentence.
fn phrase_text(transcript: &str, sentence: &[Word<'_>]) -> Option<String> {
    let (first, last) = (sentence.first()?, sentence.last()?);
    let closing: String = transcript[last.bytes.end..]
        .chars()
        .take_while(|c| !c.is_whitespace() && !c.is_alphanumeric())
        .collect();
    tidy(&format!(
        "{}{closing}",
        &transcript[first.bytes.start..last.bytes.end]
    ))
}

/// Trimmed, the first letter upper case; `None` when there is no letter and no digit.
fn tidy(text: &str) -> Option<String> {
    let text = text.trim();
    let mut chars = text.chars();
    let first = chars.next()?;
    if !text.chars().any(char::is_alphanumeric) {
        return None;
    }
    Some(first.to_uppercase().chain(chars).collect())
}
