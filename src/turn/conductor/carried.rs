//! The conversation goes on in another program, and comes from one.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Conductor;
use super::orders::Saying;
use crate::turn::carried::Carried;
use crate::turn::state::State;

impl Conductor {
    /// Gives the conversation to the program that waits for it, when nothing goes on; whether that is done.
    pub(super) fn hand_over(&mut self) -> bool {
        // Without a loudspeaker nothing can be said, however long it is waited for.
        let said = self.to_say.is_empty() || !self.loudspeaker;
        let wishes = self.muting.is_empty() && self.changes.is_empty();
        let quiet = self.state == State::Idle && self.cut.is_none() && said && wishes;
        if !quiet || self.successor.is_none() {
            return false;
        }
        let carried = self.carried();
        let Some((successor, baton)) = self.successor.take() else {
            return false;
        };
        if !baton.give() {
            return false;
        }
        // One that has gone meanwhile is none.
        let given = successor.send(carried).is_ok();
        if !given {
            baton.back();
        }
        given
    }

    fn carried(&self) -> Carried {
        let window = self.manners.attention.window();
        let left = window.map(|until| until.saturating_duration_since(Instant::now()));
        let millis = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Carried {
            history: self.company.history.snapshot(),
            muted: self.muted,
            asleep: self.manners.attention.is_asleep(),
            window_ms: left.map(millis),
            volume_percent: self.volume_percent,
            rate_percent: self.rate_percent,
            language: self.language.clone(),
            last_reply: self.last_reply.clone(),
            unsaid: self.to_say.iter().filter_map(Saying::rest).collect(),
            deaf_since_ms: now.map_or(0, millis),
        }
    }

    /// Goes on where another program stopped.
    pub(super) fn go_on(&mut self, carried: Carried) {
        self.company.history.go_on_with(carried.history);
        self.manners.attention.go_on(
            carried.asleep,
            carried.window_ms.map(Duration::from_millis),
            Instant::now(),
        );
        self.muted = carried.muted;
        self.company.ear.mute(carried.muted);
        self.set_volume(carried.volume_percent);
        if carried.rate_percent != self.rate_percent {
            self.set_rate(carried.rate_percent);
        }
        self.language = carried.language;
        self.last_reply = carried.last_reply;
        self.to_say
            .extend(carried.unsaid.into_iter().map(Saying::Rest));
        self.deaf_since_ms = Some(carried.deaf_since_ms).filter(|_| !carried.muted);
    }
}
