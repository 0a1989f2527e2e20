//! `hearken bench stt`: how well and how fast whisper transcribes on this machine.
//!
//! Every recording is transcribed with its context cut to what is said and with the full context, in the same run;
//! then with the context cut while other programs want the cores; then with the language detected.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use hearken::config::Config;
use hearken::listen::transcribe::Transcriber as _;
use hearken::listen::whisper::{FULL_CONTEXT, Whisper};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::busy::Busy;
use super::recordings::{RECORDINGS, Recording, recordings};
use super::words;
use crate::cli::transcribe::whisper;

/// Arguments of `hearken bench stt`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken bench stt --repeat 2
  hearken bench stt --busy 0 --json")]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Folder of recordings with transcription files: lines `words (NAME)` beside NAME.wav or NAME.raw
    #[arg(long, value_name = "DIR", default_value = RECORDINGS)]
    recordings: PathBuf,

    /// So often each recording is timed; the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,

    /// So many other processes want the cores in the busy measurement; 0 leaves it out
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=64))]
    busy: u8,

    /// Cut the context no shorter than so many steps of 20 ms, instead of what suits the model
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u16).range(64..=1500))]
    least_context: Option<u16>,

    /// Speech-to-text weights instead of the configuration's: a name, or a path to a ggml file
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
}

/// What came of one recording in one way.
pub(super) struct Outcome {
    /// What was heard.
    pub(super) text: String,
    /// Words that are wrong.
    pub(super) errors: usize,
    /// Median of the repetitions.
    pub(super) ms: f64,
}

/// Errors, words and milliseconds over recordings.
#[derive(Default, Clone, Copy)]
struct Sum {
    words: usize,
    errors: usize,
    ms: f64,
}

impl Sum {
    fn add(&mut self, recording: &Recording, outcome: &Outcome) {
        self.words += recording.said.len();
        self.errors += outcome.errors;
        self.ms += outcome.ms;
    }

    fn wer_percent(&self) -> f64 {
        100.0 * self.errors as f64 / self.words.max(1) as f64
    }

    fn json(&self, recordings: usize) -> Value {
        json!({
            "errors": self.errors,
            "wer_percent": tenth(self.wer_percent()),
            "mean_ms": tenth(self.ms / recordings.max(1) as f64),
        })
    }
}

fn tenth(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}

/// Runs the command.
pub fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    let mut config = config.clone();
    config.listen.language = "en".into();
    if let Some(model) = args.model {
        config.listen.model = model;
    }
    let recordings = recordings(&args.recordings)?;
    let repeat = u64::from(args.repeat);
    let steps = recordings.len() as u64 * (2 * repeat + 1 + repeat * u64::from(args.busy > 0));
    let style = ProgressStyle::with_template("{bar:40} {percent} % {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(steps).with_style(style);

    let measure = |whisper: &mut Whisper, repeat: u32, what: &str| {
        bar.set_message(what.to_owned());
        recordings
            .iter()
            .map(|recording| outcome(whisper, recording, repeat, &bar))
            .collect::<anyhow::Result<Vec<_>>>()
    };
    let least = args.least_context.map(usize::from);
    let mut cut = whisper(&config, |settings| settings.least_context = least)?;
    let quiet = measure(&mut cut, args.repeat, "context cut")?;
    let busy = match args.busy {
        0 => None,
        count => {
            let others = Busy::start(count.into())?;
            let outcomes = measure(&mut cut, args.repeat, "context cut, machine busy")?;
            drop(others);
            Some(outcomes)
        }
    };
    drop(cut);
    let mut every = whisper(&config, |settings| {
        settings.least_context = Some(FULL_CONTEXT)
    })?;
    let full = measure(&mut every, 1, "full context")?;
    drop(every);
    config.listen.language = "auto".into();
    let mut detecting = whisper(&config, |_| {})?;
    let detected = measure(&mut detecting, args.repeat, "language detected")?;
    bar.finish_and_clear();

    let report = Report {
        model: config.listen.model,
        recordings: &recordings,
        cut: &quiet,
        full: &full,
        busy: busy.as_deref().map(|outcomes| (args.busy, outcomes)),
        detected: &detected,
    };
    if args.json {
        println!("{:#}", report.json());
    } else {
        report.print();
    }
    Ok(())
}

/// Transcribes `recording` so many times.
pub(super) fn outcome(
    whisper: &mut Whisper,
    recording: &Recording,
    repeat: u32,
    bar: &ProgressBar,
) -> anyhow::Result<Outcome> {
    let never = AtomicBool::new(false);
    let mut times = Vec::new();
    let mut text = String::new();
    for _ in 0..repeat {
        let began = Instant::now();
        text = whisper.transcribe(&recording.samples, &never)?.text;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        bar.inc(1);
    }
    times.sort_by(f64::total_cmp);
    Ok(Outcome {
        errors: words::errors(&recording.said, &words::normalized(&text)),
        text,
        ms: times[times.len() / 2],
    })
}

