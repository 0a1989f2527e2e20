//! What is worth asking for again, and after which pause. Pure.
//!
//! A person is waiting in silence, so that only faults are retried that pass quickly. Callers ask only as long as no
//! word was delivered: afterwards a second attempt would be a second reply.

use std::time::Duration;

use super::model::ModelError;

/// The longest pause that a server may ask for and get.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// The pauses while a server loads its model; 10 s together, as long as a small model takes from a cold disk.
const LOADING_MS: [u64; 5] = [500, 1_000, 2_000, 3_000, 3_500];

/// How long to wait before the next attempt, after `failures` earlier failures of this reply and now `error`; nothing
/// when another attempt would not help.
pub fn next(failures: u32, error: &ModelError) -> Option<Duration> {
    match error {
        // A server that restarts, or an idle connection that it closed while the request was under way.
        ModelError::Unreachable { .. } | ModelError::BrokeOff { .. } => {
            (failures == 0).then_some(Duration::from_millis(200))
        }
        ModelError::RateLimited {
            retry_after: Some(pause),
            ..
        } => (failures < 2 && *pause <= LONGEST_PAUSE).then_some(*pause),
        // 502 to 504 and 529 pass; 500 and the others are the server's bug more often than not.
        ModelError::NotReady {
            status: 502..=504 | 529,
            ..
        } => {
            let pause = LOADING_MS.get(usize::try_from(failures).ok()?)?;
            Some(Duration::from_millis(*pause))
        }
        ModelError::NotReady { .. } => (failures == 0).then_some(Duration::from_millis(500)),
        ModelError::RateLimited {
            retry_after: None, ..
        }
        | ModelError::CannotStart { .. }
        | ModelError::Unauthorized { .. }
        | ModelError::Rejected { .. }
        | ModelError::TimedOut { .. }
        | ModelError::Nonsense { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(error: &ModelError) -> Vec<u64> {
        (0..)
            .map_while(|failures| next(failures, error))
            .map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX))
            .collect()
    }

    #[test]
    fn what_passes_quickly_is_tried_again() {
        let at = || "there".to_owned();
        let limited = |secs| ModelError::RateLimited {
            at: at(),
            retry_after: Some(Duration::from_secs(secs)),
        };
        let not_ready = |status| ModelError::NotReady {
            at: at(),
            status,
            detail: String::new(),
        };
        let refused = ModelError::Unreachable {
            at: at(),
            reason: String::new(),
        };
        assert_eq!(pauses(&refused), [200]);
        assert_eq!(pauses(&limited(2)), [2_000, 2_000]);
        assert_eq!(pauses(&limited(0)), [0, 0]);
        assert!(pauses(&limited(4)).is_empty());
        assert_eq!(pauses(&not_ready(503)).iter().sum::<u64>(), 10_000);
        assert_eq!(pauses(&not_ready(500)), [500]);
    }

    #[test]
    fn what_does_not_pass_is_not() {
        let at = || "there".to_owned();
        for error in [
            ModelError::RateLimited {
                at: at(),
                retry_after: None,
            },
            ModelError::Unauthorized {
                at: at(),
                status: 401,
            },
            ModelError::Rejected {
                at: at(),
                status: 404,
                detail: String::new(),
            },
            ModelError::TimedOut {
                at: at(),
                waited_ms: 1,
            },
            ModelError::Nonsense {
                at: at(),
                detail: String::new(),
            },
        ] {
            assert_eq!(next(0, &error), None, "{error:?}");
        }
    }
}
