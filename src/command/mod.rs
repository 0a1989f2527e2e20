//! Commands that need no model: what a sentence asks of hearken itself, and what is answered. Pure, and so quick that
//! it runs wherever words arrive; it works when the language model does not.
//!
//! A sentence is a command only when all of it is one, politeness and hesitation set aside: "stop me if I'm wrong" and
//! "what time is it in Tokyo?" are for the model. The phrases are in `assets/commands.toml`.

mod clock;
mod interjection;
mod name;
mod phrase;
mod table;

pub use interjection::{Interjection, interjection, is_own, is_part, is_stop};

use jiff::civil::DateTime;

use phrase::Text;
use table::Language;

/// What a sentence asks of hearken itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Be silent, and drop what would have come.
    Stop,
    /// Drop what was asked.
    NeverMind,
    /// Be silent, and keep what would have come.
    Pause,
    /// Say what was kept.
    GoOn,
    /// Speak louder.
    Louder,
    /// Speak more quietly.
    Quieter,
    /// Speak more slowly.
    Slower,
    /// Speak faster.
    Faster,
    /// Say the last answer again.
    Repeat,
    /// Listen to nothing but [`Command::Wake`] and the name.
    Sleep,
    /// Listen again.
    Wake,
    /// Forget the last question and its answer.
    Forget,
    /// Forget the conversation.
    ForgetAll,
    /// Tell the time.
    Time,
    /// Tell the date.
    Date,
    /// Be called this from now on: one or two words, as they were written.
    Name(String),
}

/// Every command without a name, by the key of its phrases.
const PLAIN: [Command; 15] = [
    Command::Stop,
    Command::NeverMind,
    Command::Pause,
    Command::GoOn,
    Command::Louder,
    Command::Quieter,
    Command::Slower,
    Command::Faster,
    Command::Repeat,
    Command::Sleep,
    Command::Wake,
    Command::Forget,
    Command::ForgetAll,
    Command::Time,
    Command::Date,
];

impl Command {
    /// What it is called in events, such as `never-mind`.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::NeverMind => "never-mind",
            Self::Pause => "pause",
            Self::GoOn => "go-on",
            Self::Louder => "louder",
            Self::Quieter => "quieter",
            Self::Slower => "slower",
            Self::Faster => "faster",
            Self::Repeat => "repeat",
            Self::Sleep => "sleep",
            Self::Wake => "wake",
            Self::Forget => "forget",
            Self::ForgetAll => "forget-all",
            Self::Time => "time",
            Self::Date => "date",
            Self::Name(_) => "name",
        }
    }
}

/// The command that `text` is, when all of it is one, politeness and hesitation set aside. `text` is a transcript
/// without hearken's own name. There are tables for `en` and `ko`; in another or an unknown `language` (ISO 639-1)
/// both are tried.
///
/// ```
/// use hearken::command::{Command, recognise};
/// assert_eq!(recognise("Okay, stop it please.", "en"), Some(Command::Stop));
/// assert_eq!(recognise("Stop me if I'm wrong, but is it late?", "en"), None);
/// ```
pub fn recognise(text: &str, language: &str) -> Option<Command> {
    table::of(language)
        .iter()
        .find_map(|language| recognise_in(text, language))
}

fn recognise_in(text: &str, language: &Language) -> Option<Command> {
    let text = Text::new(text, language.letters);
    if text.len() == 0 || text.is_too_long() {
        return None;
    }
    let is = |keys: &[&str]| {
        let mut places = language.commands(keys, &text).into_iter();
        places.any(|place| place.at == text.len())
    };
    if let Some(command) = PLAIN.into_iter().find(|command| is(&[command.key()])) {
        return Some(command);
    }
    // "Wait, stop. Never mind." is one wish in several words.
    if is(&["stop", "never-mind", "pause"]) {
        return Some(Command::Stop);
    }
    name::given(&text, language).map(Command::Name)
}

/// Whether all of `text` calls off a question that was asked just before it.
pub fn calls_off(text: &str, language: &str) -> bool {
    table::of(language).iter().any(|language| {
        let text = Text::new(text, language.letters);
        text.len() > 0 && !text.is_too_long() && language.calls_off(&text)
    })
}

