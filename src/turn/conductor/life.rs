//! Signs of life for whoever supervises hearken: that it hears, and that it goes on.

use std::time::Duration;

use super::Conductor;
use crate::event::Event;

/// The supervisor is told so often that the conversation goes on.
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// What has been told so far.
pub(super) struct Life {
    /// The ear had gone round so often when it was looked at last.
    rounds: u64,
    /// That it hears.
    ready: bool,
}

/// What is to be told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Signs {
    ready: bool,
    alive: bool,
}

impl Life {
    pub(super) fn new(rounds: u64) -> Self {
        Self {
            rounds,
            ready: false,
        }
    }

    /// The ear has gone round so often; `hears`: something was heard, or nothing is to be; `missing`: the microphone is known
    /// to be gone. It is ready once it hears. From then on, and while it can only look for a microphone, going on is
    /// enough.
    fn look(&mut self, rounds: u64, hears: bool, missing: bool) -> Signs {
        let goes_on = std::mem::replace(&mut self.rounds, rounds) != rounds;
        let ready = goes_on && hears && !std::mem::replace(&mut self.ready, true);
        Signs {
            ready,
            alive: goes_on && (self.ready || missing),
        }
    }
}

impl Conductor {
    /// Tells the supervisor what there is to be told: the conversation goes on, and perhaps the ear does as well.
    pub(super) fn show_life(&mut self, life: &mut Life) {
        let first = self.company.ear.first_heard_ms();
        // Who is not to hear anything is as ready as can be.
        let hears = first.is_some() || self.muted;
        let signs = life.look(self.company.ear.rounds(), hears, self.missing.is_some());
        let Some(supervisor) = &mut self.company.supervisor else {
            return;
        };
        if signs.ready {
            supervisor.ready();
        }
        if signs.alive {
            supervisor.alive();
        }
        if signs.alive
            && let Some(first) = first
            && let Some(since) = self.deaf_since_ms.take()
        {
            let gap_ms = first.saturating_sub(since);
            self.bus.emit(Event::TookOver { gap_ms });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Signs = Signs {
        ready: false,
        alive: false,
    };
    const ALIVE: Signs = Signs {
        ready: false,
        alive: true,
    };
    const READY: Signs = Signs {
        ready: true,
        alive: true,
    };

    #[test]
    fn it_is_ready_when_it_hears_and_alive_from_then_on() {
        let mut life = Life::new(0);
        assert_eq!(life.look(1, false, false), NOTHING, "it hears nothing yet");
        assert_eq!(life.look(2, true, false), READY);
        assert_eq!(life.look(3, false, false), ALIVE, "once is enough");
        assert_eq!(life.look(3, true, true), NOTHING, "the ear hangs");
        assert_eq!(life.look(4, true, false), ALIVE);
    }

    #[test]
    fn who_only_waits_for_a_microphone_is_alive_and_not_ready() {
        let mut life = Life::new(0);
        assert_eq!(life.look(1, false, true), ALIVE);
        assert_eq!(life.look(1, false, true), NOTHING, "the ear hangs");
        assert_eq!(life.look(2, true, false), READY);
    }
}
