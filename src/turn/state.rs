//! The turn state machine: pure, without a clock, without tokio. What happened goes in, what to do comes out.
//!
//! ```text
//! Idle ── speech ──► Listening ── endpoint ──► Transcribing ── words ──► Thinking ── first sound ──► Speaking
//!  ▲                                                │ none                  │ nothing to say            │
//!  └────────────────────────────────────────────────┴───────────────────────┴──── Settling ◄────────────┘
//! ```
//!
//! While hearken speaks, and for a short tail after it, the microphone is ignored. Speech that comes after the
//! endpoint and before the first sound means that the speaker had not finished: the turn is given up, and the new one
//! hears both stretches as one. Speech that is still going on when the first sound is ready holds it back.

use super::TurnId;

/// Where the conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody speaks.
    Idle,
    /// Somebody speaks; no turn is alive.
    Listening,
    /// An utterance is becoming words.
    Transcribing {
        /// The turn.
        turn: TurnId,
        /// Somebody speaks again.
        talking: bool,
    },
    /// The reply is being written; nothing of it has sounded.
    Thinking {
        /// The turn.
        turn: TurnId,
        /// Somebody speaks again; no sound until they stop.
        talking: bool,
        /// The first clause has been synthesized and waits.
        ready: bool,
        /// The whole reply has been synthesized, so many clauses.
        clauses: Option<usize>,
    },
    /// The reply sounds.
    Speaking {
        /// The turn.
        turn: TurnId,
        /// Clauses that have been played.
        played: usize,
        /// How many there will be, once that is known.
        clauses: Option<usize>,
    },
    /// The reply has been played; the room and the devices still ring with it.
    Settling,
    /// Shut down. Nothing leads out of here.
    Stopped,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The ear heard somebody begin.
    SpeechStarted,
    /// What began was no speech.
    SpeechDismissed,
    /// Somebody spoke and finished.
    Utterance,
    /// The utterance became words, or turned out to have none.
    Transcribed {
        /// The turn.
        turn: TurnId,
        /// Whether there are words.
        words: bool,
    },
    /// The first clause can sound.
    ClauseReady {
        /// The turn.
        turn: TurnId,
    },
    /// Every clause of the reply has been handed to the player. None at all is possible.
    ReplyEnded {
        /// The turn.
        turn: TurnId,
        /// How many there were.
        clauses: usize,
    },
    /// A clause has been played to its end.
    ClausePlayed {
        /// The turn.
        turn: TurnId,
    },
    /// The tail after the last sound is over.
    Settled,
    /// The turn's stage has not moved for too long.
    WatchdogBit {
        /// The turn.
        turn: TurnId,
    },
    /// Stop everything.
    Shutdown,
}

/// What to do about it, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Drop the audio that is held for an unanswered turn.
    DropHeldAudio,
    /// Give a turn up: stop its transcription, its reply, its sound. Nothing of it has sounded, or it was bitten.
    Cancel(TurnId),
    /// Begin a turn with the audio held (the unanswered turn's, if any, and the new utterance).
    Transcribe(TurnId),
    /// Ask the model.
    Reply(TurnId),
    /// Let what has been synthesized sound.
    LetSound(TurnId),
    /// Ignore the microphone, or hear it again.
    IgnoreMicrophone(bool),
    /// The turn is over: write it into the history, report it.
    Finish(TurnId),
    /// The utterance had no words: report that.
    NothingSaid(TurnId),
    /// Report that the turn was given up because it did not move.
    Stuck(TurnId),
    /// Send [`Input::Settled`] after the tail.
    Settle,
}

impl State {
    /// The turn that is alive, if any.
    pub fn turn(&self) -> Option<TurnId> {
        match *self {
            Self::Transcribing { turn, .. }
            | Self::Thinking { turn, .. }
            | Self::Speaking { turn, .. } => Some(turn),
            Self::Idle | Self::Listening | Self::Settling | Self::Stopped => None,
        }
    }

