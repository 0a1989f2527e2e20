//! The tables of `assets/commands.toml`: what people say, and what is answered. Read once.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

pub(super) use super::phrase::Place;
use super::phrase::{Phrase, Text};

const BUILT_IN: &str = include_str!("../../assets/commands.toml");

/// The keys of the commands that a language must have phrases for.
pub(super) const COMMANDS: [&str; 17] = [
    "stop",
    "never-mind",
    "pause",
    "go-on",
    "louder",
    "quieter",
    "slower",
    "faster",
    "repeat",
    "sleep",
    "wake",
    "forget",
    "forget-all",
    "time",
    "date",
    "name",
    "may-name",
];

/// One language.
#[derive(Debug)]
pub(super) struct Language {
    /// ISO 639-1.
    pub code: String,
    /// Whether texts are compared letter by letter.
    pub letters: bool,
    before: Vec<Phrase>,
    after: Vec<Phrase>,
    commands: BTreeMap<String, Vec<Phrase>>,
    /// Words that are no name.
    pub refused: HashSet<String>,
    /// Words that ask for silence at once.
    pub stop: Vec<Phrase>,
    /// What calls off a question that has just been asked.
    call_off: Vec<Phrase>,
    misread: Vec<Phrase>,
    /// As `misread`, with nothing around them.
    misread_alone: Vec<Phrase>,
    /// Words that a listener says without wanting to speak.
    pub backchannel: Vec<Phrase>,
    /// Templates of what is answered, by key.
    pub answers: BTreeMap<String, String>,
    /// How time is told.
    pub clock: Clock,
}

/// The words for times and dates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Clock {
    /// Before and after noon.
    pub halves: Vec<String>,
    /// The twelve hours from twelve o'clock on.
    pub hours: Vec<String>,
    /// From Monday on.
    pub weekdays: Vec<String>,
    /// From January on.
    pub months: Vec<String>,
    /// How other numbers are written.
    pub numbers: Numbers,
}

/// How numbers are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Numbers {
    /// In digits.
    #[default]
    Digits,
    /// In Sino-Korean words: eSpeak NG reads Korean digits with gaps.
    SinoKorean,
}

/// A section of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    letters: bool,
    before: Vec<String>,
    after: Vec<String>,
    commands: BTreeMap<String, Vec<String>>,
    names: Names,
    interjections: Interjections,
    answers: BTreeMap<String, String>,
    clock: Clock,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    refused: HashSet<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Interjections {
    stop: Vec<String>,
    call_off: Vec<String>,
    misread: Vec<String>,
    misread_alone: Vec<String>,
    backchannel: Vec<String>,
}

/// Every language of the file. A file that cannot be read leaves none; the tests would show it.
static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| {
    let languages = parse(BUILT_IN);
    debug_assert!(languages.is_ok(), "{languages:?}");
    languages.unwrap_or_default()
});

/// The languages to try for a text in `language` (ISO 639-1, perhaps with a region): its own where there is a table,
/// otherwise all.
pub(super) fn of(language: &str) -> &'static [Language] {
    let code = language.split(['-', '_']).next().unwrap_or(language);
    match LANGUAGES.iter().position(|known| known.code == code) {
        Some(at) => LANGUAGES.get(at..=at).unwrap_or_default(),
        None => &LANGUAGES,
    }
}

fn parse(toml: &str) -> Result<Vec<Language>, String> {
    let sections: BTreeMap<String, Section> = toml::from_str(toml).map_err(|e| e.to_string())?;
    sections
        .into_iter()
        .map(|(code, section)| Language::new(code, section))
        .collect()
}

