//! A house in which nothing chimes and one thing fails: what the person hears, and what is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hearken::audio::file::{FileMicrophone, Pace};
use hearken::config::Config;
use hearken::event::Event;
use hearken::turn::order::Order;
use tokio::sync::{Notify, oneshot};

use crate::room::*;
use crate::scripted::Writes;
use crate::stalling::Stalling;
use crate::unpluggable::Unpluggable;

/// What is said with the fault, after it, and to hold a reply and have it go on.
pub const SAID: [&str; 4] = [
    "Samantha, tell me a story.",
    "Samantha, are you there?",
    "Pause.",
    "Go on.",
];
/// Of them.
const STORY_PLEASE: usize = 0;
const STILL_THERE: usize = 1;
const PAUSE: usize = 2;
const GO_ON: usize = 3;
/// What a test says beside them.
pub const FURTHER: usize = 4;
/// The answer to the next question.
const NEXT: &str = "I am here.";
/// No fault takes so long to be over.
const OVER_WITHIN: Duration = Duration::from_secs(30);
/// A turn that is given up is given up after this.
pub const IMPATIENT: Duration = Duration::from_secs(2);
pub const PATIENT: Duration = Duration::from_secs(90);
/// No reply takes longer, in s.
const LONGEST: f32 = 10_000.0;
/// Of a longer reply so much stands in the table, in characters, and how long it was.
const SHOWN: usize = 150;

/// What is going on when something fails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum When {
    Idle,
    /// Somebody is in the middle of a sentence.
    Listening,
    Thinking,
    /// In the middle of the second clause.
    Speaking,
    /// There, and held by "Pause."
    Held,
}

pub const EVERY: [When; 5] = [
    When::Idle,
    When::Listening,
    When::Thinking,
    When::Speaking,
    When::Held,
];

impl When {
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Listening => "listening",
            Self::Thinking => "thinking",
            Self::Speaking => "speaking",
            Self::Held => "held",
        }
    }
}

/// A row of the table, but for the log.
pub struct Row {
    pub fault: &'static str,
    pub when: &'static str,
    pub heard: String,
    pub told: String,
}

pub struct House {
    pub room: Room,
    pub unplugged: Arc<AtomicBool>,
    /// The microphone does, without an error.
    pub stalls: Arc<AtomicBool>,
    /// The ear does.
    pub breaks: Arc<AtomicBool>,
    /// What a model waits for that thinks.
    told: Arc<Notify>,
    when: When,
    /// Clauses of the turn that is alive.
    begun: Vec<String>,
    heard: Vec<String>,
    failures: Vec<String>,
}

/// Who fails quickly.
pub fn quick() -> Config {
    let mut quick = config();
    // A turn is given up after twice as long as the model may take, or after the house's patience if that is longer.
    quick.reply.connect_timeout_ms = 100;
    quick.reply.first_token_timeout_ms = 200;
    quick.reply.next_token_timeout_ms = 200;
    quick
}

/// A house in which this goes on. Somebody may say [`SAID`] and `further`; `writes` is the first reply, where the language
/// model is what fails.
pub async fn house(
    when: When,
    further: &'static str,
    writes: Option<Writes>,
    config: Config,
    patience: Duration,
) -> House {
    let told = Arc::new(Notify::new());
    let first = match when {
        When::Thinking => Writes::Late(Arc::clone(&told), &["Once."]),
        _ => STORY,
    };
    let mut replies = vec![writes.unwrap_or(first), Writes::Text(&[NEXT])];
    if when == When::Idle {
        replies.remove(0);
    }
    // What else is said may be answered as well, or what is prepared for it dropped.
    if !further.is_empty() {
        replies.extend((0..2).map(|_| Writes::Text(&[NEXT])));
    }
    let (mut inner, feed) = FileMicrophone::new(Pace::AsFast);
    // Silence comes when it is played, so that somebody can be in the middle of a sentence.
    inner.set_tail(Duration::ZERO);
    let (unplugged, breaks) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let microphone = Unpluggable {
        inner,
        unplugged: Arc::clone(&unplugged),
        hangs: Arc::default(),
        breaks: Arc::clone(&breaks),
        told: false,
    };
    let stalls = Arc::default();
    let microphone = Stalling::new(microphone, &stalls);
    let sentences: &'static [&'static str] = [&SAID[..], &[further]].concat().leak();
    let room = enter_before(
        (microphone, feed),
        sentences,
        replies,
        config,
        None,
        patience,
    );
    let mut house = House {
        room,
        unplugged,
        stalls,
        breaks,
        told,
        when,
        begun: Vec::new(),
        heard: Vec::new(),
        failures: Vec::new(),
    };
    house.until("ready", |e| *e == Event::Ready).await;
    house.enter().await;
    house
}

