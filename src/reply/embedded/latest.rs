//! One thing is worked on and one waits: a newer one takes the place of the one that waits. Pure.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Debug)]
pub(super) struct Latest<T>(Mutex<Work<T>>);

#[derive(Debug)]
struct Work<T> {
    going_on: bool,
    waiting: Option<T>,
}

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(Mutex::new(Work {
            going_on: false,
            waiting: None,
        }))
    }
}

impl<T> Latest<T> {
    /// Has `thing` wait in place of what waits. True when nobody works: whoever has put it begins to, and takes what waits
    /// until there is nothing.
    pub(super) fn put(&self, thing: T) -> bool {
        let mut work = self.work();
        work.waiting = Some(thing);
        !std::mem::replace(&mut work.going_on, true)
    }

    /// The next to be worked on; without one, the work is over.
    pub(super) fn next(&self) -> Option<T> {
        let mut work = self.work();
        let next = work.waiting.take();
        work.going_on = next.is_some();
        next
    }

    /// Nobody wants what waits any more.
    pub(super) fn drop_waiting(&self) {
        self.work().waiting = None;
    }

    fn work(&self) -> MutexGuard<'_, Work<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_waits_and_one_works() {
        let latest = Latest::default();
        assert!(latest.put(1), "nobody works yet");
        assert_eq!(latest.next(), Some(1));
        for thing in 2..100 {
            assert!(!latest.put(thing), "somebody works");
        }
        assert_eq!(latest.next(), Some(99));
        assert_eq!(latest.next(), None);
        assert!(latest.put(100), "the work was over");
        latest.drop_waiting();
        assert_eq!(latest.next(), None);
    }
}