/// From this similarity on (Jaro and Winkler's, 0 to 1), words may be the same beginning read in two ways: "please stop" and
/// "please start".
const SAME_BEGINNING: f64 = 0.7;
/// The same of a single word: "stop" and "start" have 0.63.
const SAME_WORD: f64 = 0.63;
/// In the time of a short stop nobody says more words than these.
const FEW_WORDS: usize = 3;

/// Whether `whole` is a stop that was read as one in its beginning, `begun`, and in the end as something that sounds like
/// it: "Please stop", and then "Please start talking".
///
/// ```
/// use hearken::command::misread_stop;
/// assert!(misread_stop("Please stop.", "Please start talking.", "en"));
/// assert!(misread_stop("Stop.", "Star.", "en"));
/// assert!(!misread_stop("Stop", "Stop me if I'm wrong, but is it late?", "en"));
/// ```
pub fn misread_stop(begun: &str, whole: &str, language: &str) -> bool {
    let stops = |text: &str| recognise(text, language) == Some(Command::Stop);
    let plain = |text: &str| {
        text.trim_end_matches(|c: char| !c.is_alphanumeric())
            .to_lowercase()
    };
    let begun = plain(begun);
    let words: Vec<&str> = whole.split_whitespace().collect();
    let (read, rest) = words.split_at(begun.split_whitespace().count().min(words.len()));
    let read = plain(&read.join(" "));
    // A word that is all that was said, and hardly longer: "star", and not "Stockholm". In shorter ones, as Korean's are, a letter is too much.
    let length = begun.chars().count();
    let word = words.len() == 1 && length >= 4 && read.chars().count() <= length + 1;
    let same = if word { SAME_WORD } else { SAME_BEGINNING };
    stops(&begun)
        && strsim::jaro_winkler(&begun, &read) >= same
        && stops(&[&[&begun[..]], rest].concat().join(" "))
}

/// Whether all of `text`, which has stopped a reply, can only be a stop that was misread: "Please start talking", "Star".
pub fn must_be_stop(text: &str, language: &str) -> bool {
    table::of(language).iter().any(|language| {
        let text = Text::new(text, language.letters);
        text.len() > 0 && !text.is_too_long() && language.is_misread_stop(&text)
    })
}

/// Whether the last of a few words is such a stop, or one that was read right: "Let's start", "I'd stop". What is left of hearken's own
/// voice in front of a short word becomes words as well.
pub fn ends_in_stop(text: &str, language: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.len() <= FEW_WORDS
        && words.last().is_some_and(|last| {
            must_be_stop(last, language) || recognise(last, language) == Some(Command::Stop)
        })
}

/// Commands that a reply takes note of without stopping for good.
const OF_REPLIES: [&str; 6] = ["pause", "go-on", "louder", "quieter", "slower", "faster"];

/// Whether `text`, the beginning of what somebody says, may become a command that does not stop a reply: "turn it" as
/// much as "turn it up".
pub fn may_become(text: &str, language: &str) -> bool {
    table::of(language).iter().any(|language| {
        let text = Text::new(text, language.letters);
        if text.len() == 0 || text.is_too_long() {
            return false;
        }
        let whole = |place: &table::Place| place.at == text.len();
        language.commands(&OF_REPLIES, &text).iter().any(whole)
            || language.begins(&OF_REPLIES, &text)
    })
}

/// What is said to a name that cannot be taken.
pub fn refusal(language: &str) -> Option<String> {
    let table = table::of(language).first()?;
    table.answers.get("name-refused").cloned()
}

/// The spoken answer in `language` (English where there is no table); `None` when doing it says enough. After a change
/// of loudness or speed the answer lets it be heard, and is not needed while a reply goes on. `now` is local time.
pub fn answer(command: &Command, now: DateTime, language: &str) -> Option<String> {
    let table = table::of(language).first()?;
    match command {
        Command::Time => clock::time(now, table),
        Command::Date => clock::date(now, table),
        Command::Name(name) => Some(name::fill(table.answers.get("name")?, name)),
        other => table.answers.get(other.key()).cloned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
