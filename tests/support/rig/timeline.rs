//! What happened, and when. Pure.

use std::fmt::Write;

use serde_json::Value;

use super::format::{Moment, Pattern};

/// Fields that say nothing new to whoever looks into a failure.
const UNPRINTED: [&str; 6] = [
    "event",
    "stages_ms",
    "messages",
    "last",
    "scripted",
    "language",
];

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// In ms after the scenario's `start`; negative before it.
    pub ms: i64,
    /// The kind of event.
    pub kind: String,
    /// The event itself; an object.
    pub value: Value,
}

impl Entry {
    /// Whether one of its fields holds such words.
    pub fn contains(&self, pattern: Option<&Pattern>) -> bool {
        let Some(pattern) = pattern else { return true };
        let fields = self.value.as_object();
        fields.is_some_and(|fields| {
            fields
                .iter()
                .any(|(name, value)| name != "event" && pattern.is_in(&as_text(value)))
        })
    }
}

/// A string's words; anything else as JSON writes it.
pub fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What happened, in the order of time.
#[derive(Debug, Clone, Default)]
pub struct Timeline(Vec<Entry>);

impl Timeline {
    /// Puts an entry where it belongs; behind others of the same ms.
    pub fn add(&mut self, ms: i64, kind: &str, value: Value) {
        let place = self.0.partition_point(|entry| entry.ms <= ms);
        let entry = Entry {
            ms,
            kind: kind.to_owned(),
            value,
        };
        self.0.insert(place, entry);
    }

    /// When `moment` was, if it came.
    pub fn when(&self, moment: &Moment) -> Option<i64> {
        self.0
            .iter()
            .filter(|e| e.kind == moment.event && e.contains(moment.contains.as_ref()))
            .nth(moment.nth - 1)
            .map(|entry| entry.ms + moment.ms)
    }

    /// Whether a clause of `text` began to sound.
    pub fn says(&self, text: &str) -> bool {
        let clauses = self.0.iter().filter(|e| e.kind == "clause_started");
        clauses
            .filter_map(|e| e.value["text"].as_str())
            .any(|clause| !clause.is_empty() && text.contains(clause))
    }

    /// How long each event `kind` came after the first sound of the words or sounds before it, by the room's clock, in ms.
    pub fn after_words(&self, kind: &str) -> Vec<f64> {
        let mut began = None;
        let mut after = Vec::new();
        for entry in &self.0 {
            if entry.kind.starts_with("say:") {
                began = Some(entry.ms);
            } else if entry.kind == kind {
                after.extend(began.map(|began| (entry.ms - began) as f64));
            }
        }
        after
    }

    /// The place of the entry that `moment` names exactly; `None` for one that lies beside an event.
    fn place(&self, moment: &Moment) -> Option<usize> {
        if moment.ms != 0 {
            return None;
        }
        let mut same = self.0.iter().enumerate();
        let is =
            |entry: &Entry| entry.kind == moment.event && entry.contains(moment.contains.as_ref());
        same.by_ref()
            .filter(|(_, entry)| is(entry))
            .nth(moment.nth - 1)
            .map(|(place, _)| place)
    }

    /// Entries from `from` on; the event that `from` names is not among them.
    pub fn since(&self, from: &Moment) -> Option<&[Entry]> {
        let ms = self.when(from)?;
        let first = match self.place(from) {
            Some(place) => place + 1,
            None => self.0.partition_point(|entry| entry.ms < ms),
        };
        Some(&self.0[first..])
    }

    /// One line an entry, words shortened.
    pub fn print(&self) -> String {
        let mut text = String::new();
        for entry in &self.0 {
            let mut fields = String::new();
            for (name, value) in entry.value.as_object().into_iter().flatten() {
                if !UNPRINTED.contains(&name.as_str()) && !value.is_null() {
                    let _ = write!(fields, " {name}={}", shorten(&as_text(value)));
                }
            }
            let _ = writeln!(text, "{:>8} ms  {}{fields}", entry.ms, entry.kind);
        }
        text
    }
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 100;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let kept: String = text.chars().take(LONGEST).collect();
    format!("{kept}…")
}