impl Language {
    fn new(code: String, section: Section) -> Result<Self, String> {
        let letters = section.letters;
        let read = |phrases: &[String]| -> Result<Vec<Phrase>, String> {
            phrases
                .iter()
                .map(|phrase| Phrase::parse(phrase, letters).map_err(|e| format!("{code}: {e}")))
                .collect()
        };
        let mut commands = BTreeMap::new();
        for (key, phrases) in &section.commands {
            if !COMMANDS.contains(&key.as_str()) {
                return Err(format!("{code}: there is no command {key:?}"));
            }
            commands.insert(key.clone(), read(phrases)?);
        }
        Ok(Self {
            letters,
            before: read(&section.before)?,
            after: read(&section.after)?,
            commands,
            refused: section.names.refused,
            stop: read(&section.interjections.stop)?,
            call_off: read(&section.interjections.call_off)?,
            misread: read(&section.interjections.misread)?,
            misread_alone: read(&section.interjections.misread_alone)?,
            backchannel: read(&section.interjections.backchannel)?,
            answers: section.answers,
            clock: section.clock,
            code,
        })
    }

    /// The phrases of the command `key`.
    pub fn phrases(&self, key: &str) -> &[Phrase] {
        self.commands.get(key).map_or(&[], Vec::as_slice)
    }

    /// The places in `text` that the command `key` leads to from its beginning, politeness around it set aside. It may
    /// be said over and over, as people do who want to be heard.
    pub fn command(&self, key: &str, text: &Text) -> Vec<Place> {
        self.commands(&[key], text)
    }

    /// [`Language::command`] for several that come to the same thing.
    pub fn commands(&self, keys: &[&str], text: &Text) -> Vec<Place> {
        let mut found: Vec<Place> = Vec::new();
        let mut places = vec![Place { at: 0, name: None }];
        while !places.is_empty() {
            let begun = closure(&self.before, text, places);
            let mut said: Vec<Place> = Vec::new();
            for phrase in keys.iter().flat_map(|key| self.phrases(key)) {
                merge(&mut said, phrase.ends(text, &begun));
            }
            places = Vec::new();
            for place in closure(&self.after, text, said) {
                if !found.contains(&place) {
                    found.push(place.clone());
                    places.push(place);
                }
            }
        }
        found
    }

    /// Whether `text` is the beginning of one of the commands `keys`, and they go on after it.
    pub fn begins(&self, keys: &[&str], text: &Text) -> bool {
        let start = vec![Place { at: 0, name: None }];
        let places = closure(&self.before, text, start);
        let mut phrases = keys.iter().flat_map(|key| self.phrases(key));
        phrases.any(|phrase| {
            let mut places = places.iter();
            places.any(|place| place.at < text.len() && phrase.may_begin(text, place.at))
        })
    }

    /// Whether all of `text` calls off what was asked, politeness around it set aside.
    pub fn calls_off(&self, text: &Text) -> bool {
        self.is_all(&self.call_off, text)
    }

    /// Whether all of `text`, said over a reply, is a stop that whisper has misread.
    pub fn is_misread_stop(&self, text: &Text) -> bool {
        let start = [Place { at: 0, name: None }];
        let mut alone = self
            .misread_alone
            .iter()
            .flat_map(|phrase| phrase.ends(text, &start));
        alone.any(|place| place.at == text.len()) || self.is_all(&self.misread, text)
    }

    /// Whether `text` is one of the phrases, politeness around it set aside.
    fn is_all(&self, phrases: &[Phrase], text: &Text) -> bool {
        let places = closure(&self.before, text, vec![Place { at: 0, name: None }]);
        let places = phrases
            .iter()
            .flat_map(|phrase| phrase.ends(text, &places))
            .collect();
        let ends = closure(&self.after, text, places);
        ends.iter().any(|place| place.at == text.len())
    }

    /// The places behind any number of backchannels from the beginning of `text` on.
    pub fn asides(&self, text: &Text) -> Vec<Place> {
        let start = vec![Place { at: 0, name: None }];
        closure(&self.backchannel, text, start)
    }

