//! What a thread that works for others has in hand, as those see it who wait for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

static LEFT_BEHIND: AtomicBool = AtomicBool::new(false);

/// A thread is not waited for any more, and goes on.
pub(crate) fn leave_behind() {
    LEFT_BEHIND.store(true, Ordering::Relaxed);
}

/// Whether a thread that computes may still be there: the libraries must not be taken down under it, as the ordinary end of a process does.
pub fn is_left_behind() -> bool {
    LEFT_BEHIND.load(Ordering::Relaxed)
}

/// The work of one thread. Its clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Work(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    in_hand: Mutex<Option<InHand>>,
    worn_out: AtomicBool,
}

#[derive(Debug)]
struct InHand {
    /// True when nobody wants it any more.
    abort: Arc<AtomicBool>,
    since: Instant,
}

impl Work {
    /// Something is begun that ends early when `abort` becomes true.
    pub(crate) fn begin(&self, abort: &Arc<AtomicBool>) {
        self.set(Some(InHand {
            abort: Arc::clone(abort),
            since: Instant::now(),
        }));
    }

    /// It is done.
    pub(crate) fn end(&self) {
        self.set(None);
    }

    fn set(&self, in_hand: Option<InHand>) {
        *self
            .0
            .in_hand
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = in_hand;
    }

    /// Calls off what is in hand.
    pub(crate) fn call_off(&self) {
        let in_hand = self
            .0
            .in_hand
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(in_hand) = &*in_hand {
            in_hand.abort.store(true, Ordering::Relaxed);
        }
    }

    /// Whether something is in hand for longer than `patience` although it was called off.
    pub(crate) fn hangs(&self, patience: Duration) -> bool {
        let in_hand = self
            .0
            .in_hand
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        in_hand.as_ref().is_some_and(|work| {
            work.abort.load(Ordering::Relaxed) && work.since.elapsed() > patience
        })
    }

    /// Nothing will come of this thread any more.
    pub(crate) fn wear_out(&self) {
        self.0.worn_out.store(true, Ordering::Relaxed);
    }

    /// Whether nothing will come of this thread any more.
    pub(crate) fn is_worn_out(&self) -> bool {
        self.0.worn_out.load(Ordering::Relaxed)
    }
}

/// Tries to begin something anew that came to nothing, since the last that did not.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Refusals {
    /// The first and the latest.
    tries: Option<(Instant, Instant)>,
}

impl Refusals {
    /// Another one, at `now`. Whether there is nothing but such for `gives_up`; two that lie further apart than that say nothing of the
    /// time between them.
    pub(crate) fn again(&mut self, now: Instant, gives_up: Duration) -> bool {
        let (first, latest) = self.tries.unwrap_or((now, now));
        let apart = now.duration_since(latest) > gives_up;
        let first = if apart { now } else { first };
        self.tries = Some((first, now));
        now.duration_since(first) >= gives_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_tries_for_so_long_in_vain_gives_up() {
        let (begin, gives_up) = (Instant::now(), Duration::from_secs(300));
        let mut refusals = Refusals::default();
        let mut again = |s| refusals.again(begin + Duration::from_secs(s), gives_up);
        assert_eq!(
            [0, 200, 290, 301].map(&mut again),
            [false, false, false, true]
        );
        // Nobody spoke for a night.
        assert_eq!([30_000, 30_299, 30_300].map(again), [false, false, true]);
    }

    #[test]
    fn only_what_was_called_off_and_goes_on_hangs() {
        let (work, abort) = (Work::default(), Arc::default());
        assert!(!work.hangs(Duration::ZERO));
        work.begin(&abort);
        std::thread::sleep(Duration::from_millis(2));
        assert!(!work.hangs(Duration::ZERO), "somebody waits for it");
        work.call_off();
        assert!(work.hangs(Duration::ZERO));
        assert!(!work.hangs(Duration::from_secs(60)), "it had no time");
        work.end();
        assert!(!work.hangs(Duration::ZERO));
    }
}
