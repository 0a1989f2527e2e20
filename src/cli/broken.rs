//! A thread that breaks is a bug: what is logged of it.

use std::panic::PanicHookInfo;

use hearken::BUG;

/// A panic is logged with where it was and how it came there, and without its message: that may hold what somebody said.
pub fn log_panics() {
    std::panic::set_hook(Box::new(log));
}

fn log(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let place = panic
        .location()
        .map_or_else(String::new, ToString::to_string);
    let way = std::backtrace::Backtrace::force_capture();
    tracing::error!("the thread {thread} broke at {place}; {BUG}\n{way}");
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_thread_that_breaks_is_logged_with_its_way_and_without_its_words() {
        const BREAKS: &str = "breaks";
        // The other tests of this process may break as well, and as usual.
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| match std::thread::current().name() {
            Some(BREAKS) => log(panic),
            _ => usual(panic),
        }));
        let written = Log::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let thread = std::thread::Builder::new()
            .name(BREAKS.into())
            .spawn(move || {
                tracing::subscriber::with_default(subscriber, || {
                    let words = "my neighbour's secret";
                    panic!("cannot say {words}");
                });
            });
        assert!(thread.unwrap().join().is_err());
        let logged = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        for told in ["the thread breaks broke at src/cli/broken.rs:", BUG, " at "] {
            assert!(logged.contains(told), "{told} is not in {logged}");
        }
        assert!(
            logged.contains("broken::tests::"),
            "the way there: {logged}"
        );
        assert!(!logged.contains("secret"), "{logged}");
    }
}
