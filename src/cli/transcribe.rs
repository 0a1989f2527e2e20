//! `hearken transcribe`: what is said in recordings, written down. Needs whisper, and the voice detector to cut.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hearken::audio::{EAR_RATE, wav};
use hearken::config::Config;
use hearken::listen::endpoint::EndpointSettings;
use hearken::listen::segment::Segmenter;
use hearken::listen::transcribe::Transcriber as _;
use hearken::listen::vad::Vad;
use hearken::listen::whisper::{Whisper, WhisperSettings};
use hearken::listen::{Heard, Utterance, is_language};
use hearken::weights::{Role, Store};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::bench::words;

/// Without the detector a recording is cut blindly, after so many samples: 28 s.
const BLIND: usize = 28 * EAR_RATE as usize;

/// Arguments of `hearken transcribe`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken transcribe meeting.wav
  hearken transcribe --language ko --json a.wav b.wav
  hearken transcribe question.wav --expect \"What time is it?\"")]
pub struct Args {
    /// WAV files, of any rate, width and channel count
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Print one JSON object, with times
    #[arg(long)]
    json: bool,

    /// Code of the language that is spoken (such as en), or auto; instead of the configuration's
    #[arg(long, value_name = "CODE", value_parser = language)]
    language: Option<String>,

    /// Give whisper all of it, in pieces of 28 s, instead of the stretches in which somebody speaks
    #[arg(long)]
    no_vad: bool,

    /// The words that are said, to count errors against; fails when there are more than --max-wer
    #[arg(long, value_name = "TEXT")]
    expect: Option<String>,

    /// With --expect: the highest word error rate that passes, in percent
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = 20.0,
        requires = "expect"
    )]
    max_wer: f64,
}

fn language(code: &str) -> Result<String, String> {
    match code == "auto" || is_language(code) {
        true => Ok(code.to_owned()),
        false => Err("it is no language code such as \"en\", nor \"auto\"".into()),
    }
}

/// Runs the command: a file that cannot be read is reported, the others are transcribed all the same.
pub fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    let mut config = config.clone();
    if let Some(language) = args.language {
        config.listen.language = language;
    }
    let detector = match args.no_vad {
        true => None,
        false => Some(detector_path(&config)?),
    };
    let mut whisper = whisper(&config, |_| {})?;
    let (mut reports, mut heard, mut first_error) = (Vec::new(), Vec::new(), None);
    for path in &args.files {
        match transcribe(path, &mut whisper, detector.as_deref(), &config) {
            Ok(report) => {
                if !args.json {
                    print(path, &report, args.files.len() > 1);
                }
                reports.push(report.json(path));
                heard.push(report.text());
            }
            Err(error) => {
                reports.push(
                    json!({"file": path.display().to_string(), "error": format!("{error:#}")}),
                );
                match first_error {
                    None => first_error = Some(error),
                    Some(_) => eprintln!("hearken: {error:#}"),
                }
            }
        }
    }
    if args.json {
        println!("{:#}", json!({ "files": reports }));
    }
    if let Some(error) = first_error {
        return Err(error);
    }
    match &args.expect {
        Some(expected) => compare(expected, &heard.join(" "), args.max_wer),
        None => Ok(()),
    }
}

/// Counts the errors in `heard` against `expected`; an error when they are too many.
fn compare(expected: &str, heard: &str, most: f64) -> anyhow::Result<()> {
    let said = words::normalized(expected);
    anyhow::ensure!(!said.is_empty(), "--expect holds no words");
    let wer = 100.0 * words::errors(&said, &words::normalized(heard)) as f64 / said.len() as f64;
    anyhow::ensure!(
        wer <= most,
        "{wer:.0} % of the expected words are wrong or missing, and {most:.0} % would pass"
    );
    eprintln!("word error rate {wer:.0} % (at most {most:.0} % passes)");
    Ok(())
}

/// The configured whisper model, opened; `change` may adjust its settings.
pub(super) fn whisper(
    config: &Config,
    change: impl FnOnce(&mut WhisperSettings),
) -> anyhow::Result<Whisper> {
    let path = Store::new(&config.data_dir).locate(&config.listen.model, Role::Stt)?;
    let threads = hearken::threads::budget(hearken::threads::cores()).whisper;
    let mut settings = WhisperSettings::new(&config.listen, threads);
    change(&mut settings);
    Ok(Whisper::open(&path, settings)?)
}

/// The voice detector's file, with the runtime loaded that opens it.
pub(super) fn detector_path(config: &Config) -> anyhow::Result<PathBuf> {
    let store = Store::new(&config.data_dir);
    let without = "finding speech in recordings needs the voice detector (or pass --no-vad)";
    let runtime = store.locate("onnxruntime", Role::Runtime).context(without);
    let model = store.locate("silero-vad", Role::Vad).context(without);
    hearken::onnx::init(&runtime?)?;
    model
}

