//! All that is logged in this process, which has one test: at every level, for words that must not be in it, and what a log
//! shows that is read only when something is wrong.

use std::io::Write;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// From now on.
    pub fn begin() -> Self {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log
    }

    /// All of it since the last time.
    pub fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

/// What of it is a warning or an error, each once.
pub fn complaints(logged: &str) -> Vec<String> {
    let complaint = |line: &str| {
        let (level, what) = line.trim().split_once(' ')?;
        matches!(level, "WARN" | "ERROR").then(|| what.trim().to_owned())
    };
    let mut all: Vec<_> = logged.lines().filter_map(complaint).collect();
    // Which thread comes first is chance.
    all.sort();
    all.dedup();
    all
}
