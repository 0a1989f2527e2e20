//! Who goes on with the conversation: this program, or one that takes over from it. Two threads ask, and the first is right.

use std::sync::atomic::{AtomicU8, Ordering};

const HERE: u8 = 0;
const GIVEN: u8 = 1;
const KEPT: u8 = 2;

/// The right to go on with the conversation. It is here at first.
#[derive(Debug, Default)]
pub struct Baton(AtomicU8);

impl Baton {
    /// Gives it away. False when it is kept: then this program goes on.
    pub fn give(&self) -> bool {
        self.becomes(GIVEN)
    }

    /// Keeps it, whoever waits for it. False when it is given away already.
    pub fn keep(&self) -> bool {
        self.becomes(KEPT)
    }

    /// It is here again, and may be given: nobody has got what was given, or who waited for what was kept is gone.
    pub fn back(&self) {
        self.0.store(HERE, Ordering::Release);
    }

    /// Whether another program goes on.
    pub fn is_given(&self) -> bool {
        self.0.load(Ordering::Acquire) == GIVEN
    }

    fn becomes(&self, what: u8) -> bool {
        self.0
            .compare_exchange(HERE, what, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_first_decides() {
        let baton = Baton::default();
        assert!(baton.give() && baton.is_given());
        assert!(!baton.keep() && !baton.give());
        baton.back();
        assert!(baton.keep() && !baton.is_given());
        assert!(!baton.give());
        baton.back();
        assert!(baton.give());
    }
}