impl House {
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) {
        let what = format!("{what} ({})", self.when.name());
        let events = self.room.until(&what, wanted).await;
        events.iter().for_each(|event| self.take(event));
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::ClauseStarted { text, .. } => self.begun.push(text.clone()),
            // What had begun to sound when a turn was given up is not in any report.
            Event::TurnCancelled { .. } if !self.begun.is_empty() => {
                let begun = std::mem::take(&mut self.begun).join(" ");
                self.heard.push(format!("“{begun} …”"));
            }
            Event::TurnFinished(report) if report.reply.is_empty() => self.begun.clear(),
            Event::TurnFinished(report) => {
                self.begun.clear();
                let broken = if report.interrupted { " …" } else { "" };
                let reply = shown(&report.reply);
                self.heard.push(format!("“{reply}{broken}”"));
            }
            Event::Failed { what } => self.failures.push(what.clone()),
            Event::DeviceLost { device, why } => {
                self.failures
                    .push(format!("`device_lost` ({device}): {why}"));
            }
            Event::DeviceFound { device } => {
                self.failures.push(format!("`device_found` ({device})"));
            }
            _ => {}
        }
    }

    /// Somebody says sentence `index`, and is silent then.
    pub fn say(&self, index: usize) {
        self.room.say(index);
        self.silence();
    }

    fn silence(&self) {
        self.room.feed.play(vec![0.0; 32_000]);
    }

    async fn enter(&mut self) {
        match self.when {
            When::Idle => {}
            When::Listening => {
                self.room.feed.play(spoken(STORY_PLEASE, 400));
                self.until("a voice", |e| *e == Event::SpeechStarted).await;
            }
            When::Thinking => {
                self.say(STORY_PLEASE);
                self.until("the question", |e| matches!(e, Event::Transcribed { .. }))
                    .await;
            }
            When::Speaking | When::Held => {
                self.say(STORY_PLEASE);
                self.room.loudspeaker.let_play(1.55);
                for _ in 0..2 {
                    self.until("a clause", |e| matches!(e, Event::ClauseStarted { .. }))
                        .await;
                }
                while self.room.loudspeaker.desk().allowed > 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
        if self.when == When::Held {
            self.say(PAUSE);
            self.until("the pause", |e| matches!(e, Event::Held { .. }))
                .await;
        }
    }

    /// What goes on goes on to its end: a sentence, a thought, a reply.
    pub async fn end(&mut self) {
        self.room.loudspeaker.let_play(LONGEST);
        self.go_on().await;
        self.settle().await;
    }

    /// The same with a loudspeaker that plays nothing of it and says nothing of that, until it is told to be gone.
    pub async fn end_unplayed(&mut self) {
        self.go_on().await;
        self.until("the loss", |e| matches!(e, Event::DeviceLost { .. }))
            .await;
        self.until("the return", |e| matches!(e, Event::DeviceFound { .. }))
            .await;
        self.room.loudspeaker.let_play(LONGEST);
        self.settle().await;
    }

    async fn go_on(&mut self) {
        self.told.notify_one();
        match self.when {
            When::Listening => {
                self.room.feed.play(spoken(STORY_PLEASE, 300));
                self.silence();
            }
            // A fault may have ended what was held, or had it go on.
            When::Held if self.state().await == "held" => self.say(GO_ON),
            _ => {}
        }
    }

    /// Waits until nothing goes on, and nothing begins by itself.
    async fn settle(&mut self) {
        let (mut idle, began) = (0, std::time::Instant::now());
        while idle < 5 {
            assert!(
                began.elapsed() < OVER_WITHIN,
                "{}: never over",
                self.when.name()
            );
            tokio::time::sleep(Duration::from_millis(30)).await;
            let rests = self.state().await == "idle";
            idle = if rests { idle + 1 } else { 0 };
            while let Ok(event) = self.room.events.try_recv() {
                self.take(&event);
            }
        }
    }

    async fn state(&self) -> &'static str {
        let (asked, status) = oneshot::channel();
        self.room.order(Order::Status(asked)).await;
        status.await.unwrap().state
    }

    /// The next turn works.
    pub async fn row(self, fault: &'static str) -> Row {
        let when = self.when.name();
        self.row_while(fault, when).await
    }

    /// The same, where what goes on has a name of its own.
    pub async fn row_while(mut self, fault: &'static str, when: &'static str) -> Row {
        self.room.loudspeaker.let_play(60.0);
        self.say(STILL_THERE);
        let next = |e: &Event| matches!(e, Event::TurnFinished(r) if r.reply == NEXT);
        self.until(&format!("the next turn after {fault}"), next)
            .await;
        self.heard.pop();
        // What fails while nothing goes on may be told with the next turn.
        if self.when == When::Idle {
            self.settle().await;
        }
        let heard = match self.heard.is_empty() {
            true => "nothing of it".into(),
            false => self.heard.join(", then "),
        };
        let told = self.failures.join("; ");
        self.room.leave().await;
        Row {
            fault,
            when,
            heard,
            told,
        }
    }

    pub fn plug(&self, device: Device, gone: bool) {
        match device {
            Device::Microphone => self.unplugged.store(gone, Ordering::Relaxed),
            Device::Loudspeaker => self.room.loudspeaker.desk().gone = gone,
        }
    }
}

/// A reply as it stands in the table.
fn shown(reply: &str) -> String {
    match reply.char_indices().nth(SHOWN) {
        None => reply.to_owned(),
        Some((end, _)) => {
            let (begin, kib) = (reply[..end].trim_end(), reply.len().div_ceil(1024));
            format!("{begin} … ({kib} KiB)")
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub enum Device {
    Microphone,
    Loudspeaker,
}
