//! Where inputs are tried: one after the other, each with its memory counted and a watch that ends what never ends.

use std::fmt::Debug;
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};

use crate::memory::peak_of;

/// Inputs of each kind that is cheap to try.
const CASES: u32 = 5_000;

/// Nothing takes so long, on the busiest machine.
const BOUND: Duration = Duration::from_secs(60);

/// The input that is being tried, and since when.
type Current = Arc<Mutex<Option<(Instant, String)>>>;

/// Nobody else takes memory while this is held. To be had first of all: what a test prepares counts in all others.
pub struct Alone {
    _turn: MutexGuard<'static, ()>,
}

/// Waits until nobody else is.
pub fn alone() -> Alone {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    Alone { _turn: turn }
}

impl Alone {
    /// Tries `inputs`, and of those that cost `cost` times as much as a cheap one fewer by as much. None may take more bytes of
    /// memory than `limit` says of it.
    pub fn fuzz<S: Strategy>(
        &self,
        cost: u32,
        inputs: S,
        limit: impl Fn(&S::Value) -> usize,
        test: impl Fn(&S::Value) -> TestCaseResult,
    ) {
        // It reads PROPTEST_CASES, too.
        let mut config = ProptestConfig::default();
        if std::env::var_os("PROPTEST_CASES").is_none() {
            config.cases = CASES;
        }
        config.cases = (config.cases / cost).max(1);
        config.failure_persistence = None;

        let current = Current::default();
        let (_finished, finish) = channel::<()>();
        let watched = Arc::clone(&current);
        std::thread::spawn(move || watch(&watched, &finish));
        let tried = TestRunner::new(config).run(&inputs, |input| {
            *current.lock().unwrap() = Some((Instant::now(), shown(&input)));
            let (result, peak) = peak_of(|| test(&input));
            *current.lock().unwrap() = None;
            result?;
            let limit = limit(&input);
            prop_assert!(
                peak <= limit,
                "it took {peak} bytes of memory, and may take {limit}"
            );
            Ok(())
        });
        if let Err(error) = tried {
            panic!("{error}");
        }
    }
}

/// Ends the program when an input takes for ever.
fn watch(current: &Current, finish: &Receiver<()>) {
    while finish.recv_timeout(BOUND / 10) == Err(RecvTimeoutError::Timeout) {
        let current = current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((began, input)) = &*current
            && began.elapsed() > BOUND
        {
            // Not by `eprintln`, which the test would keep for an end that does not come.
            let _ = writeln!(
                std::io::stderr(),
                "it does not end within {} s: {input}",
                BOUND.as_secs()
            );
            std::process::exit(101);
        }
    }
}

fn shown(input: &impl Debug) -> String {
    format!("{input:?}")
}
