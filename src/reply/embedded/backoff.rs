//! How long to wait before the server is started again. Pure.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// A server that was healthy this long died of something else than its start.
const HEALTHY: Duration = Duration::from_secs(60);

/// The pauses of one server: 0.5 s, doubling to 30 s.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: FIRST }
    }

    /// The pause after a server that was healthy for `healthy`.
    pub(super) fn pause(&mut self, healthy: Duration) -> Duration {
        if healthy >= HEALTHY {
            self.next = FIRST;
        }
        let pause = self.next;
        self.next = (pause * 2).min(LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use std::time::Duration;

    #[test]
    fn pauses_double_up_to_a_limit_and_begin_anew_after_a_healthy_minute() {
        let mut backoff = Backoff::new();
        let pauses: Vec<u128> = (0..8)
            .map(|_| backoff.pause(Duration::from_secs(59)).as_millis())
            .collect();
        assert_eq!(
            pauses,
            [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]
        );
        assert_eq!(backoff.pause(Duration::from_secs(60)).as_millis(), 500);
        assert_eq!(backoff.pause(Duration::ZERO).as_millis(), 1_000);
    }
}