    /// The next state and what to do. `next` is the id that a new turn gets; it is used up when the actions contain
    /// [`Action::Transcribe`] with it. Inputs that make no sense here, or belong to a turn that is not alive, change
    /// nothing.
    #[must_use]
    pub fn step(self, input: Input, next: TurnId) -> (Self, Vec<Action>) {
        use Action::{
            Cancel, DropHeldAudio, Finish, IgnoreMicrophone, LetSound, NothingSaid, Reply, Settle,
            Stuck, Transcribe,
        };
        if let Input::Shutdown = input {
            return (Self::Stopped, self.turn().map(Cancel).into_iter().collect());
        }
        if let Some(stale) = input.turn()
            && self.turn() != Some(stale)
        {
            return (self, Vec::new());
        }
        if let Input::WatchdogBit { turn } = input {
            let mut actions = vec![Cancel(turn), Stuck(turn), DropHeldAudio];
            let next = match self {
                Self::Speaking { .. } => {
                    actions.push(Settle);
                    Self::Settling
                }
                Self::Transcribing { talking: true, .. } | Self::Thinking { talking: true, .. } => {
                    Self::Listening
                }
                _ => Self::Idle,
            };
            return (next, actions);
        }
        match (self, input) {
            (Self::Idle, Input::SpeechStarted) => (Self::Listening, Vec::new()),
            (Self::Listening, Input::SpeechDismissed) => (Self::Idle, Vec::new()),
            (Self::Idle | Self::Listening, Input::Utterance) => (
                Self::Transcribing {
                    turn: next,
                    talking: false,
                },
                vec![Transcribe(next)],
            ),

            (Self::Transcribing { turn, .. }, Input::SpeechStarted) => (
                Self::Transcribing {
                    turn,
                    talking: true,
                },
                Vec::new(),
            ),
            (Self::Transcribing { turn, .. }, Input::SpeechDismissed) => (
                Self::Transcribing {
                    turn,
                    talking: false,
                },
                Vec::new(),
            ),
            (Self::Transcribing { turn, .. }, Input::Utterance) => (
                Self::Transcribing {
                    turn: next,
                    talking: false,
                },
                vec![Cancel(turn), Transcribe(next)],
            ),
            (Self::Transcribing { turn, talking }, Input::Transcribed { words: true, .. }) => (
                Self::Thinking {
                    turn,
                    talking,
                    ready: false,
                    clauses: None,
                },
                vec![Reply(turn)],
            ),
            (Self::Transcribing { turn, talking }, Input::Transcribed { words: false, .. }) => (
                if talking { Self::Listening } else { Self::Idle },
                vec![DropHeldAudio, NothingSaid(turn)],
            ),

            (
                Self::Thinking {
                    turn,
                    ready,
                    clauses,
                    ..
                },
                Input::SpeechStarted,
            ) => (
                Self::Thinking {
                    turn,
                    talking: true,
                    ready,
                    clauses,
                },
                Vec::new(),
            ),
            (
                Self::Thinking {
                    turn,
                    ready: false,
                    clauses,
                    ..
                },
                Input::SpeechDismissed,
            ) => (
                Self::Thinking {
                    turn,
                    talking: false,
                    ready: false,
                    clauses,
                },
                Vec::new(),
            ),
            (
                Self::Thinking {
                    turn,
                    ready: true,
                    clauses,
                    ..
                },
                Input::SpeechDismissed,
            )
            | (
                Self::Thinking {
                    turn,
                    talking: false,
                    clauses,
                    ..
                },
                Input::ClauseReady { .. },
            ) => (
                Self::Speaking {
                    turn,
                    played: 0,
                    clauses,
                },
                vec![IgnoreMicrophone(true), DropHeldAudio, LetSound(turn)],
            ),
            (
                Self::Thinking {
                    turn,
                    talking: true,
                    clauses,
                    ..
                },
                Input::ClauseReady { .. },
            ) => (
                Self::Thinking {
                    turn,
                    talking: true,
                    ready: true,
                    clauses,
                },
                Vec::new(),
            ),
            (Self::Thinking { turn, .. }, Input::Utterance) => (
                Self::Transcribing {
                    turn: next,
                    talking: false,
                },
                vec![Cancel(turn), Transcribe(next)],
            ),
            (Self::Thinking { turn, talking, .. }, Input::ReplyEnded { clauses: 0, .. }) => (
                if talking { Self::Listening } else { Self::Idle },
                vec![DropHeldAudio, Finish(turn)],
            ),
            (
                Self::Thinking {
                    turn,
                    talking,
                    ready,
                    ..
                },
                Input::ReplyEnded { clauses, .. },
            ) => (
                Self::Thinking {
                    turn,
                    talking,
                    ready,
                    clauses: Some(clauses),
                },
                Vec::new(),
            ),

            (Self::Speaking { turn, played, .. }, Input::ReplyEnded { clauses, .. }) => {
                Self::speaking(turn, played, Some(clauses))
            }
            (
                Self::Speaking {
                    turn,
                    played,
                    clauses,
                },
                Input::ClausePlayed { .. },
            ) => Self::speaking(turn, played + 1, clauses),

            (Self::Settling, Input::Settled) => (Self::Idle, vec![IgnoreMicrophone(false)]),
            (state, _) => (state, Vec::new()),
        }
    }

    fn speaking(turn: TurnId, played: usize, clauses: Option<usize>) -> (Self, Vec<Action>) {
        if clauses.is_some_and(|all| played >= all) {
            (Self::Settling, vec![Action::Finish(turn), Action::Settle])
        } else {
            (
                Self::Speaking {
                    turn,
                    played,
                    clauses,
                },
                Vec::new(),
            )
        }
    }
}

impl Input {
    fn turn(&self) -> Option<TurnId> {
        match *self {
            Self::Transcribed { turn, .. }
            | Self::ClauseReady { turn }
            | Self::ReplyEnded { turn, .. }
            | Self::ClausePlayed { turn }
            | Self::WatchdogBit { turn } => Some(turn),
            Self::SpeechStarted
            | Self::SpeechDismissed
            | Self::Utterance
            | Self::Settled
            | Self::Shutdown => None,
        }
    }
}

#[cfg(test)]
mod tests;
