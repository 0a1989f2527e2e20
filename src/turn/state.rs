//! The turn state machine: pure, without a clock, without tokio. What happened goes in, what to do comes out.
//!
//! ```text
//! Idle ── speech ──► Listening ── endpoint ──► Transcribing ── words ──► Thinking ── first sound ──► Speaking
//!  ▲                                                │ none                  │ nothing to say            │
//!  └────────────────────────────────────────────────┴───────────────────────┴──── Settling ◄────────────┘
//! ```
//!
//! Speech that comes after the endpoint and before there are words means that the speaker had not finished: the turn is
//! given up, and the new one hears both stretches as one. Speech while the reply is being written holds it back and is
//! judged (`thinking.rs`). Speech while hearken speaks is judged too (`speaking.rs`): the reply goes on, is held, or
//! stops for good.

mod speaking;
mod thinking;

use super::TurnId;
pub use speaking::{Over, Speaking};
pub use thinking::Thinking;

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
    Thinking(Thinking),
    /// The reply sounds, or is held.
    Speaking(Speaking),
    /// The reply has been played; the room and the devices still ring with it.
    Settling,
    /// Shut down. Nothing leads out of here.
    Stopped,
}

/// What an utterance turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Something to reply to.
    Reply,
    /// A command that has been obeyed without a word.
    Done,
    /// The name alone: somebody wants something.
    Called,
    /// Words that were not for hearken.
    Overheard,
    /// No words.
    Nothing,
}

