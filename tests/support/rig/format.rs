//! A scenario as its TOML file says it. Whatever makes no sense is refused when the file is read: an event with a typing
//! error in its name would be absent for ever, and its test would pass for ever.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;

/// The kinds of event that `hearken run --json` prints, and the rig's own: `asked` is a request to the scripted model,
/// `start` is the moment from which `at_ms` counts, `end` the moment at which hearken was told to stop.
const EVENTS: &[&str] = &[
    "ready",
    "listening",
    "speech_started",
    "ducked",
    "restored",
    "interrupted",
    "held",
    "went_on",
    "called",
    "window_opened",
    "window_closed",
    "overheard",
    "turn_started",
    "transcribed",
    "nothing_said",
    "clause_started",
    "turn_cancelled",
    "turn_finished",
    "command",
    "asleep",
    "awake",
    "echo",
    "failed",
    "ended",
    "asked",
    "start",
    "end",
];

/// One scenario.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One sentence: what is shown.
    pub about: String,
    /// It never runs longer, in s from `start`.
    pub bound_s: u64,
    /// The moment at which it is over.
    pub until: Moment,
    /// Who writes the replies.
    #[serde(default)]
    pub model: Model,
    /// The scripted model's first token comes so late.
    #[serde(default = "first_token_ms")]
    pub first_token_ms: u64,
    /// The scripted model's pace, in words a second.
    #[serde(default = "words_per_s")]
    pub words_per_s: u64,
    /// What the scripted model answers: the first whose `to` matches what it was asked.
    #[serde(default)]
    pub reply: Vec<Reply>,
    /// The room.
    #[serde(default)]
    pub room: Room,
    /// hearken's configuration, as in its own file.
    #[serde(default)]
    pub config: toml::Table,
    /// What people say and what else sounds in the room.
    #[serde(default)]
    pub say: Vec<Say>,
    /// Events that must come.
    #[serde(default)]
    pub expect: Vec<Expect>,
    /// Events that must not come.
    #[serde(default)]
    pub absent: Vec<Absent>,
    /// How often an event comes.
    #[serde(default)]
    pub count: Vec<Count>,
    /// How loud the loudspeaker is.
    #[serde(default)]
    pub loudspeaker: Vec<Loudspeaker>,
    /// What the loudspeaker was heard to say, from beginning to end.
    pub heard: Option<Heard>,
}

fn first_token_ms() -> u64 {
    120
}

fn words_per_s() -> u64 {
    40
}

/// Who writes the replies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// A server on the loopback that answers what the scenario says.
    #[default]
    Scripted,
    /// hearken's own, as its configuration says.
    Embedded,
    /// A server that is not there.
    Dead,
}

/// One answer of the scripted model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Must match what the person said last; everything does when it is missing.
    pub to: Option<Pattern>,
    /// The answer.
    pub text: String,
}

/// The room.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Room {
    /// The loudspeaker in the microphone: the straight way, then reflections; none is headphones.
    #[serde(default)]
    pub echo: Vec<Echo>,
    /// Noise that is always there, in dB of full scale; -60 is a quiet room.
    pub noise_db: Option<f64>,
}

/// One way of the loudspeaker's sound to the microphone.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Echo {
    /// So much later.
    pub delay_ms: u32,
    /// So much louder; negative is quieter.
    pub level_db: f64,
}

/// Somebody speaks, or something sounds. Exactly one of `text`, `recording` and `sound`; exactly one of `at_ms` and
/// `after`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Say {
    /// Is synthesized.
    pub text: Option<String>,
    /// `joe`, `joe@115` (15 % higher and as fast: another person) or `espeak:en-us+f3`.
    #[serde(default = "somebody")]
    pub voice: String,
    /// A file of Debian's pocketsphinx-testdata.
    pub recording: Option<String>,
    /// Is made.
    pub sound: Option<Sound>,
    /// The length of a `sound`; its own when missing.
    pub length_ms: Option<u64>,
    /// Loudness against an ordinary voice in the room, in dB.
    #[serde(default)]
    pub level_db: f64,
    /// When, in ms after `start`.
    pub at_ms: Option<u64>,
    /// When, by what happened.
    pub after: Option<Moment>,
}

