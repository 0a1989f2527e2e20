//! Memory that was freed goes back to the system. glibc keeps it, in pieces, for what may be asked for next: after another
//! configuration 120 MB, after long sentences 35 MB, which a program that runs for months does not need.

use std::time::Duration;

use hearken::again::again;
use hearken::event::Event;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

/// So long after the last of it nothing is being freed any more, and nobody is in a hurry.
const SETTLES: Duration = Duration::from_secs(3);

/// Freed memory of up to so much, in bytes, is kept for what is asked for next, until it is given back or the program ends.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: libc::c_int = 256 * 1024 * 1024;
/// Only what is larger, in bytes, goes back at once; glibc takes no more than this.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 32 * 1024 * 1024;
/// Heaps that threads share. With one for each, what a thread leaves in its own is of no use to the next, which a model that is opened
/// anew gets: 48 other configurations in a row took 40 MB, with two heaps 13 at most.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const HEAPS: libc::c_int = 2;

/// Lets the models find the memory of the sentence before again: they ask for the same pieces with each, and to fetch these from
/// the system every time makes the voice a fifth slower. Where the system's library refuses, it is only slower.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(in crate::cli) fn keep_for_the_next() {
    // SAFETY: they take no pointer, and no thread exists yet that could ask for memory meanwhile.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_ARENA_MAX, HEAPS);
    }
}

/// Other systems' allocators know best.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(in crate::cli) fn keep_for_the_next() {}

/// Gives it back after the start, each turn, each sentence for somebody else and each other configuration, until the events end.
pub(in crate::cli) async fn give_back(events: Receiver<Event>) {
    again("what gives memory back", events, |events| {
        Box::pin(settle(events))
    })
    .await;
}

async fn settle(events: &mut Receiver<Event>) {
    let mut due = None;
    loop {
        let settled = tokio::time::sleep_until(due.unwrap_or_else(Instant::now));
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) if frees(&event) => due = Some(Instant::now() + SETTLES),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => due = Some(Instant::now() + SETTLES),
                Err(RecvError::Closed) => return,
            },
            () = settled, if due.is_some() => {
                due = None;
                let _ = tokio::task::spawn_blocking(trim).await;
            }
        }
    }
}

/// Whether much memory has been freed.
fn frees(event: &Event) -> bool {
    matches!(
        event,
        Event::Ready
            | Event::TurnFinished(_)
            | Event::Overheard
            | Event::NothingSaid { .. }
            | Event::Reloaded { .. }
    )
}

/// Gives back what is free now.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(in crate::cli) fn trim() {
    let began = Instant::now();
    // SAFETY: it takes no pointer, and may be called at any time on any thread.
    unsafe { libc::malloc_trim(0) };
    tracing::trace!(took = ?began.elapsed(), "freed memory was given back");
}

/// Other systems' allocators give it back themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(in crate::cli) fn trim() {}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::cli::process;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_freed_in_pieces_is_the_systems_again() {
        let bus = hearken::event::Bus::default();
        let giving = tokio::spawn(give_back(bus.subscribe()));
        let resident = || process::memory(std::process::id(), false).unwrap().rss / 1_000_000;
        // 300 MB in pieces, of which some stay: none of it lies at the end of the heap. Other tests take memory meanwhile.
        let mut pieces: Vec<_> = (0..300_000).map(|n| vec![n as u8; 1_000]).collect();
        let mut number = 0;
        pieces.retain(|_| {
            number += 1;
            number % 100 == 0
        });
        let before = resident();
        bus.emit(Event::Overheard);
        let given = async {
            while resident() + 100 > before {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let given = tokio::time::timeout(10 * SETTLES, given).await;
        assert!(given.is_ok(), "{before} MB before, {} MB after", resident());
        assert_eq!(pieces.len(), 3_000);
        drop(bus);
        giving.await.unwrap();
    }
}
