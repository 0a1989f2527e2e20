//! What is meant for hearken: its mode, its name, the window after a reply. Pure; time is an input.
//!
//! A window is judged by when somebody began to speak: a sentence that begins in time is heard to its end.

use std::time::{Duration, Instant};

use crate::command::{self, Command, Interjection, interjection};
use crate::config::{self, Mode};
use crate::listen::name::{Called, Name};

/// Speech in a window that is so much fainter than what was last meant for hearken is somebody else's, in dB: another
/// room, a television. Somebody who turns away or takes two steps back loses less.
const FAINTER_DB: f32 = 15.0;

/// So few words with the wake word among them are nothing but the wake word: "Hey Jarvis."
const WAKE_WORDS: usize = 2;

/// That somebody speaks is known so long after they began, at most: three frames of the detector, and what the sound's way through
/// the sound server and the echo canceller takes.
const TOLD_WITHIN: Duration = Duration::from_millis(400);

/// Whom hearken listens to now.
#[derive(Debug, Clone)]
pub struct Attention {
    mode: Mode,
    follow_up: Duration,
    called: Duration,
    /// It was told to sleep: only its name, or "wake up", is heard.
    asleep: bool,
    /// No name is needed until then.
    window: Option<Instant>,
    /// Somebody pushed for it: whatever they say is for hearken.
    pushed: bool,
}

/// What an utterance is to hearken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Said<'a> {
    /// The words.
    pub text: &'a str,
    /// ISO 639-1 code.
    pub language: &'a str,
    /// It began inside a window.
    pub in_window: bool,
    /// Whether the wake model heard its word in it; `None` without such a model.
    pub woken: Option<bool>,
    /// So much fainter it was than what was last meant for hearken, in dB.
    pub fainter_db: f32,
    /// hearken's last words were a question.
    pub was_asked: bool,
}

/// For whom it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Regard {
    /// For hearken: what is wanted, without the name.
    Wanted(String),
    /// The name, and nothing else.
    Called,
    /// For somebody else. `leave`: plainly so, and the window closes.
    Other {
        /// Whether the window closes.
        leave: bool,
    },
}

impl Attention {
    /// As the configuration has it, awake, without a window.
    pub fn new(config: &config::Attention) -> Self {
        Self {
            mode: config.mode,
            follow_up: Duration::from_millis(config.follow_up_ms),
            called: Duration::from_millis(config.called_ms),
            asleep: false,
            window: None,
            pushed: false,
        }
    }

    /// Sleeps, or has a window that is open for so long from `now` on, as another program left it.
    pub fn go_on(&mut self, asleep: bool, window: Option<Duration>, now: Instant) {
        self.asleep = asleep;
        self.window = window.map(|length| now + length);
    }

    /// As another configuration has it; whether it sleeps, and its window, stay.
    pub fn configure(&mut self, config: &Self) {
        *self = Self {
            asleep: self.asleep,
            window: self.window,
            pushed: self.pushed,
            ..config.clone()
        };
    }

    /// Whether anything that is said now is taken to be for hearken.
    pub fn is_open(&self, now: Instant) -> bool {
        (self.mode == Mode::Always && !self.asleep) || self.in_window(now)
    }

    /// Whether no name is needed by somebody who begins to speak `now`.
    pub fn in_window(&self, now: Instant) -> bool {
        self.window.is_some_and(|until| now <= until)
    }

    /// Until when somebody may begin to speak in the window.
    pub fn window(&self) -> Option<Instant> {
        self.window
    }

    /// When the window closes: whoever began in it is known to speak by then.
    pub fn closes(&self) -> Option<Instant> {
        Some(self.window? + TOLD_WITHIN)
    }

    /// A reply has been played: its listener may go on. How long, when that opens a window.
    pub fn follow_up(&mut self, now: Instant) -> Option<Duration> {
        // Who must push pushes for everything.
        let length = match self.mode {
            Mode::PushToTalk => Duration::ZERO,
            Mode::Name | Mode::Always => self.follow_up,
        };
        self.open(now, length)
    }

