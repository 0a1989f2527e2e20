//! What observers see: events in the past tense. Nothing in the conversation waits for an observer, and taking every
//! observer away changes nothing in it.

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
    /// A turn is over, and hearken listens again.
    Listening,
    /// Somebody began to speak.
    SpeechStarted,
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
    /// The turn was given up before it sounded, because the speaker had not finished or the daemon stops.
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

/// A finished turn.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnReport {
    /// The turn.
    pub turn: TurnId,
    /// What was heard.
    pub transcript: String,
    /// What was spoken; only what really sounded.
    pub reply: String,
    /// What went wrong, if anything did; the person has heard a short sentence about it.
    pub failure: Option<String>,
    /// When each stage was reached.
    pub stages: Stages,
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