/// What becomes of the reply that somebody speaks over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It cannot be told yet.
    Unclear,
    /// It was nothing: the reply goes on as it was, at full loudness.
    CarryOn,
    /// The reply stops for good.
    Stop,
    /// The reply waits for [`Verdict::GoOn`].
    Hold,
    /// A reply that waited goes on.
    GoOn,
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
        /// What it was.
        outcome: Outcome,
    },
    /// What is said over the reply, or after the question, was judged.
    Judged {
        /// The turn whose reply or question it is.
        turn: TurnId,
        /// The whole utterance was judged, not its beginning.
        whole: bool,
        /// The verdict.
        verdict: Verdict,
    },
    /// Somebody pushed to talk.
    Pushed,
    /// Something is to be answered, or said, that nobody spoke; only while nobody speaks.
    Ordered,
    /// Be silent: somebody ordered it, or the loudspeaker is gone.
    Hushed,
    /// Nobody has come back to a reply that is held.
    Abandoned {
        /// The turn.
        turn: TurnId,
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
    /// Drop the utterance after the question that was judged; the question stays held.
    DropJudged,
    /// The utterance after the question that was judged is part of the question from now on.
    KeepJudged,
    /// Give a turn up: stop its transcription, its reply, its sound. Nothing of it has sounded, or it was bitten.
    Cancel(TurnId),
    /// Begin a turn with the audio held (the unanswered turn's, if any, and the new utterance).
    Transcribe(TurnId),
    /// Begin a turn with what was ordered.
    Take(TurnId),
    /// Ask the model, or say the answer that needs none.
    Reply(TurnId),
    /// Let what has been synthesized sound.
    LetSound(TurnId),
    /// hearken begins to sound, or has ended.
    Sounding(bool),
    /// Speak more quietly until it is clear what somebody wants.
    Duck(TurnId),
    /// Speak as loudly as before.
    Restore(TurnId),
    /// Judge the utterance that was spoken over the reply, or after the question.
    Judge(TurnId),
    /// Stop the reply for good: discard what has not sounded, remember what has.
    Interrupt(TurnId),
    /// Hold the reply where it is.
    Hold(TurnId),
    /// Let a held reply go on.
    GoOn(TurnId),
    /// The turn is over: write it into the history, report it.
    Finish(TurnId),
    /// The name alone was heard: say so, and wait for what is wanted. `chime` is false while somebody speaks.
    Called {
        /// The turn that is over with it.
        turn: TurnId,
        /// Whether a chime may sound.
        chime: bool,
    },
    /// Somebody pushed: say so, and wait for what is wanted.
    Attend,
    /// The utterance was not for hearken.
    Overheard(TurnId),
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
            Self::Transcribing { turn, .. } => Some(turn),
            Self::Thinking(thinking) => Some(thinking.turn),
            Self::Speaking(speaking) => Some(speaking.turn),
            Self::Idle | Self::Listening | Self::Settling | Self::Stopped => None,
        }
    }

    /// The next state and what to do. `next` is the id that a new turn gets; it is used up when the actions contain
    /// [`Action::Transcribe`] with it. Inputs that make no sense here, or belong to a turn that is not alive, change
    /// nothing.
    #[must_use]
    pub fn step(self, input: Input, next: TurnId) -> (Self, Vec<Action>) {
        if let Input::Shutdown = input {
            return (
                Self::Stopped,
                self.turn().map(Action::Cancel).into_iter().collect(),
            );
        }
        if let Some(stale) = input.turn()
            && self.turn() != Some(stale)
        {
            return (self, Vec::new());
        }
        if let Input::WatchdogBit { turn } = input {
            return self.bitten(turn);
        }
        match self {
            Self::Idle | Self::Listening | Self::Settling => self.waiting(input, next),
            Self::Transcribing { turn, talking } => Self::transcribing(turn, talking, input, next),
            Self::Thinking(thinking) => thinking.step(input, next),
            Self::Speaking(speaking) => speaking.step(input, next),
            Self::Stopped => (self, Vec::new()),
        }
    }

    /// Nobody waits for an answer: listening when somebody speaks, idle when nobody does.
    fn waiting_for(talking: bool) -> Self {
        if talking { Self::Listening } else { Self::Idle }
    }

    fn bitten(self, turn: TurnId) -> (Self, Vec<Action>) {
        let mut actions = vec![
            Action::Cancel(turn),
            Action::Stuck(turn),
            Action::DropHeldAudio,
        ];
        let after = match self {
            Self::Transcribing { talking, .. } | Self::Thinking(Thinking { talking, .. }) => {
                Self::waiting_for(talking)
            }
            Self::Speaking(speaking) if speaking.talking() => {
                actions.push(Action::Sounding(false));
                Self::Listening
            }
            Self::Speaking(_) => {
                actions.push(Action::Settle);
                Self::Settling
            }
            Self::Idle | Self::Listening | Self::Settling | Self::Stopped => self,
        };
        (after, actions)
    }

    fn waiting(self, input: Input, next: TurnId) -> (Self, Vec<Action>) {
        // Whatever leads out of settling ends it.
        let settled = || match self {
            Self::Settling => vec![Action::Sounding(false)],
            _ => Vec::new(),
        };
        match input {
            Input::SpeechStarted => (Self::Listening, settled()),
            Input::SpeechDismissed if self == Self::Listening => (Self::Idle, Vec::new()),
            Input::Utterance => {
                let mut actions = settled();
                actions.push(Action::Transcribe(next));
                let turn = next;
                (
                    Self::Transcribing {
                        turn,
                        talking: false,
                    },
                    actions,
                )
            }
            Input::Pushed => (self, vec![Action::Attend]),
            Input::Ordered if self != Self::Listening => {
                let mut actions = settled();
                actions.extend([Action::Take(next), Action::Reply(next)]);
                (Self::Thinking(Thinking::new(next, false)), actions)
            }
            Input::Settled if self == Self::Settling => (Self::Idle, settled()),
            _ => (self, Vec::new()),
        }
    }

    fn transcribing(
        turn: TurnId,
        talking: bool,
        input: Input,
        next: TurnId,
    ) -> (Self, Vec<Action>) {
        let same = |talking| Self::Transcribing { turn, talking };
        match input {
            Input::SpeechStarted => (same(true), Vec::new()),
            Input::SpeechDismissed => (same(false), Vec::new()),
            Input::Utterance => (
                Self::Transcribing {
                    turn: next,
                    talking: false,
                },
                vec![Action::Cancel(turn), Action::Transcribe(next)],
            ),
            Input::Pushed => (same(talking), vec![Action::Attend]),
            Input::Hushed => (
                Self::waiting_for(talking),
                vec![Action::Cancel(turn), Action::DropHeldAudio],
            ),
            Input::Transcribed { outcome, .. } => {
                let over = |action| {
                    (
                        Self::waiting_for(talking),
                        vec![Action::DropHeldAudio, action],
                    )
                };
                match outcome {
                    Outcome::Reply => (
                        Self::Thinking(Thinking::new(turn, talking)),
                        vec![Action::Reply(turn)],
                    ),
                    Outcome::Done => over(Action::Finish(turn)),
                    Outcome::Called => over(Action::Called {
                        turn,
                        chime: !talking,
                    }),
                    Outcome::Overheard => over(Action::Overheard(turn)),
                    Outcome::Nothing => over(Action::NothingSaid(turn)),
                }
            }
            _ => (same(talking), Vec::new()),
        }
    }
}

impl Input {
    fn turn(&self) -> Option<TurnId> {
        match *self {
            Self::Transcribed { turn, .. }
            | Self::Judged { turn, .. }
            | Self::Abandoned { turn }
            | Self::ClauseReady { turn }
            | Self::ReplyEnded { turn, .. }
            | Self::ClausePlayed { turn }
            | Self::WatchdogBit { turn } => Some(turn),
            Self::SpeechStarted
            | Self::SpeechDismissed
            | Self::Utterance
            | Self::Pushed
            | Self::Ordered
            | Self::Hushed
            | Self::Settled
            | Self::Shutdown => None,
        }
    }
}

#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
