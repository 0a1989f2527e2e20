//! Who talks when, and to whom: the state machine and its judgements, pure, and the conductor, which carries them out.

pub mod attention;
pub mod barge_in;
pub mod baton;
pub mod carried;
pub mod conductor;
pub mod order;
pub mod responder;
pub mod state;
pub mod timing;
pub mod transcription;

use serde::Serialize;

/// One exchange: somebody spoke, hearken answers. Grows by one; whatever carries the id of a turn
/// that is no longer alive is dropped by [`state::State::step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TurnId(pub u64);

impl std::fmt::Display for TurnId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}
