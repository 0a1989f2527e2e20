//! llama.cpp's log: shown with `--verbose`, otherwise silent but for the last error, which the sentence about a failed
//! load quotes.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, SubscriberExt};

/// The last error of llama.cpp.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastError(Arc<Mutex<String>>);

impl LastError {
    /// What llama.cpp said last, or nothing.
    pub(crate) fn get(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Routes llama.cpp's log; to be called once.
pub(crate) fn start(verbose: bool) -> LastError {
    let last = LastError::default();
    let shown = verbose.then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_filter(LevelFilter::DEBUG)
    });
    let subscriber = tracing_subscriber::registry()
        .with(last.clone())
        .with(shown);
    // Fails only when called twice; the first subscriber then stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
    llama_cpp_2::send_logs_to_tracing(llama_cpp_2::LogOptions::default());
    last
}

impl<S: Subscriber> Layer<S> for LastError {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if *event.metadata().level() != Level::ERROR {
            return;
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        let text = meaning(&message.0);
        // llama.cpp ends with a summary ("failed to load model") after the line that tells why: the first one counts.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_empty() {
            *last = text.to_owned();
        }
    }
}

/// Without the name of the C++ function before the colon, and without the summary before the reason.
fn meaning(line: &str) -> &str {
    let line = line.trim();
    let line = match line.split_once(": ") {
        Some((function, rest)) if !function.contains(' ') => rest,
        _ => line,
    };
    line.strip_prefix("error loading model: ").unwrap_or(line)
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.0 = value.to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::meaning;

    #[test]
    fn the_reason_remains() {
        let line = "llama_model_load: error loading model: tensor 'a' data is not within the file bounds\n";
        assert_eq!(
            meaning(line),
            "tensor 'a' data is not within the file bounds"
        );
        assert_eq!(
            meaning("gguf_init_from_file: invalid magic"),
            "invalid magic"
        );
        assert_eq!(meaning("no prefix at all"), "no prefix at all");
    }
}
