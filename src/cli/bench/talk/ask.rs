//! Asks one question after the other and gathers what comes of each.

use std::time::{Duration, Instant};

use hearken::audio::EAR_RATE;
use hearken::audio::file::FileMicrophoneFeed;
use hearken::event::{Event, TurnReport};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::questions::Question;

/// Silence after a turn, before the next question: a second part of the last one would become a turn in it.
const PAUSE: Duration = Duration::from_secs(1);
/// A question of which nothing has come so long after the endpoint is due is not answered.
const NO_ANSWER: Duration = Duration::from_secs(3);

/// What came of a question.
pub struct Asked {
    /// When its last speech sample was spoken.
    pub ended: Instant,
    /// The turns that it became.
    pub turns: Vec<TurnReport>,
    /// When a reply began to sound, also one that was given up.
    pub first_sound: Option<Instant>,
    /// When the first turn began, also one that was given up.
    pub first_turn: Option<Instant>,
}

/// Somebody who asks, and listens.
pub struct Asking {
    feed: FileMicrophoneFeed,
    events: Receiver<Event>,
    hangover: Duration,
}

impl Asking {
    /// Asks into `feed`; utterances end `hangover_ms` after speech.
    pub fn new(feed: FileMicrophoneFeed, events: Receiver<Event>, hangover_ms: u32) -> Self {
        Self {
            feed,
            events,
            hangover: Duration::from_millis(hangover_ms.into()),
        }
    }

    /// Asks, and listens until nothing more comes of it. `None` when the conversation is over.
    pub async fn ask(&mut self, question: &Question) -> Option<Asked> {
        let begun = self.feed.play_timed(question.samples.clone()).await.ok()?;
        let mut asked = Asked {
            ended: begun + length(question.end),
            turns: Vec::new(),
            first_sound: None,
            first_turn: None,
        };
        let over = begun + length(question.samples.len());
        let (mut alive, mut speaking, mut last) = (false, false, begun);
        loop {
            let patience = match (asked.turns.is_empty(), speaking) {
                (true, _) => self.hangover + NO_ANSWER,
                (false, true) => self.hangover + PAUSE,
                (false, false) => PAUSE,
            };
            let nothing = tokio::time::sleep_until((last.max(over) + patience).into());
            let event = tokio::select! {
                event = self.events.recv() => event,
                () = nothing, if !alive => return Some(asked),
            };
            last = Instant::now();
            match event {
                Ok(Event::SpeechStarted) => speaking = true,
                Ok(Event::TurnStarted { .. }) => {
                    (alive, speaking) = (true, false);
                    asked.first_turn.get_or_insert(last);
                }
                Ok(Event::ClauseStarted { .. }) => {
                    asked.first_sound.get_or_insert(last);
                }
                Ok(Event::NothingSaid { .. } | Event::TurnCancelled { .. } | Event::Overheard) => {
                    (alive, speaking) = (false, false);
                }
                Ok(Event::TurnFinished(report)) => {
                    alive = false;
                    asked.turns.push(report);
                }
                Err(RecvError::Closed) => return None,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
            }
        }
    }

    /// There are no more questions.
    pub fn end(self) {
        self.feed.end();
    }
}

/// How long so many samples last.
fn length(samples: usize) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(EAR_RATE))
}
