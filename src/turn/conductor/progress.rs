//! How far the turn is, for the watchdog.

use std::mem::Discriminant;

use super::Conductor;
use crate::turn::TurnId;
use crate::turn::state::State;

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