struct Report {
    seconds: f64,
    language: String,
    segments: Vec<Segment>,
    /// Words were written, and are not printed because whisper is unsure of them.
    doubted: bool,
    elapsed: Duration,
}

struct Segment {
    start_s: f64,
    end_s: f64,
    text: String,
}

impl Report {
    fn text(&self) -> String {
        let texts: Vec<&str> = self.segments.iter().map(|s| s.text.as_str()).collect();
        texts.join(" ")
    }

    fn json(&self, path: &Path) -> Value {
        let segments: Vec<Value> = self
            .segments
            .iter()
            .map(|s| json!({"start_s": s.start_s, "end_s": s.end_s, "text": s.text}))
            .collect();
        json!({
            "file": path.display().to_string(),
            "text": self.text(),
            "language": self.language,
            "seconds": self.seconds,
            "segments": segments,
            "elapsed_ms": u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

fn print(path: &Path, report: &Report, several: bool) {
    let text = report.text();
    match (text.is_empty(), report.doubted) {
        (true, true) => eprintln!(
            "hearken: {}: no words that whisper is sure of (see listen.logprob_floor)",
            path.display()
        ),
        (true, false) => eprintln!("hearken: {}: no words in it", path.display()),
        (false, _) => {}
    }
    if several {
        println!("{}: {text}", path.display());
    } else {
        println!("{text}");
    }
}

fn transcribe(
    path: &Path,
    whisper: &mut Whisper,
    detector: Option<&Path>,
    config: &Config,
) -> anyhow::Result<Report> {
    let began = Instant::now();
    let recording = wav::read_for_ear(path)?;
    if recording.truncated {
        eprintln!(
            "hearken: {} is truncated; what there is of it is transcribed",
            path.display()
        );
    }
    let utterances = match detector {
        Some(model) => utterances(&recording.samples, model, &(&config.listen).into())?,
        None => pieces(&recording.samples),
    };
    let bar = bar(&utterances, recording.seconds);
    let mut report = Report {
        seconds: recording.seconds,
        language: config.listen.language.clone(),
        segments: Vec::new(),
        doubted: false,
        elapsed: Duration::ZERO,
    };
    let never = AtomicBool::new(false);
    for utterance in utterances {
        let transcript = whisper
            .transcribe(&utterance.samples, &never)
            .with_context(|| format!("{}", path.display()))?;
        bar.inc(utterance.samples.len() as u64);
        if transcript.text.is_empty() {
            report.doubted |= !transcript.doubted.is_empty();
            continue;
        }
        if report.segments.is_empty() {
            report.language = transcript.language;
        }
        let second = |sample: u64| (sample as f64 / f64::from(EAR_RATE)).min(recording.seconds);
        report.segments.push(Segment {
            start_s: second(utterance.start),
            end_s: second(utterance.speech_end + 1),
            text: transcript.text,
        });
    }
    bar.finish_and_clear();
    report.elapsed = began.elapsed();
    Ok(report)
}

/// Bars are for recordings that take a while, and for people.
fn bar(utterances: &[Utterance], seconds: f64) -> ProgressBar {
    if seconds < 20.0 {
        return ProgressBar::hidden();
    }
    let samples = utterances.iter().map(|u| u.samples.len() as u64).sum();
    let style = ProgressStyle::with_template("{bar:40} {percent} % {elapsed} (left: {eta})");
    ProgressBar::new(samples).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn utterances(
    samples: &[f32],
    model: &Path,
    settings: &EndpointSettings,
) -> anyhow::Result<Vec<Utterance>> {
    let mut segmenter = Segmenter::new(Box::new(Vad::open(model)?), settings);
    let mut heard = Vec::new();
    segmenter.hear(samples, &mut heard)?;
    segmenter.finish(&mut heard)?;
    let utterance = |heard| match heard {
        Heard::Utterance(utterance) => Some(utterance),
        _ => None,
    };
    Ok(heard.into_iter().filter_map(utterance).collect())
}

fn pieces(samples: &[f32]) -> Vec<Utterance> {
    let piece = |(i, part): (usize, &[f32])| {
        let start = (i * BLIND) as u64;
        let last = start + (part.len() as u64).saturating_sub(1);
        Utterance {
            samples: part.to_vec(),
            start,
            speech_end: last,
            endpoint: last,
            decided: Instant::now(),
            cut_at_maximum: true,
            woken: None,
        }
    };
    samples.chunks(BLIND).enumerate().map(piece).collect()
}
