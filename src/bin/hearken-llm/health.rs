//! What the server says about itself: counters that the inference thread writes and `/health` reads.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// The server's state; every field may be read at any time.
#[derive(Debug)]
pub(crate) struct Health {
    /// The model's name: its file's, without the ending.
    pub(crate) model: String,
    /// Unix time of the start, in s.
    pub(crate) started: u64,
    /// Threads that compute.
    pub(crate) threads: u32,
    ready: AtomicBool,
    busy: AtomicBool,
    context_tokens: AtomicU32,
    generated: AtomicU64,
    processed: AtomicU64,
    cached: AtomicU64,
    abandoned: AtomicU64,
}

impl Health {
    pub(crate) fn new(model: &Path, threads: u32) -> Self {
        let name = model.file_stem().unwrap_or_default();
        Self {
            model: name.to_string_lossy().into_owned(),
            started: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| d.as_secs()),
            threads,
            ready: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            context_tokens: AtomicU32::new(0),
            generated: AtomicU64::new(0),
            processed: AtomicU64::new(0),
            cached: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    pub(crate) fn set_ready(&self, context_tokens: u32) {
        self.context_tokens.store(context_tokens, Ordering::Relaxed);
        self.ready.store(true, Ordering::Release);
    }

    pub(crate) fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Release);
    }

    /// A token was generated.
    pub(crate) fn count_generated(&self) {
        self.generated.fetch_add(1, Ordering::Relaxed);
    }

    /// A prompt of which so many tokens were new and so many in the cache.
    pub(crate) fn count_prompt(&self, processed: usize, cached: usize) {
        self.processed
            .fetch_add(processed as u64, Ordering::Relaxed);
        self.cached.fetch_add(cached as u64, Ordering::Relaxed);
    }

    /// A client went away before its reply was complete.
    pub(crate) fn count_abandoned(&self) {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
    }

    /// The body of `/health`.
    pub(crate) fn report(&self) -> Value {
        json!({
            "status": if self.is_ready() { "ok" } else { "loading" },
            "model": self.model,
            "busy": self.busy.load(Ordering::Acquire),
            "threads": self.threads,
            "context_tokens": self.context_tokens.load(Ordering::Relaxed),
            "generated_total": self.generated.load(Ordering::Relaxed),
            "prompt_processed_total": self.processed.load(Ordering::Relaxed),
            "prompt_cached_total": self.cached.load(Ordering::Relaxed),
            "abandoned_total": self.abandoned.load(Ordering::Relaxed),
        })
    }
}
