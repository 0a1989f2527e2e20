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
    fn tests_run_with_the_spin_that_the_program_gives_itself() {
        // From .cargo/config.toml; without it tests on real models would measure another program.
        assert_eq!(std::env::var(SPIN_VARIABLE).as_deref(), Ok(SPIN_COUNT));
        assert!(settled(Some(OsStr::new(SPIN_COUNT))));
        assert!(!settled(None));
    }
}
