//! `hearken bench voice`: how soon the configured Piper voice is heard, and how fast it is.

use std::path::Path;
use std::time::Instant;

use hearken::config::Config;
use hearken::onnx;
use hearken::speak::piper::{PiperSettings, PiperVoice};
use hearken::speak::voice::Voice;
use hearken::speak::{sentence, spoken};
use hearken::weights::{Role, Store};

/// What is said: a word, a sentence, a paragraph.
pub(super) const TEXTS: [(&str, &str); 3] = [
    ("short", "Hello there."),
    (
        "medium",
        "The capital of France is Paris, and about two million people live there.",
    ),
    (
        "long",
        "Water boils at 100 °C at the level of the sea. Higher up the air is thinner, so that it boils sooner: \
         at 3,000 m it takes only 90 °C. That is why pasta needs more time in the mountains, \
         and why cooks there like a pot with a tight lid.",
    ),
];

/// Arguments of `hearken bench voice`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken bench voice
  hearken bench voice --repeat 10 --json")]
pub struct Args {
    /// Print JSON: {"voice", "rows": [{"threads", "text", "first_ms", "total_ms", "sound_ms", "real_time_factor"}]}
    #[arg(long)]
    json: bool,

    /// Takes of each text; the middle one counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: u32,
}

/// One text on so many threads, times in ms.
pub(super) struct Row {
    threads: usize,
    text: &'static str,
    /// Until the first sentence can be played.
    first_ms: f64,
    total_ms: f64,
    sound_ms: f64,
}

impl Row {
    fn real_time_factor(&self) -> f64 {
        self.total_ms / self.sound_ms.max(1.0)
    }
}

/// Runs the command.
pub fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    let store = Store::new(&config.data_dir);
    let model = store.locate(&config.speak.voice, Role::Voice)?;
    onnx::init(&store.locate("onnxruntime", Role::Runtime)?)?;
    let mut rows = Vec::new();
    let mut name = String::new();
    for threads in [1, 2] {
        let mut voice = open(&model, threads, config)?;
        name = voice.name();
        for (text, words) in TEXTS {
            rows.push(measure(&mut voice, threads, text, words, args.repeat)?);
        }
    }
    if args.json {
        let rows: Vec<_> = rows.iter().map(json).collect();
        println!("{}", serde_json::json!({ "voice": name, "rows": rows }));
        return Ok(());
    }
    println!("{name}, middle of {} takes", args.repeat);
    println!("threads  text    first sample  whole text     sound  real-time factor");
    for row in rows {
        println!(
            "{:>7}  {:<6}  {:>9.0} ms  {:>7.0} ms  {:>5.0} ms  {:>16.3}",
            row.threads,
            row.text,
            row.first_ms,
            row.total_ms,
            row.sound_ms,
            row.real_time_factor()
        );
    }
    Ok(())
}

/// The Piper voice `model` on so many threads.
pub(super) fn open(model: &Path, threads: usize, config: &Config) -> anyhow::Result<PiperVoice> {
    let settings = PiperSettings {
        threads,
        rate_percent: config.speak.rate_percent,
        speaker: 0,
    };
    Ok(PiperVoice::open(model, settings)?)
}

/// Says `words` as the daemon would, sentence by sentence.
pub(super) fn measure(
    voice: &mut PiperVoice,
    threads: usize,
    text: &'static str,
    words: &str,
    repeat: u32,
) -> anyhow::Result<Row> {
    let (mut firsts, mut totals, mut sounds) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..repeat {
        let began = Instant::now();
        let said = spoken::form(words, "en");
        let mut first = None;
        let mut sound = 0.0;
        for piece in sentence::split(&said, 300) {
            let speech = voice.say(piece)?;
            first.get_or_insert_with(|| began.elapsed());
            sound += speech.samples.len() as f64 * 1000.0 / f64::from(speech.rate);
        }
        firsts.push(first.unwrap_or_default().as_secs_f64() * 1000.0);
        totals.push(began.elapsed().as_secs_f64() * 1000.0);
        sounds.push(sound);
    }
    Ok(Row {
        threads,
        text,
        first_ms: middle(firsts),
        total_ms: middle(totals),
        sound_ms: middle(sounds),
    })
}

/// The median; 0 of nothing.
fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The row as scripts read it.
pub(super) fn json(row: &Row) -> serde_json::Value {
    serde_json::json!({
        "threads": row.threads,
        "text": row.text,
        "first_ms": row.first_ms,
        "total_ms": row.total_ms,
        "sound_ms": row.sound_ms,
        "real_time_factor": row.real_time_factor(),
    })
}
