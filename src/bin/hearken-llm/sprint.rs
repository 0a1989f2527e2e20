//! The first words of a reply on all threads, the rest on fewer.
//!
//! Somebody waits for the first words, and nothing else computes meanwhile; once they are there the voice says them, and two
//! threads that meet hundreds of times a token would wait for the core that the voice has. llama.cpp's own setting of threads
//! cannot be changed between two tokens through the bindings; OpenMP's can: with no level of parallel regions allowed,
//! each runs on the thread that begins it.

use std::ffi::c_int;

/// So many tokens are written at a sprint: a first clause has fewer.
pub(crate) const TOKENS: usize = 12;

unsafe extern "C" {
    /// OpenMP: how deep parallel regions that this thread begins may be nested; at 0 they are not parallel at all.
    fn omp_set_max_active_levels(levels: c_int);
}

/// Lets llama.cpp compute on as many threads as its context has, or on this one alone.
pub(crate) fn on_all_threads(all: bool) {
    // SAFETY: libgomp, which llama.cpp is linked with, sets one number of the calling thread's.
    unsafe { omp_set_max_active_levels(c_int::from(all)) }
}

/// Whether nothing else on the machine wants a core: `loadavg` is the text of `/proc/loadavg`.
fn is_quiet(loadavg: &str) -> bool {
    let running = loadavg.split_whitespace().nth(3);
    let running = running.and_then(|field| field.split('/').next()?.parse::<u32>().ok());
    running.is_some_and(|running| running <= 1)
}

/// Whether it is worth while now: among other busy programs two threads are slower than one.
pub(crate) fn is_worth_it() -> bool {
    std::fs::read_to_string("/proc/loadavg").is_ok_and(|text| is_quiet(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_machine_is_told_from_a_quiet_one() {
        assert!(is_quiet("0.20 0.18 0.12 1/80 11206\n"));
        assert!(!is_quiet("0.20 0.18 0.12 3/80 11206\n"));
        assert!(!is_quiet(""));
    }
}