fn somebody() -> String {
    "joe@118".into()
}

/// What sounds in a room that is no speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sound {
    /// Somebody coughs twice.
    Cough,
    /// A fan.
    Noise,
    /// Chords.
    Music,
}

/// A moment, by what happened: `"interrupted"`, `"clause_started:2"` (the second), `"say:1"` (the first `[[say]]` of the
/// file begins to sound), `"said:1"` (it ends), or a table with the same under `event`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "MomentForm")]
pub struct Moment {
    /// The kind of event.
    pub event: String,
    /// Which one, from 1.
    pub nth: usize,
    /// Only events with such words count.
    pub contains: Option<Pattern>,
    /// So much later.
    pub ms: i64,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a moment is \"EVENT\", \"EVENT:NTH\" or { event, nth, contains, ms }"
)]
enum MomentForm {
    Short(String),
    Long(MomentTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MomentTable {
    event: String,
    nth: Option<usize>,
    contains: Option<Pattern>,
    #[serde(default)]
    ms: i64,
}

impl Moment {
    /// The moment of that name.
    ///
    /// # Errors
    /// When no event is called like that.
    pub fn named(name: &str) -> Result<Self, String> {
        let (event, nth) = match name.split_once(':') {
            Some(("say" | "said", number)) if number.parse::<usize>().is_ok_and(|n| n > 0) => {
                (name, 1)
            }
            Some((event, nth)) => {
                let number = nth.parse().ok().filter(|nth| *nth > 0);
                (event, number.ok_or(format!("{name}: counted from 1"))?)
            }
            None => (name, 1),
        };
        known(event)?;
        Ok(Self {
            event: event.to_owned(),
            nth,
            contains: None,
            ms: 0,
        })
    }
}

impl TryFrom<MomentForm> for Moment {
    type Error = String;

    fn try_from(form: MomentForm) -> Result<Self, String> {
        match form {
            MomentForm::Short(name) => Self::named(&name),
            MomentForm::Long(table) => {
                let named = Self::named(&table.event)?;
                Ok(Self {
                    nth: table.nth.unwrap_or(named.nth).max(1),
                    contains: table.contains,
                    ms: table.ms,
                    ..named
                })
            }
        }
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.event)?;
        if self.nth > 1 {
            write!(f, ":{}", self.nth)?;
        }
        if let Some(pattern) = &self.contains {
            write!(f, " with /{pattern}/")?;
        }
        if self.ms != 0 {
            write!(f, " {:+} ms", self.ms)?;
        }
        Ok(())
    }
}

/// Whether an event of this kind exists.
fn known(event: &str) -> Result<(), String> {
    let said = event.starts_with("say:") || event.starts_with("said:");
    if said || EVENTS.contains(&event) {
        return Ok(());
    }
    let nearest = EVENTS
        .iter()
        .max_by(|a, b| strsim::jaro(a, event).total_cmp(&strsim::jaro(b, event)));
    Err(format!(
        "no event is called {event}; the nearest is {}",
        nearest.unwrap_or(&"none")
    ))
}

/// The name of a kind of event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Kind(pub String);

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        known(&name)?;
        Ok(Self(name))
    }
}

/// A regular expression that ignores case and may match anywhere.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(Regex);

impl Pattern {
    /// Whether it is somewhere in `text`.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl TryFrom<String> for Pattern {
    type Error = regex::Error;

    fn try_from(text: String) -> Result<Self, regex::Error> {
        let built = regex::RegexBuilder::new(&text)
            .case_insensitive(true)
            .build();
        Ok(Self(built?))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.as_str().fmt(f)
    }
}

/// Which events are meant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The kind.
    pub event: Kind,
    /// Words in any of its fields.
    pub contains: Option<Pattern>,
    /// What is in its fields: a string's words, and everything else as JSON writes it.
    #[serde(default)]
    pub fields: BTreeMap<String, Pattern>,
    /// It counts from here; `start` when missing.
    pub after: Option<Moment>,
    /// So soon; until the scenario's end when missing.
    pub within_ms: Option<i64>,
}

