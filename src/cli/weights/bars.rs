//! Progress of a pull: bars on a terminal, plain lines elsewhere, both on standard error.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use hearken::weights::Progress;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

// At 80 columns the bar itself has seven.
const WITH_TOTAL: &str = "{msg:35!} [{wide_bar}] {decimal_bytes:>9}/{decimal_total_bytes:9} \
                          {decimal_bytes_per_sec:>11} {eta:>3}";
const WITHOUT_TOTAL: &str = "{msg:35!} {spinner} {decimal_bytes:>9} {decimal_bytes_per_sec:>11}";
/// Stages shorter than this leave no line behind on a terminal, in seconds.
const WORTH_A_LINE: f64 = 0.5;

/// Draws on the terminal, or writes lines.
pub struct Bars {
    terminal: bool,
    lines: bool,
    stage: Mutex<Option<Stage>>,
}

struct Stage {
    what: String,
    begun: Instant,
    at: u64,
    bar: Option<ProgressBar>,
}

impl Bars {
    /// Bars on a terminal, a line for each stage elsewhere.
    pub fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            lines: true,
            stage: Mutex::new(None),
        }
    }

    /// Bars on a terminal, nothing elsewhere.
    pub fn quiet() -> Self {
        Self {
            lines: false,
            ..Self::new()
        }
    }

    fn with(&self, act: impl FnOnce(&mut Option<Stage>)) {
        // A panic elsewhere must not take the bars with it.
        act(&mut self.stage.lock().unwrap_or_else(|e| e.into_inner()));
    }

    fn bar(&self, what: &str, total: Option<u64>) -> Option<ProgressBar> {
        if !self.terminal {
            return None;
        }
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        bar.set_style(style(total.is_some()));
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Some(bar)
    }
}

fn style(total: bool) -> ProgressStyle {
    let template = if total { WITH_TOTAL } else { WITHOUT_TOTAL };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

impl Progress for Bars {
    fn begin(&self, what: &str, total: Option<u64>) {
        let bar = self.bar(what, total);
        if bar.is_none() && self.lines {
            match total {
                Some(total) => eprintln!("{what} ({})", size(total)),
                None => eprintln!("{what}"),
            }
        }
        self.with(|stage| {
            *stage = Some(Stage {
                what: what.to_owned(),
                begun: Instant::now(),
                at: 0,
                bar,
            });
        });
    }

    fn total(&self, bytes: u64) {
        self.with(|stage| {
            if let Some(bar) = stage.as_ref().and_then(|s| s.bar.as_ref()) {
                bar.set_length(bytes);
                bar.set_style(style(true));
            }
        });
    }

    fn at(&self, bytes: u64) {
        self.with(|stage| {
            if let Some(stage) = stage {
                stage.at = bytes;
                if let Some(bar) = &stage.bar {
                    bar.set_position(bytes);
                }
            }
        });
    }

    fn end(&self) {
        self.with(|stage| {
            let Some(stage) = stage.take() else {
                return;
            };
            if let Some(bar) = stage.bar {
                bar.finish_and_clear();
                let seconds = stage.begun.elapsed().as_secs_f64();
                if self.lines && seconds >= WORTH_A_LINE {
                    eprintln!("{}: {} in {seconds:.1} s", stage.what, size(stage.at));
                }
            }
        });
    }

    fn note(&self, text: &str) {
        self.with(|stage| match stage.as_ref().and_then(|s| s.bar.as_ref()) {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        });
    }
}

fn size(bytes: u64) -> String {
    if bytes < 1_000_000 {
        HumanBytes(bytes).to_string()
    } else {
        format!("{:.1} MB", bytes as f64 / 1e6)
    }
}