struct Report<'a> {
    model: String,
    recordings: &'a [Recording],
    cut: &'a [Outcome],
    full: &'a [Outcome],
    busy: Option<(u8, &'a [Outcome])>,
    detected: &'a [Outcome],
}

impl Report<'_> {
    /// By set, in the order of their names: how many recordings, cut, full.
    fn sets(&self) -> BTreeMap<&str, (usize, Sum, Sum)> {
        let mut sets = BTreeMap::<&str, (usize, Sum, Sum)>::new();
        for (recording, (cut, full)) in self.recordings.iter().zip(self.cut.iter().zip(self.full)) {
            let set = sets.entry(&recording.set).or_default();
            set.0 += 1;
            set.1.add(recording, cut);
            set.2.add(recording, full);
        }
        sets
    }

    fn sum(&self, outcomes: &[Outcome]) -> Sum {
        let mut sum = Sum::default();
        for (recording, outcome) in self.recordings.iter().zip(outcomes) {
            sum.add(recording, outcome);
        }
        sum
    }

    fn print(&self) {
        let n = self.recordings.len();
        println!("{}, {n} recordings\n", self.model);
        println!(
            "{:<12} {:>6} {:>5}   {:>9} {:>8}   {:>9} {:>8}   {:>8}",
            "set", "files", "words", "cut: WER", "mean", "full: WER", "mean", "cut/full"
        );
        let line = |name: &str, files: usize, cut: Sum, full: Sum| {
            println!(
                "{name:<12} {files:>6} {:>5}   {:>7.1} % {:>5.0} ms   {:>7.1} % {:>5.0} ms   {:>8.2}",
                cut.words,
                cut.wer_percent(),
                cut.ms / files.max(1) as f64,
                full.wer_percent(),
                full.ms / files.max(1) as f64,
                cut.ms / full.ms,
            );
        };
        for (name, (files, cut, full)) in self.sets() {
            line(name, files, cut, full);
        }
        let (cut, full) = (self.sum(self.cut), self.sum(self.full));
        line("all", n, cut, full);
        if let Some((processes, outcomes)) = self.busy {
            let busy = self.sum(outcomes);
            println!(
                "\nbusy ({processes} other processes): {:.0} ms a recording, {:.2} times the quiet {:.0} ms",
                busy.ms / n as f64,
                busy.ms / cut.ms,
                cut.ms / n as f64,
            );
        }
        let detected = self.sum(self.detected);
        println!(
            "language detected: {:.0} ms a recording, {:.0} ms more than with a fixed one; WER {:.1} %",
            detected.ms / n as f64,
            (detected.ms - cut.ms) / n as f64,
            detected.wer_percent(),
        );
        let both = self.cut.iter().zip(self.full);
        for (recording, (cut, full)) in self.recordings.iter().zip(both) {
            if cut.errors + full.errors > 0 {
                println!(
                    "\n{}\n  said: {}\n  cut:  {} ({})\n  full: {} ({})",
                    recording.file,
                    recording.said.join(" "),
                    cut.text,
                    cut.errors,
                    full.text,
                    full.errors,
                );
            }
        }
    }

    fn json(&self) -> Value {
        let n = self.recordings.len();
        let compared = |files: usize, cut: Sum, full: Sum| {
            json!({
                "recordings": files,
                "words": cut.words,
                "cut": cut.json(files),
                "full": full.json(files),
                "cut_to_full_time": tenth(10.0 * cut.ms / full.ms) / 10.0,
            })
        };
        let sets: BTreeMap<&str, Value> = self
            .sets()
            .into_iter()
            .map(|(name, (files, cut, full))| (name, compared(files, cut, full)))
            .collect();
        let (cut, full) = (self.sum(self.cut), self.sum(self.full));
        let busy = self.busy.map(|(processes, outcomes)| {
            let busy = self.sum(outcomes);
            json!({
                "processes": processes,
                "mean_ms": tenth(busy.ms / n as f64),
                "quiet_mean_ms": tenth(cut.ms / n as f64),
                "busy_to_quiet_time": tenth(10.0 * busy.ms / cut.ms) / 10.0,
            })
        });
        let recordings: Vec<Value> = (0..n)
            .map(|i| {
                let recording = &self.recordings[i];
                json!({
                    "set": recording.set,
                    "file": recording.file,
                    "said": recording.said.join(" "),
                    "cut": {"text": self.cut[i].text, "errors": self.cut[i].errors, "ms": tenth(self.cut[i].ms)},
                    "full": {"text": self.full[i].text, "errors": self.full[i].errors, "ms": tenth(self.full[i].ms)},
                })
            })
            .collect();
        let detected = self.sum(self.detected);
        json!({
            "model": self.model,
            "sets": sets,
            "all": compared(n, cut, full),
            "busy": busy,
            "language_detected": detected.json(n),
            "recordings": recordings,
        })
    }
}