/// Events that must not come, between two moments.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    /// The kinds.
    pub events: Vec<Kind>,
    /// Only those with these words.
    pub contains: Option<Pattern>,
    /// `start` when missing.
    pub from: Option<Moment>,
    /// `end` when missing, and when it never comes.
    pub to: Option<Moment>,
}

/// How often an event comes, between two moments.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// The kind.
    pub event: Kind,
    /// Only those with these words.
    pub contains: Option<Pattern>,
    /// `start` when missing.
    pub from: Option<Moment>,
    /// `end` when missing, and when it never comes.
    pub to: Option<Moment>,
    /// Exactly so often.
    pub is: Option<usize>,
    /// At least so often.
    pub at_least: Option<usize>,
    /// At most so often.
    pub at_most: Option<usize>,
}

/// How loud the loudspeaker is in a stretch of time. At least one of the three.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loudspeaker {
    /// From here.
    pub from: Moment,
    /// So long.
    pub for_ms: i64,
    /// Every 20 ms of it are below so many dB of full scale.
    pub below_db: Option<f64>,
    /// The loudest of it is above so many dB of full scale.
    pub above_db: Option<f64>,
    /// The loudest of it is so many dB below the loudest of the second before `than`, or before `from`.
    pub quieter_db: Option<f64>,
    /// What `quieter_db` compares with: the second before this moment.
    pub than: Option<Moment>,
}

/// What the loudspeaker was heard to say. The patterns meet words in lower case with single spaces and without
/// punctuation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heard {
    /// All of these.
    #[serde(default)]
    pub contains: Vec<Pattern>,
    /// None of these.
    #[serde(default)]
    pub absent: Vec<Pattern>,
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let scenario: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        scenario.sound_sense()?;
        scenario.moments_sense()?;
        for check in &scenario.loudspeaker {
            let limits = [check.below_db, check.above_db, check.quieter_db];
            if limits.iter().all(Option::is_none) {
                return Err("[[loudspeaker]] without below_db, above_db or quieter_db".into());
            }
        }
        for count in &scenario.count {
            if [count.is, count.at_least, count.at_most] == [None; 3] {
                return Err("[[count]] without is, at_least or at_most".into());
            }
        }
        let judged = scenario.expect.len()
            + scenario.absent.len()
            + scenario.count.len()
            + scenario.loudspeaker.len();
        if judged == 0 && scenario.heard.is_none() {
            return Err("nothing is expected: such a scenario cannot fail".into());
        }
        Ok(scenario)
    }

    fn sound_sense(&self) -> Result<(), String> {
        for (number, say) in (1..).zip(&self.say) {
            let sources = [
                say.text.is_some(),
                say.recording.is_some(),
                say.sound.is_some(),
            ];
            if sources.iter().filter(|there| **there).count() != 1 {
                return Err(format!("say:{number}: one of text, recording and sound"));
            }
            if say.at_ms.is_some() == say.after.is_some() {
                return Err(format!("say:{number}: one of at_ms and after"));
            }
            if say.length_ms.is_some() && say.sound.is_none() {
                return Err(format!("say:{number}: length_ms is for a sound"));
            }
        }
        Ok(())
    }

    /// Every moment must be able to come.
    fn moments_sense(&self) -> Result<(), String> {
        let moments = std::iter::once(&self.until)
            .chain(self.say.iter().filter_map(|s| s.after.as_ref()))
            .chain(self.expect.iter().filter_map(|e| e.after.as_ref()))
            .chain(self.absent.iter().flat_map(|a| [&a.from, &a.to]).flatten())
            .chain(self.count.iter().flat_map(|c| [&c.from, &c.to]).flatten())
            .chain(self.loudspeaker.iter().map(|l| &l.from))
            .chain(self.loudspeaker.iter().filter_map(|l| l.than.as_ref()));
        for moment in moments {
            let number = moment
                .event
                .strip_prefix("say:")
                .or(moment.event.strip_prefix("said:"));
            if let Some(number) = number
                && number.parse().map_or(true, |n: usize| n > self.say.len())
            {
                return Err(format!("{moment}: there are {} [[say]]", self.say.len()));
            }
        }
        Ok(())
    }
}
