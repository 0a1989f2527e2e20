//! The state machine while a reply is being written and nothing of it has sounded. Pure.
//!
//! What is said meanwhile holds the reply back. Each utterance is judged: what goes on with the question, or replaces it,
//! is kept, and a new turn answers all that was kept; what is not for hearken is forgotten, and the reply sounds.

use super::{Action, Input, Over, Speaking, State, Verdict};
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
    /// One that was judged belongs to the question: this reply will not sound.
    pub amended: bool,
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
            amended: false,
            ready: false,
            clauses: None,
        }
    }

    pub(super) fn step(mut self, input: Input, next: TurnId) -> (State, Vec<Action>) {
        let turn = self.turn;
        match input {
            Input::SpeechStarted => self.talking = true,
            Input::SpeechDismissed => self.talking = false,
            Input::Utterance => {
                self.talking = false;
                self.unjudged += 1;
                let first = (self.unjudged == 1).then_some(Action::Judge(turn));
                return (State::Thinking(self), first.into_iter().collect());
            }
            Input::Judged {
                whole: true,
                verdict,
                ..
            } if self.unjudged > 0 => return self.judged(verdict, next),
            Input::ClauseReady { .. } => self.ready = true,
            Input::ReplyEnded { clauses, .. } => self.clauses = Some(clauses),
            Input::Pushed | Input::Hushed => {
                let mut actions = vec![Action::Cancel(turn), Action::DropHeldAudio];
                actions.extend((input == Input::Pushed).then_some(Action::Attend));
                return (State::waiting_for(self.talking), actions);
            }
            _ => {}
        }
        self.goes_on(next)
    }

    fn judged(mut self, verdict: Verdict, next: TurnId) -> (State, Vec<Action>) {
        self.unjudged -= 1;
        let kept = matches!(verdict, Verdict::Stop | Verdict::Hold);
        self.amended |= kept;
        let mut actions = vec![match kept {
            true => Action::KeepJudged,
            false => Action::DropJudged,
        }];
        let (state, more) = if self.unjudged > 0 {
            (State::Thinking(self), vec![Action::Judge(self.turn)])
        } else if self.talking && self.ready && !self.amended {
            // Whoever talks on was not speaking to hearken; it has waited for one sentence, not for all of them.
            self.sounds(Over::Talking { ducked: true })
        } else {
            self.goes_on(next)
        };
        actions.extend(more);
        (state, actions)
    }

    /// Waits, sounds, or ends, as far as things have come.
    fn goes_on(self, next: TurnId) -> (State, Vec<Action>) {
        let turn = self.turn;
        if self.unjudged > 0 {
            (State::Thinking(self), Vec::new())
        } else if self.amended {
            (
                State::Transcribing {
                    turn: next,
                    talking: self.talking,
                },
                vec![Action::Cancel(turn), Action::Transcribe(next)],
            )
        } else if self.clauses == Some(0) {
            (
                State::waiting_for(self.talking),
                vec![Action::DropHeldAudio, Action::Finish(turn)],
            )
        } else if self.ready && !self.talking {
            self.sounds(Over::Nobody)
        } else {
            (State::Thinking(self), Vec::new())
        }
    }

    fn sounds(self, over: Over) -> (State, Vec<Action>) {
        let mut actions = vec![
            Action::Sounding(true),
            Action::DropHeldAudio,
            Action::LetSound(self.turn),
        ];
        if over != Over::Nobody {
            actions.push(Action::Duck(self.turn));
        }
        let speaking = Speaking {
            over,
            ..Speaking::new(self.turn, self.clauses)
        };
        (State::Speaking(speaking), actions)
    }
}
