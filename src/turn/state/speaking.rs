//! The state machine while a reply sounds: what somebody says over it makes it quieter at once, and is judged. Pure.
//!
//! A judgement of the beginning of what is said may stop the reply or let it go on; the whole utterance is judged once
//! more, for "uh-huh, but what about Paris?" only shows at its end what it is.

use super::{Action, Input, State, Verdict};
use crate::turn::TurnId;

/// A reply that sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speaking {
    /// The turn.
    pub turn: TurnId,
    /// Clauses that have been played.
    pub played: usize,
    /// How many there will be, once that is known.
    pub clauses: Option<usize>,
    /// It waits to be told to go on.
    pub held: bool,
    /// What is said over it.
    pub over: Over,
}

/// What is said over a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Nothing.
    Nobody,
    /// Somebody speaks.
    Talking {
        /// hearken speaks more quietly until it is judged.
        ducked: bool,
    },
    /// An utterance is complete and is being judged.
    Judging {
        /// hearken speaks more quietly.
        ducked: bool,
        /// Somebody speaks again.
        talking: bool,
    },
}

impl Speaking {
    /// A reply that begins to sound.
    pub(super) fn new(turn: TurnId, clauses: Option<usize>) -> Self {
        Self {
            turn,
            played: 0,
            clauses,
            held: false,
            over: Over::Nobody,
        }
    }

    /// Whether somebody speaks.
    pub(super) fn talking(&self) -> bool {
        matches!(
            self.over,
            Over::Talking { .. } | Over::Judging { talking: true, .. }
        )
    }

    fn ducked(&self) -> bool {
        matches!(
            self.over,
            Over::Talking { ducked: true } | Over::Judging { ducked: true, .. }
        )
    }

    fn with(self, over: Over) -> State {
        State::Speaking(Self { over, ..self })
    }

    /// [`Action::Duck`], unless it has been done.
    fn duck(&self) -> Vec<Action> {
        (!self.ducked())
            .then_some(Action::Duck(self.turn))
            .into_iter()
            .collect()
    }

    /// [`Action::Restore`], when there is something to restore.
    fn restore(&self) -> Vec<Action> {
        self.ducked()
            .then_some(Action::Restore(self.turn))
            .into_iter()
            .collect()
    }

    pub(super) fn step(self, input: Input, next: TurnId) -> (State, Vec<Action>) {
        match (input, self.over) {
            (Input::SpeechStarted, Over::Nobody) => {
                (self.with(Over::Talking { ducked: true }), self.duck())
            }
            (Input::SpeechStarted, Over::Judging { talking: false, .. }) => (
                self.with(Over::Judging {
                    ducked: true,
                    talking: true,
                }),
                self.duck(),
            ),
            (Input::SpeechDismissed, Over::Talking { .. }) => {
                (self.with(Over::Nobody), self.restore())
            }
            (Input::SpeechDismissed, Over::Judging { ducked, .. }) => (
                self.with(Over::Judging {
                    ducked,
                    talking: false,
                }),
                Vec::new(),
            ),
            (Input::Utterance, _) => (
                self.with(Over::Judging {
                    ducked: self.ducked(),
                    talking: false,
                }),
                vec![Action::Judge(self.turn)],
            ),
            (Input::Judged { whole, verdict, .. }, over) => self.judged(whole, verdict, over, next),
            (Input::Abandoned { .. }, _) if self.held => self.stopped(None),
            (Input::Hushed, _) => self.stopped(None),
            (Input::Pushed, _) => self.stopped(Some(Action::Attend)),
            (Input::ReplyEnded { clauses, .. }, _) => Self {
                clauses: Some(clauses),
                ..self
            }
            .on(next),
            (Input::ClausePlayed { .. }, _) => Self {
                played: self.played + 1,
                ..self
            }
            .on(next),
            _ => (State::Speaking(self), Vec::new()),
        }
    }

    /// The reply stops for good, whatever is said over it.
    fn stopped(self, then: Option<Action>) -> (State, Vec<Action>) {
        let mut actions = vec![
            Action::Interrupt(self.turn),
            Action::Sounding(false),
            Action::DropHeldAudio,
        ];
        actions.extend(then);
        (State::waiting_for(self.talking()), actions)
    }

    fn judged(
        self,
        whole: bool,
        verdict: Verdict,
        over: Over,
        next: TurnId,
    ) -> (State, Vec<Action>) {
        // A judgement of the beginning that comes after the whole was said is late, and so is one of the whole after
        // somebody has gone on.
        let (talking, late) = match over {
            Over::Nobody => (false, true),
            Over::Talking { .. } => (true, whole),
            Over::Judging { talking, .. } => (talking, !whole),
        };
        if late {
            return (State::Speaking(self), Vec::new());
        }
        let after = if talking {
            // What has just begun after the utterance that was judged is not judged yet.
            Over::Talking { ducked: whole }
        } else {
            Over::Nobody
        };
        let mut actions = Vec::new();
        if whole && verdict != Verdict::Stop {
            actions.push(Action::DropHeldAudio);
        }
        let restored = |mut actions: Vec<Action>| {
            if !(talking && whole) {
                actions.extend(self.restore());
            }
            actions
        };
        match verdict {
            Verdict::Unclear if !whole => (self.with(Over::Talking { ducked: true }), self.duck()),
            Verdict::Unclear | Verdict::CarryOn => (self.with(after), restored(actions)),
            Verdict::Hold => {
                actions.push(Action::Hold(self.turn));
                let held = Self { held: true, ..self };
                (held.with(after), restored(actions))
            }
            Verdict::GoOn => {
                actions.push(Action::GoOn(self.turn));
                let held = Self {
                    held: false,
                    ..self
                };
                (held.with(after), restored(actions))
            }
            Verdict::Stop if whole => (
                State::Transcribing {
                    turn: next,
                    talking,
                },
                vec![
                    Action::Interrupt(self.turn),
                    Action::Sounding(false),
                    Action::Transcribe(next),
                ],
            ),
            Verdict::Stop => (
                State::Listening,
                vec![Action::Interrupt(self.turn), Action::Sounding(false)],
            ),
        }
    }

    /// Goes on, or ends when every clause has been played.
    fn on(self, next: TurnId) -> (State, Vec<Action>) {
        if self.clauses.is_none_or(|all| self.played < all) {
            return (State::Speaking(self), Vec::new());
        }
        let mut actions = self.restore();
        actions.push(Action::Finish(self.turn));
        match self.over {
            Over::Nobody => {
                actions.push(Action::Settle);
                (State::Settling, actions)
            }
            // What is being said when the last word has sounded is the next turn's.
            Over::Talking { .. } => {
                actions.push(Action::Sounding(false));
                (State::Listening, actions)
            }
            Over::Judging { talking, .. } => {
                actions.extend([Action::Sounding(false), Action::Transcribe(next)]);
                (
                    State::Transcribing {
                        turn: next,
                        talking,
                    },
                    actions,
                )
            }
        }
    }
}
