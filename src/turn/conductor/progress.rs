//! How far the turn is, for the watchdog; and whether what works for it ever comes back.

use std::mem::Discriminant;

use super::{Conductor, Ending};
use crate::turn::TurnId;
use crate::turn::state::{Input, State};
use crate::work::Work;

/// While this stays the same, the turn makes no progress, whatever is said in the room.
#[derive(PartialEq)]
pub(super) struct Progress {
    turn: Option<TurnId>,
    state: Discriminant<State>,
    held: bool,
    queued: usize,
    played: usize,
}

impl Conductor {
    /// What works for the conversation on a thread of its own and is `so`, as a person calls it. What still has in hand what it
    /// was told to drop long ago gets no later turn further.
    pub(super) fn part(&self, so: impl Fn(&Work) -> bool) -> Option<&'static str> {
        let parts = [
            ("speech-to-text", self.company.transcriber.work()),
            ("the voice", self.company.synthesizer.work()),
        ];
        let (part, _) = parts.into_iter().find(|(_, work)| so(work))?;
        Some(part)
    }

    /// Goes on, unless there is a reason to end.
    pub(super) fn unless(&mut self, ending: Option<Ending>) -> Result<(), Ending> {
        let Some(ending) = ending else { return Ok(()) };
        self.conclude();
        self.take(Input::Shutdown);
        self.company.player.flush();
        Err(ending)
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            turn: self.state.turn(),
            state: std::mem::discriminant(&self.state),
            held: matches!(self.state, State::Speaking(speaking) if speaking.held),
            queued: self.turn.as_ref().map_or(0, |turn| turn.queued.len()),
            played: self.turn.as_ref().map_or(0, |turn| turn.played),
        }
    }
}
