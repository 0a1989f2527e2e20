//! Who gets how many threads, and how OpenMP's threads wait for each other.
//!
//! whisper.cpp computes on OpenMP's threads, which meet at a barrier after each small step. libgomp lets a thread
//! that waits there spin for milliseconds; when another program wants the same core, the spinning thread keeps its
//! neighbour from arriving, and a transcription of 0.2 s takes 40 s. Without spinning at all each step pays for a
//! wake-up. A short spin keeps the speed and does not collapse; libgomp reads its length once, before `main`.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The variable by which libgomp takes the length of its spin.
const SPIN_VARIABLE: &str = "GOMP_SPINCOUNT";

/// How often a waiting thread looks before it sleeps: a tenth of a millisecond or so. Between 5000 and 20000 makes
/// no difference; ten times more is slower on a busy machine, none at all is slower on a quiet one.
pub const SPIN_COUNT: &str = "10000";

/// Threads for each model. whisper, the language model and the voice share the cores, one after the other and
/// sometimes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Threads for whisper, 1 to 8. It runs while the others have nothing to do.
    pub whisper: usize,
    /// Threads for the embedded language model, 1 to 8. It writes while the voice speaks.
    pub llm: usize,
    /// Threads for the voice, 1 or 2.
    pub voice: usize,
}

/// Shares `cores` out.
pub fn budget(cores: usize) -> Budget {
    let cores = cores.max(1);
    let voice = if cores >= 4 { 2 } else { 1 };
    Budget {
        whisper: cores.min(8),
        llm: (cores - voice).max(cores.min(2)).min(8),
        voice,
    }
}

/// The cores that this process may use; 1 when the system does not say.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// How many of `wanted` threads to compute on right now: no more than there are cores without other work, at least
/// one. Threads that meet at a barrier after each small step are slower than one thread when they must share a core
/// with somebody else; where the scheduler puts two of them on one core, several times slower.
pub fn free(wanted: usize) -> usize {
    // The number of processes that want a core is a moment's; the least of three looks leaves out what only blinks.
    let look = || {
        std::fs::read_to_string("/proc/loadavg")
            .ok()
            .and_then(|text| running(&text))
    };
    let least = (0..3)
        .filter_map(|n| {
            if n > 0 {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            look()
        })
        .min();
    match least {
        Some(running) => share(wanted, cores(), running),
        None => wanted,
    }
}

/// [`free`] without the clock: `running` counts the threads on the machine that want a core, this one among them.
fn share(wanted: usize, cores: usize, running: usize) -> usize {
    let others = running.saturating_sub(1);
    wanted.min(cores.saturating_sub(others)).max(1)
}

/// The fourth field of Linux's `/proc/loadavg` begins with it: `0.20 0.18 0.12 1/80 11206`.
fn running(loadavg: &str) -> Option<usize> {
    loadavg
        .split_whitespace()
        .nth(3)?
        .split('/')
        .next()?
        .parse()
        .ok()
}

/// Makes OpenMP's threads wait as this file's head says: sets the variable and starts this program anew in its own
/// place (same process, same arguments), once, because libgomp has read its environment already. Call it first in
/// `main`, before there is any thread. A length that the user has set stands. When the new start fails, the program
/// goes on as it is: slower on a busy machine, right all the same.
pub fn settle_openmp() {
    if settled(std::env::var_os(SPIN_VARIABLE).as_deref()) {
        return;
    }
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let mut arguments = std::env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // Returns only when it failed.
    let _failed = again.args(arguments).env(SPIN_VARIABLE, SPIN_COUNT).exec();
}

/// Whether the variable says something. It is its own guard against starting anew for ever.
fn settled(spin_count: Option<&OsStr>) -> bool {
    spin_count.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_gets_a_thread_and_none_more_than_it_can_use() {
        for cores in 0..=128 {
            let budget = budget(cores);
            let most = cores.clamp(1, 8);
            assert!((1..=most).contains(&budget.whisper), "{cores}: {budget:?}");
            assert!((1..=most).contains(&budget.llm), "{cores}: {budget:?}");
            assert!((1..=2).contains(&budget.voice), "{cores}: {budget:?}");
        }
        let two = Budget {
            whisper: 2,
            llm: 2,
            voice: 1,
        };
        assert_eq!(budget(2), two);
    }

    #[test]
    fn threads_keep_to_cores_without_other_work() {
        assert_eq!(running("0.20 0.18 0.12 3/80 11206\n"), Some(3));
        assert_eq!(running(""), None);
        assert_eq!(share(2, 2, 1), 2);
        assert_eq!(share(2, 2, 2), 1);
        assert_eq!(share(2, 2, 9), 1);
        assert_eq!(share(4, 8, 3), 4);
        assert_eq!(share(8, 8, 3), 6);
    }

    #[test]
    fn tests_run_with_the_spin_that_the_program_gives_itself() {
        // From .cargo/config.toml; without it tests on real models would measure another program.
        assert_eq!(std::env::var(SPIN_VARIABLE).as_deref(), Ok(SPIN_COUNT));
        assert!(settled(Some(OsStr::new(SPIN_COUNT))));
        assert!(!settled(None));
    }
}
