//! `hearken bench parts`: hearken's side of a comparison with other programs, part by part, as JSON: speech-to-text and
//! the voice with their models warm. `tests/peers` measures the others and joins both.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use hearken::config::Config;
use hearken::listen::transcribe::Transcriber as _;
use hearken::onnx;
use hearken::speak::spoken;
use hearken::speak::voice::Voice as _;
use hearken::weights::{Role, Store};
use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::{Value, json};

use super::recordings::{RECORDINGS, recordings};
use super::{stt, voice, words};
use crate::cli::transcribe::whisper;

/// Arguments of `hearken bench parts`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken bench parts
  hearken bench parts --only stt --repeat 3
  hearken bench parts --score heard.json")]
pub struct Args {
    /// Measure this part alone
    #[arg(long, value_enum, value_name = "PART")]
    only: Option<Part>,

    /// So often each recording and each text is timed; the median counts
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,

    /// Folder of recordings with transcription files: lines `words (NAME)` beside NAME.wav or NAME.raw
    #[arg(long, value_name = "DIR", default_value = RECORDINGS)]
    recordings: PathBuf,

    /// Measure nothing, and count the errors in a JSON list of {"said", "heard"} as for hearken's own
    #[arg(long, value_name = "FILE", conflicts_with = "only")]
    score: Option<PathBuf>,
}

/// What there is to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Speech-to-text
    Stt,
    /// The voice
    Voice,
}

/// What somebody said and what a program heard.
#[derive(Deserialize)]
struct Pair {
    said: String,
    heard: String,
}

/// Runs the command.
pub fn run(args: &Args, config: &Config) -> anyhow::Result<()> {
    if let Some(file) = &args.score {
        let named = || format!("{}", file.display());
        let text = std::fs::read_to_string(file).with_context(named)?;
        let pairs: Vec<Pair> = serde_json::from_str(&text).with_context(named)?;
        println!("{:#}", score(&pairs));
        return Ok(());
    }
    let mut report = json!({});
    if args.only != Some(Part::Voice) {
        report["stt"] = transcription(args, config)?;
    }
    if args.only != Some(Part::Stt) {
        report["voice"] = speech(args, config)?;
    }
    println!("{report:#}");
    Ok(())
}

/// Words and errors of each.
fn score(pairs: &[Pair]) -> Value {
    let judged = |pair: &Pair| {
        let said = words::normalized(&pair.said);
        let errors = words::errors(&said, &words::normalized(&pair.heard));
        json!({ "words": said.len(), "errors": errors })
    };
    pairs.iter().map(judged).collect()
}

/// Every recording, transcribed as the daemon does.
fn transcription(args: &Args, config: &Config) -> anyhow::Result<Value> {
    let mut config = config.clone();
    config.listen.language = "en".into();
    let recordings = recordings(&args.recordings)?;
    let mut whisper = whisper(&config, |_| {})?;
    // The first transcription pays for memory that later ones have.
    if let Some(first) = recordings.first() {
        whisper.transcribe(&first.samples, &AtomicBool::new(false))?;
    }
    let mut rows = Vec::new();
    for recording in &recordings {
        let outcome = stt::outcome(&mut whisper, recording, args.repeat, &ProgressBar::hidden())?;
        rows.push(json!({
            "file": recording.file,
            "said": recording.said.join(" "),
            "seconds": recording.samples.len() as f64 / f64::from(hearken::audio::EAR_RATE),
            "heard": outcome.text,
            "words": recording.said.len(),
            "errors": outcome.errors,
            "ms": outcome.ms,
        }));
    }
    let threads = hearken::threads::budget(hearken::threads::cores()).whisper;
    Ok(json!({ "model": config.listen.model, "threads": threads, "recordings": rows }))
}

/// Every text, said as the daemon does, on one thread and on two.
fn speech(args: &Args, config: &Config) -> anyhow::Result<Value> {
    let store = Store::new(&config.data_dir);
    let model = store.locate(&config.speak.voice, Role::Voice)?;
    onnx::init(&store.locate("onnxruntime", Role::Runtime)?)?;
    let mut rows = Vec::new();
    for threads in [1, 2] {
        let mut voice = voice::open(&model, threads, config)?;
        for (_, words) in voice::TEXTS {
            voice.say(&spoken::form(words, "en"))?;
        }
        for (text, words) in voice::TEXTS {
            let row = voice::measure(&mut voice, threads, text, words, args.repeat)?;
            let mut row = voice::json(&row);
            row["words"] = json!(spoken::form(words, "en"));
            rows.push(row);
        }
    }
    let own = hearken::threads::budget(hearken::threads::cores()).voice;
    Ok(json!({ "model": model, "daemon_threads": own, "rows": rows }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn others_are_counted_as_hearken_is() {
        let pairs: Vec<Pair> = serde_json::from_str(
            r#"[{"said": "go forward 1 0 meters", "heard": " Go forward ten meters."},
                {"said": "queen of clubs", "heard": "Queen of clothes"}]"#,
        )
        .unwrap();
        assert_eq!(
            score(&pairs),
            json!([{"words": 5, "errors": 0}, {"words": 3, "errors": 1}])
        );
    }
}