    /// Whether `text` is nothing but stop words, asides around them left out.
    pub fn is_stop(&self, text: &Text) -> bool {
        // Whether a stop word has been said, beside the place: two sets.
        let mut quiet = vec![Place { at: 0, name: None }];
        let mut stopped: Vec<Place> = Vec::new();
        loop {
            let known = quiet.len() + stopped.len();
            for aside in [&self.backchannel, &self.before, &self.after] {
                quiet = closure(aside, text, quiet);
                stopped = closure(aside, text, stopped);
            }
            let from: Vec<Place> = quiet.iter().chain(&stopped).cloned().collect();
            let phrases = ["stop", "never-mind", "pause"]
                .into_iter()
                .flat_map(|key| self.phrases(key));
            for phrase in self.stop.iter().chain(phrases) {
                merge(&mut stopped, phrase.ends(text, &from));
            }
            if quiet.len() + stopped.len() == known {
                return stopped.iter().any(|place| place.at == text.len());
            }
        }
    }
}

/// Every place that any number of `phrases` leads to.
fn closure(phrases: &[Phrase], text: &Text, from: Vec<Place>) -> Vec<Place> {
    let mut places = from.clone();
    let mut new = from;
    while !new.is_empty() {
        let mut next: Vec<Place> = Vec::new();
        for phrase in phrases {
            for place in phrase.ends(text, &new) {
                if !places.contains(&place) {
                    places.push(place.clone());
                    next.push(place);
                }
            }
        }
        new = next;
    }
    places
}

fn merge(places: &mut Vec<Place>, more: Vec<Place>) {
    for place in more {
        if !places.contains(&place) {
            places.push(place);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ANSWERS: [&str; 18] = [
        "name-refused",
        "repeat",
        "never-mind",
        "louder",
        "quieter",
        "slower",
        "faster",
        "sleep",
        "wake",
        "forget",
        "forget-all",
        "time",
        "full-hour",
        "half-hour",
        "midnight",
        "noon",
        "date",
        "name",
    ];

    #[test]
    fn every_language_is_complete() {
        let languages = parse(BUILT_IN).unwrap();
        let codes: Vec<&str> = languages.iter().map(|l| l.code.as_str()).collect();
        assert_eq!(codes, ["en", "ko"]);
        for language in &languages {
            let code = &language.code;
            for key in COMMANDS {
                assert!(!language.phrases(key).is_empty(), "{code}: {key}");
            }
            for key in ANSWERS {
                assert!(language.answers.contains_key(key), "{code}: {key}");
            }
            for key in language.answers.keys() {
                assert!(ANSWERS.contains(&key.as_str()), "{code}: {key}");
            }
            let clock = &language.clock;
            assert_eq!(clock.halves.len(), 2, "{code}");
            assert_eq!(clock.hours.len(), 12, "{code}");
            assert_eq!(clock.weekdays.len(), 7, "{code}");
            assert_eq!(clock.months.len(), 12, "{code}");
            assert!(!language.refused.is_empty() && !language.stop.is_empty());
            assert!(!language.backchannel.is_empty());
        }
    }

    #[test]
    fn no_phrase_belongs_to_two_commands() {
        for language in parse(BUILT_IN).unwrap() {
            for a in COMMANDS {
                for b in COMMANDS.into_iter().filter(|b| *b > a) {
                    for phrase in language.phrases(a) {
                        let also = language.phrases(b).contains(phrase);
                        assert!(!also, "{}: {a} and {b}: {phrase:?}", language.code);
                    }
                }
            }
        }
    }

    #[test]
    fn wrong_tables_are_refused() {
        assert!(parse("[en]\nletters = 1").is_err());
        let odd = BUILT_IN.replacen("[en.commands]\nstop =", "[en.commands]\nhalt =", 1);
        assert!(parse(&odd).unwrap_err().contains("\"halt\""));
        let open = BUILT_IN.replacen("\"zip it\"", "\"zip [it\"", 1);
        assert!(parse(&open).unwrap_err().contains("closed"));
    }
}