    /// Somebody said the name alone, or pushed. How long hearken waits for what is wanted.
    pub fn called(&mut self, pushed: bool, now: Instant) -> Option<Duration> {
        self.asleep = false;
        let length = self.open(now, self.called);
        self.pushed = pushed;
        length
    }

    fn open(&mut self, now: Instant, length: Duration) -> Option<Duration> {
        let needed = self.mode != Mode::Always && !self.asleep && !length.is_zero();
        if !needed {
            return None;
        }
        // A longer one stays open.
        let until = self
            .window
            .map_or(now + length, |until| until.max(now + length));
        (self.window, self.pushed) = (Some(until), false);
        Some(until - now)
    }

    /// Closes the window; whether there was one.
    pub fn close(&mut self) -> bool {
        self.window.take().is_some()
    }

    /// From now on only the name, or "wake up", is heard.
    pub fn sleep(&mut self) {
        (self.asleep, self.window) = (true, None);
    }

    /// Listens again as before; whether it slept.
    pub fn wake(&mut self) -> bool {
        std::mem::take(&mut self.asleep)
    }

    /// Whether it was told to sleep.
    pub fn is_asleep(&self) -> bool {
        self.asleep
    }

    /// For whom `said` is.
    pub fn regard(&self, said: &Said<'_>, name: &Name) -> Regard {
        let in_window = said.in_window && !self.asleep;
        let open = in_window || (self.mode == Mode::Always && !self.asleep);
        // Who must push is not heard by name.
        if self.mode == Mode::PushToTalk && !open {
            return Regard::Other { leave: false };
        }
        match name.called(said.text) {
            Called::Alone => return Regard::Called,
            Called::With(wanted) => return Regard::Wanted(wanted),
            Called::No => {}
        }
        if said.woken == Some(true) {
            // The wake word need not be the name: nothing else is said beside it.
            let alone = said.text.split_whitespace().count() <= WAKE_WORDS;
            let command = command::recognise(said.text, said.language).is_some();
            return match alone && !command {
                true => Regard::Called,
                false => Regard::Wanted(said.text.to_owned()),
            };
        }
        // "Wake up" needs no name: whoever sent it to sleep may not remember it.
        if self.asleep && command::recognise(said.text, said.language) == Some(Command::Wake) {
            return Regard::Wanted(said.text.to_owned());
        }
        if !open {
            return Regard::Other { leave: false };
        }
        if in_window && said.fainter_db > FAINTER_DB {
            return Regard::Other { leave: false };
        }
        if in_window && !self.pushed && plainly_not_ours(said.text, said.language) {
            return Regard::Other { leave: true };
        }
        let murmur = self.mode != Mode::Always
            && interjection(said.text, true, said.language) == Interjection::Backchannel
            && command::recognise(said.text, said.language).is_none();
        if murmur && !said.was_asked {
            return Regard::Other { leave: false };
        }
        Regard::Wanted(said.text.to_owned())
    }
}

/// Words that a sentence for hearken may begin with before a comma, beside backchannels: not whom somebody speaks to.
const OPENERS: [&str; 39] = [
    "no",
    "nope",
    "well",
    "so",
    "oh",
    "ah",
    "hey",
    "hi",
    "hello",
    "please",
    "thanks",
    "thank",
    "sorry",
    "now",
    "then",
    "actually",
    "and",
    "but",
    "or",
    "also",
    "first",
    "today",
    "tomorrow",
    "yesterday",
    "again",
    "wait",
    "stop",
    "listen",
    "look",
    "um",
    "maybe",
    "anyway",
    "finally",
    "honestly",
    "alternatively",
    "instead",
    "otherwise",
    "however",
    "next",
];

