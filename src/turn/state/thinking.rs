//! The state machine while a reply is being written and nothing of it has sounded. Pure.
//!
//! What is said meanwhile holds the reply back. An utterance is judged: somebody who goes on, or asks for something
//! else, is heard as one with what was asked before; what is not for hearken is forgotten, and the reply sounds.

use super::{Action, Input, Speaking, State, Verdict};
use crate::turn::TurnId;

/// A reply that is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thinking {
    /// The turn.
    pub turn: TurnId,
    /// Somebody speaks again; no sound until they stop.
    pub talking: bool,
    /// So many utterances were said after the question and are not judged yet; no sound until they are. The first is being
    /// judged.
    pub unjudged: u32,
    /// The first clause has been synthesized and waits.
    pub ready: bool,
    /// The whole reply has been synthesized, so many clauses.
    pub clauses: Option<usize>,
}

impl Thinking {
    /// A reply that is asked for; `talking` while somebody speaks again.
    pub(super) fn new(turn: TurnId, talking: bool) -> Self {
        Self {
            turn,
            talking,
            unjudged: 0,
            ready: false,
            clauses: None,
        }
    }

    pub(super) fn step(self, input: Input, next: TurnId) -> (State, Vec<Action>) {
        let turn = self.turn;
        match input {
            Input::SpeechStarted => self.with_talking(true).waits(),
            Input::SpeechDismissed => self.with_talking(false).sounds(),
            Input::Utterance => {
                let first = self.unjudged == 0;
                let more = Self {
                    unjudged: self.unjudged + 1,
                    ..self.with_talking(false)
                };
                let judge = first.then_some(Action::Judge(turn));
                (State::Thinking(more), judge.into_iter().collect())
            }
            Input::Judged {
                whole: true,
                verdict,
                ..
            } if self.unjudged > 0 => match verdict {
                Verdict::Stop | Verdict::Hold => self.replaced(next),
                Verdict::Unclear | Verdict::CarryOn | Verdict::GoOn => self.forgets(),
            },
            Input::ClauseReady { .. } => Self {
                ready: true,
                ..self
            }
            .sounds(),
            Input::Pushed => (
                State::waiting_for(self.talking),
                vec![Action::Cancel(turn), Action::DropHeldAudio, Action::Attend],
            ),
            // Nothing comes of it: what was said after the question may be what counts.
            Input::ReplyEnded { clauses: 0, .. } if self.unjudged > 0 => self.replaced(next),
            Input::ReplyEnded { clauses: 0, .. } => (
                State::waiting_for(self.talking),
                vec![Action::DropHeldAudio, Action::Finish(turn)],
            ),
            Input::ReplyEnded { clauses, .. } => Self {
                clauses: Some(clauses),
                ..self
            }
            .waits(),
            _ => self.waits(),
        }
    }

    fn with_talking(self, talking: bool) -> Self {
        Self { talking, ..self }
    }

    fn waits(self) -> (State, Vec<Action>) {
        (State::Thinking(self), Vec::new())
    }

    /// Sounds, when there is something to say and nobody speaks.
    fn sounds(self) -> (State, Vec<Action>) {
        if !self.ready || self.talking || self.unjudged > 0 {
            return self.waits();
        }
        (
            State::Speaking(Speaking::new(self.turn, self.clauses)),
            vec![
                Action::Sounding(true),
                Action::DropHeldAudio,
                Action::LetSound(self.turn),
            ],
        )
    }

    /// What was judged was nothing; the next is judged, if there is one.
    fn forgets(self) -> (State, Vec<Action>) {
        let judged = Self {
            unjudged: self.unjudged - 1,
            ..self
        };
        let (state, after) = match judged.unjudged {
            0 => judged.sounds(),
            _ => (State::Thinking(judged), vec![Action::Judge(self.turn)]),
        };
        (state, [vec![Action::DropJudged], after].concat())
    }

    /// The turn is given up for one that hears all that was said.
    fn replaced(self, next: TurnId) -> (State, Vec<Action>) {
        (
            State::Transcribing {
                turn: next,
                talking: self.talking,
            },
            vec![Action::Cancel(self.turn), Action::Transcribe(next)],
        )
    }
}
