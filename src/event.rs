//! What observers see: events in the past tense. Nothing in the conversation waits for an observer, and taking every
//! observer away changes nothing in it.

pub mod json;

use std::time::Instant;

use tokio::sync::broadcast;

use crate::turn::TurnId;
use crate::turn::timing::Stages;

/// How many events a slow reader may fall behind before it loses the oldest.
const BACKLOG: usize = 256;

/// Something that happened. Words are in it, so an observer that writes events down writes down what was said.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The devices and models are open; hearken listens from now on.
    Ready,
    /// This program goes on with a conversation of another's.
    TookOver {
        /// From the moment when that one stopped listening to the first sample that this one heard, in ms.
        gap_ms: u64,
    },
    /// Another configuration is in force.
    Reloaded {
        /// The keys that have changed, such as `speak.voice`.
        keys: Vec<String>,
    },
    /// A turn is over, and hearken listens again.
    Listening,
    /// Somebody began to speak.
    SpeechStarted,
    /// What somebody has said to hearken up to a pause; they may go on.
    Partial {
        /// The words so far.
        text: String,
    },
    /// A turn began: somebody finished speaking.
    TurnStarted {
        /// The turn.
        turn: TurnId,
    },
    /// The utterance became words.
    Transcribed {
        /// The turn.
        turn: TurnId,
        /// The words.
        text: String,
        /// ISO 639-1 code.
        language: String,
    },
    /// The utterance had no words; the turn is over.
    NothingSaid {
        /// The turn.
        turn: TurnId,
    },
    /// A clause of the reply began to sound.
    ClauseStarted {
        /// The turn.
        turn: TurnId,
        /// The clause.
        text: String,
    },
    /// Somebody speaks over the reply; hearken speaks more quietly until it knows what they want.
    Ducked {
        /// The turn.
        turn: TurnId,
        /// So long after the first sound of that speech, in ms.
        after_ms: f64,
    },
    /// It was nothing; the reply goes on at its full loudness.
    Restored {
        /// The turn.
        turn: TurnId,
    },
    /// The reply was stopped for good. [`Event::TurnFinished`] follows.
    Interrupted {
        /// The turn.
        turn: TurnId,
        /// What of the reply was heard.
        heard: String,
        /// So long after the first sound of the speech that did it, in ms.
        after_ms: f64,
    },
    /// The reply is held until it is told to go on.
    Held {
        /// The turn.
        turn: TurnId,
    },
    /// A held reply goes on.
    WentOn {
        /// The turn.
        turn: TurnId,
    },
    /// The name alone was heard, or somebody pushed: hearken waits for what is wanted.
    Called,
    /// For so long no name is needed.
    WindowOpened {
        /// Its length in ms.
        ms: u64,
    },
    /// The name is needed again.
    WindowClosed,
    /// Somebody spoke, and not to hearken. What they said is nobody's business.
    Overheard,
    /// A command was obeyed.
    Command {
        /// The turn.
        turn: TurnId,
        /// Which one.
        command: &'static str,
    },
    /// hearken was told to sleep: it hears its name and "wake up" alone.
    Asleep,
    /// It listens again.
    Awake,
    /// The microphone is closed, because somebody wished it.
    Muted,
    /// It is open again.
    Unmuted,
    /// A device is gone, and is looked for.
    DeviceLost {
        /// `microphone` or `loudspeaker`.
        device: &'static str,
        /// Why, one sentence.
        why: String,
    },
    /// It is back, or another in its place.
    DeviceFound {
        /// `microphone` or `loudspeaker`.
        device: &'static str,
    },
    /// What echo cancellation achieved in the reply that has just been played.
    Echo(EchoState),
    /// The turn was given up: the speaker had not finished, somebody pushed to talk before it sounded, it hung, or the
    /// daemon stops.
    TurnCancelled {
        /// The turn.
        turn: TurnId,
    },
    /// The turn is over.
    TurnFinished(TurnReport),
    /// Something failed that the user should know of; the conversation goes on.
    Failed {
        /// One sentence.
        what: String,
    },
    /// The recordings are over and every turn is finished; the daemon ends.
    Ended,
}

/// What echo cancellation does, as far as it can be measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EchoState {
    /// Whether it works: it is on, and there is a far end to cancel.
    pub active: bool,
    /// Echo return loss enhancement in dB: by so much less echo is left.
    pub erle_db: Option<f32>,
    /// From the loudspeaker to the microphone, in ms.
    pub delay_ms: Option<f32>,
}

/// A finished turn.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnReport {
    /// The turn.
    pub turn: TurnId,
    /// What was heard.
    pub transcript: String,
    /// What was spoken; only what really sounded.
    pub reply: String,
    /// Somebody interrupted the reply.
    pub interrupted: bool,
    /// What went wrong, if anything did; the person has heard a short sentence about it.
    pub failure: Option<String>,
    /// When each stage was reached.
    pub stages: Stages,
    /// When the last sample of the utterance was spoken: what `stages` count from.
    pub speech_end: Instant,
    /// Silences between clauses of the reply in which nothing was there to be played, in ms. What the voice itself
    /// leaves between sentences is no part of them.
    pub gaps_ms: Vec<f64>,
}

/// Where events go out. Bounded and lossy: a reader that falls behind gets `Lagged`, and delays nobody.
#[derive(Debug, Clone)]
pub struct Bus(broadcast::Sender<Event>);

impl Default for Bus {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl Bus {
    /// Tells whoever listens; nobody is fine.
    pub fn emit(&self, event: Event) {
        // An error only says that nobody listens.
        let _ = self.0.send(event);
    }

    /// Events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }
}