/// Whom one speaks to at home, in small letters in whatever place.
const PEOPLE: [&str; 20] = [
    "mom",
    "mum",
    "mommy",
    "mummy",
    "dad",
    "daddy",
    "honey",
    "darling",
    "sweetie",
    "sweetheart",
    "everyone",
    "everybody",
    "guys",
    "kids",
    "grandma",
    "grandpa",
    "엄마",
    "아빠",
    "여보",
    "얘들아",
];

/// What a request or a question to a person begins with, behind their name.
const ASKS: [&str; 36] = [
    "can", "could", "would", "will", "do", "did", "does", "are", "is", "have", "has", "where",
    "what", "when", "why", "how", "who", "which", "come", "look", "please", "let's", "don't",
    "you", "your", "go", "give", "take", "bring", "put", "wait", "stop", "tell", "get", "i", "we",
];

/// How a sentence begins of somebody who speaks to another person or about hearken.
const ASIDES: [&str; 14] = [
    "not you",
    "i wasn't talking to you",
    "i was not talking to you",
    "i'm not talking to you",
    "i am not talking to you",
    "i wasn't speaking to you",
    "i'm on the phone",
    "i am on the phone",
    "don't listen to",
    "it heard me",
    "it's listening",
    "너 말고",
    "너한테 한 말",
    "너한테 말한",
];

/// Whether a sentence is plainly for somebody else: it calls another person by name, or says so.
pub(super) fn plainly_not_ours(text: &str, language: &str) -> bool {
    let small = text.to_lowercase();
    let mut clauses = small.split([',', '.', '!', '?', ';']).map(str::trim);
    if clauses.any(|clause| ASIDES.iter().any(|aside| clause.starts_with(aside))) {
        return true;
    }
    let plain = |part: &str| part.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    let mut parts = text.split(',').map(plain);
    let first = parts.next().unwrap_or_default();
    let last = parts.next_back().unwrap_or_default();
    let person = |part: &str| PEOPLE.contains(&part.to_lowercase().as_str());
    // "Tom, can you …": one capitalised word that is no opener, and a request or a question behind it. A list such as
    // "Paris, Rome and Berlin" begins the same way.
    let asks = text
        .split_once(',')
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .is_some_and(|word| ASKS.contains(&plain(word).to_lowercase().as_str()));
    let called = !first.contains(' ')
        && first.chars().next().is_some_and(char::is_uppercase)
        && first.chars().count() > 1
        && !OPENERS.contains(&first.to_lowercase().as_str())
        // A murmur, but for the one that is also a name.
        && (first == "Emma" || interjection(&first, true, language) != Interjection::Backchannel)
        && asks;
    called || person(&first) || person(&last)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn attention(mode: Mode) -> Attention {
        Attention::new(&config::Attention {
            mode,
            ..config::Attention::default()
        })
    }

    fn name() -> Name {
        Name::new("Samantha").unwrap()
    }

    fn said(text: &str, in_window: bool) -> Said<'_> {
        Said {
            text,
            language: "en",
            in_window,
            woken: None,
            fainter_db: 0.0,
            was_asked: false,
        }
    }

    fn wanted(text: &str) -> Regard {
        Regard::Wanted(text.into())
    }

    const OTHER: Regard = Regard::Other { leave: false };
    const PLAINLY_OTHER: Regard = Regard::Other { leave: true };

    #[test]
    fn the_name_is_what_counts() {
        let attention = attention(Mode::Name);
        let regard = |text| attention.regard(&said(text, false), &name());
        assert_eq!(
            regard("Samantha, what time is it?"),
            wanted("What time is it?")
        );
        assert_eq!(regard("Samantha."), Regard::Called);
        assert_eq!(regard("What time is it?"), OTHER);
        assert_eq!(regard("I told Samantha that we would be late."), OTHER);
    }

    #[test]
    fn in_the_window_no_name_is_needed() {
        let attention = attention(Mode::Name);
        let regard = |text| attention.regard(&said(text, true), &name());
        assert_eq!(
            regard("And what about Rome?"),
            wanted("And what about Rome?")
        );
        assert_eq!(regard("Well, tell me more."), wanted("Well, tell me more."));
        assert_eq!(
            regard("Paris, Rome and Berlin."),
            wanted("Paris, Rome and Berlin.")
        );
        assert_eq!(regard("Tom, can you pass me the salt?"), PLAINLY_OTHER);
        assert_eq!(regard("Emma, can you help me?"), PLAINLY_OTHER);
        // What whisper makes of "mm-hmm".
        assert_eq!(regard("Emma."), OTHER);
        assert_eq!(regard("Dinner is ready, honey."), PLAINLY_OTHER);
        assert_eq!(regard("I wasn't talking to you."), PLAINLY_OTHER);
        for text in [
            "Wow, how old is it?",
            "Perfect, what about Rome?",
            "I like talking to you.",
            "Why don't listeners like it?",
        ] {
            assert_eq!(regard(text), wanted(text));
        }
        assert_eq!(regard("Uh-huh."), OTHER);
        let answer = Said {
            was_asked: true,
            ..said("Yeah.", true)
        };
        assert_eq!(attention.regard(&answer, &name()), wanted("Yeah."));
        let far = Said {
            fainter_db: 20.0,
            ..said("And what about Rome?", true)
        };
        assert_eq!(attention.regard(&far, &name()), OTHER);
    }

    #[test]
    fn windows_open_and_close_by_the_clock() {
        let (mut attention, now) = (attention(Mode::Name), Instant::now());
        assert!(!attention.is_open(now));
        assert_eq!(attention.follow_up(now), Some(Duration::from_secs(8)));
        assert!(attention.is_open(now + Duration::from_secs(7)));
        assert!(!attention.is_open(now + Duration::from_secs(9)));
        // Who begins at its end is told of a little later.
        let end = attention.window().unwrap();
        let told = end + Duration::from_millis(300);
        assert!(attention.in_window(end) && !attention.in_window(told));
        assert!(attention.closes().unwrap() > told);
        assert!(attention.close() && !attention.close());
        assert!(!attention.is_open(now));
    }

    #[test]
    fn always_means_everybody_until_it_sleeps() {
        let (mut attention, now) = (attention(Mode::Always), Instant::now());
        let hears = |a: &Attention, text| a.regard(&said(text, false), &name());
        assert!(attention.is_open(now));
        assert_eq!(attention.follow_up(now), None);
        assert_eq!(
            hears(&attention, "What time is it?"),
            wanted("What time is it?")
        );
        attention.sleep();
        assert_eq!(hears(&attention, "What time is it?"), OTHER);
        assert_eq!(hears(&attention, "Samantha, wake up."), wanted("Wake up."));
        assert!(attention.wake() && attention.is_open(now));
    }

    #[test]
    fn who_must_push_is_not_heard_by_name() {
        let (mut attention, now) = (attention(Mode::PushToTalk), Instant::now());
        let hears = |a: &Attention, window| a.regard(&said("Samantha, hello.", window), &name());
        assert_eq!(hears(&attention, false), OTHER);
        assert!(attention.called(true, now).is_some());
        // Whom they speak to is plain.
        let other = said("Tom, can you tell me the time?", true);
        assert_eq!(attention.regard(&other, &name()), wanted(other.text));
        assert!(attention.called(false, now).is_some());
        assert_eq!(attention.regard(&other, &name()), PLAINLY_OTHER);
        assert_eq!(
            hears(&attention, attention.in_window(now)),
            wanted("Hello.")
        );
    }

    #[test]
    fn a_wake_model_replaces_the_name() {
        let attention = attention(Mode::Name);
        let woken = Said {
            woken: Some(true),
            ..said("Hey Jarvis, what time is it?", false)
        };
        assert_eq!(
            attention.regard(&woken, &name()),
            wanted("Hey Jarvis, what time is it?")
        );
    }
}
