//! `hearken bench echo`: how well hearken does not hear itself, in simulated rooms, through the real canceller.
//!
//! In each room (`room.rs`) the loudspeaker first speaks alone: how much quieter does the microphone become, and does
//! the detector take what is left for somebody? Then people speak while it speaks, and whisper writes what it makes of
//! what is left of both.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use hearken::audio::EAR_RATE;
use hearken::audio::far_end::Tap;
use hearken::audio::resample::resample;
use hearken::config::Config;
use hearken::daemon;
use hearken::listen::echo::{Canceller, Cleaned, EchoSettings};
use hearken::listen::transcribe::Transcriber as _;
use hearken::listen::vad::{FRAME, SpeechDetector as _, Vad};
use hearken::speak::{sentence, spoken, voices};
use hearken::weights::Store;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::recordings::{RECORDINGS, Recording, recordings};
use super::room::{ROOMS, Room};
use super::words;
use crate::cli::transcribe::whisper;

const RATE: usize = EAR_RATE as usize;
/// The loudspeaker's rate, and how much its callback takes at a time: what a sound server does.
const DEVICE_RATE: u32 = 48_000;
const BURST: usize = 1_920;
/// The microphone's read, in samples: 20 ms.
const READ: usize = 320;
/// The loudspeaker speaks alone for so long.
const ALONE: usize = 20 * RATE;
/// And so long before somebody speaks as well.
const BEFORE: usize = 4 * RATE;
/// Sound around somebody's words that whisper gets too: pre-roll and hangover.
const AROUND: usize = RATE / 2;
/// How loud people are against the echo, in dB, and how many of their words are to be recalled, in percent.
const LEVELS: [(i32, f64); 3] = [(-10, 60.0), (0, 85.0), (6, 95.0)];

/// What the loudspeaker says.
const TEXT: &str = "The capital of France is Paris, and about two million people live there. Water boils at one \
    hundred degrees at the level of the sea. Higher up the air is thinner, so that it boils sooner. At three thousand \
    meters it takes only ninety degrees. That is why pasta needs more time in the mountains, and why cooks there like \
    a pot with a tight lid. Rain is expected tomorrow morning, with some sunshine in the afternoon and a light wind \
    from the west. I have added milk, bread and a dozen eggs to your shopping list. Would you like me to read it back \
    to you? The train to the airport leaves at a quarter past eight from platform four. It takes about fifty minutes, \
    so you should arrive well before your flight.";

/// Arguments of `hearken bench echo`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken bench echo
  hearken bench echo --no-words --json")]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Folder of recordings with transcription files, as for `bench stt`
    #[arg(long, value_name = "DIR", default_value = RECORDINGS)]
    recordings: PathBuf,

    /// Leave out the words, which take most of the time
    #[arg(long)]
    no_words: bool,
}

/// What came out of the canceller, and what it cost.
struct Outcome {
    samples: Cleaned,
    /// Frames in which the detector heard speech, of those after the first second.
    fired: usize,
    frames: usize,
    /// Processor time, as a share of the sound's.
    cost: f64,
}

/// The loudspeaker alone in a room.
struct Alone {
    room: Room,
    reduction_db: f64,
    fired: usize,
    frames: usize,
    cost: f64,
}

/// Runs the command.
pub fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    let mut config = config.clone();
    config.listen.language = "en".into();
    let store = Store::new(&config.data_dir);
    daemon::open_onnx(&store)?;
    let people = recordings(&args.recordings)?;
    let synthesized = synthesized(&config, &store)?;
    let recorded = recorded(&people);
    let steps = ROOMS.len()
        + if args.no_words {
            0
        } else {
            LEVELS.len() * people.len()
        };
    let style = ProgressStyle::with_template("{bar:40} {percent} % {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(steps as u64).with_style(style);

    bar.set_message("alone");
    let mut alone = Vec::new();
    for (index, room) in ROOMS.into_iter().enumerate() {
        let far = if index % 2 == 0 {
            &synthesized
        } else {
            &recorded
        };
        let far: Vec<f32> = far.iter().copied().cycle().take(ALONE).collect();
        let echo = room.echo(&far)?;
        let mut vad = daemon::open_vad(&store)?;
        let cleaned = cancel(&config, room, &far, &echo, Some(&mut vad))?;
        alone.push(Alone {
            room,
            reduction_db: decibels(
                level(&echo[RATE..]),
                level(&cleaned.samples.suppressed[RATE..]),
            ),
            fired: cleaned.fired,
            frames: cleaned.frames,
            cost: cleaned.cost,
        });
        bar.inc(1);
    }

    let mut recalled = Vec::new();
    if !args.no_words {
        let mut whisper = whisper(&config, |_| {})?;
        let never = AtomicBool::new(false);
        for (number, (ratio, wanted)) in LEVELS.into_iter().enumerate() {
            bar.set_message(format!("double talk at {ratio} dB"));
            let (mut found, mut said) = (0, 0);
            for (index, person) in people.iter().enumerate() {
                let room = ROOMS[(3 * index + number) % ROOMS.len()];
                let far = if index % 2 == 0 {
                    &synthesized
                } else {
                    &recorded
                };
                let heard = double_talk(&config, room, far, person, ratio, index)?;
                let text = whisper.transcribe(&heard, &never)?.text;
                found += words::recalled(&person.said, &words::normalized(&text));
                said += person.said.len();
                bar.inc(1);
            }
            recalled.push((ratio, wanted, 100.0 * found as f64 / said.max(1) as f64));
        }
    }
    bar.finish_and_clear();
    let report = Report { alone, recalled };
    if args.json {
        println!("{:#}", report.json());
    } else {
        report.print();
    }
    Ok(())
}

/// What whisper gets of somebody who speaks while the loudspeaker does, so many dB louder than the echo.
fn double_talk(
    config: &Config,
    room: Room,
    far: &[f32],
    person: &Recording,
    ratio: i32,
    index: usize,
) -> anyhow::Result<Vec<f32>> {
    let length = BEFORE + person.samples.len() + RATE;
    let far: Vec<f32> = far
        .iter()
        .copied()
        .cycle()
        .skip(index * 3 * RATE)
        .take(length)
        .collect();
    let mut near = room.echo(&far)?;
    let gain = 10f32.powf(ratio as f32 / 20.0) * active(&near) / active(&person.samples).max(1e-6);
    for (sample, voice) in near[BEFORE..].iter_mut().zip(&person.samples) {
        *sample += voice * gain;
    }
    let cleaned = cancel(config, room, &far, &near, None)?.samples.linear;
    Ok(cleaned[BEFORE - AROUND..BEFORE + person.samples.len() + AROUND].to_vec())
}

/// Plays `far` and hears `near` as devices do: the output callback in bursts, ahead of the microphone's reads.
fn cancel(
    config: &Config,
    room: Room,
    far: &[f32],
    near: &[f32],
    mut vad: Option<&mut Vad>,
) -> anyhow::Result<Outcome> {
    let played = resample(far, EAR_RATE, DEVICE_RATE)?;
    let (mut tap, far_end) = Tap::new(DEVICE_RATE);
    let mut canceller = Canceller::new(EchoSettings::from(&config.echo), Some(far_end));
    let clock = 1.0 + f64::from(room.drift_ppm) * 1e-6;
    let (mut samples, mut pushed, mut judged) = (Cleaned::default(), 0, 0);
    let (mut fired, mut frames, mut cost) = (0, 0, Duration::ZERO);
    for (number, read) in near.chunks(READ).enumerate() {
        let now = ((number + 1) * READ * 3) as f64 / clock;
        let until = ((now as usize).div_ceil(BURST) * BURST).min(played.len());
        played[pushed..until].iter().for_each(|s| tap.push(*s));
        pushed = until;
        let began = processor_time();
        canceller.process(read, &mut samples);
        cost += processor_time().saturating_sub(began);
        while let Some(vad) = &mut vad
            && samples.suppressed.len() >= judged + FRAME
        {
            let mut frame = [0.0; FRAME];
            frame.copy_from_slice(&samples.suppressed[judged..judged + FRAME]);
            let speech = vad.probability(&frame)? >= config.listen.vad_threshold;
            if judged >= RATE {
                fired += usize::from(speech && canceller.gate(level(&frame)));
                frames += 1;
            }
            judged += FRAME;
        }
    }
    canceller.finish(&mut samples);
    let sound = near.len() as f64 / RATE as f64;
    Ok(Outcome {
        samples,
        fired,
        frames,
        cost: cost.as_secs_f64() / sound,
    })
}

/// The text in the configured voice, at the ear's rate.
fn synthesized(config: &Config, store: &Store) -> anyhow::Result<Vec<f32>> {
    let mut voice = voices::open(config, store)?;
    let said = spoken::form(TEXT, "en");
    let mut samples = Vec::new();
    for piece in sentence::split(&said, 300) {
        let speech = voice.say(piece)?;
        samples.extend(resample(&speech.samples, speech.rate, EAR_RATE)?);
    }
    Ok(leveled(samples))
}

/// The longest recordings, one after the other.
fn recorded(people: &[Recording]) -> Vec<f32> {
    let mut longest: Vec<&Recording> = people.iter().collect();
    longest.sort_by_key(|person| std::cmp::Reverse(person.samples.len()));
    let chosen = longest.iter().take(5);
    leveled(
        chosen
            .flat_map(|person| leveled(person.samples.clone()))
            .collect(),
    )
}

/// As loud as hearken speaks: the loud parts at 18 dB below full scale.
fn leveled(mut samples: Vec<f32>) -> Vec<f32> {
    let gain = 0.126 / active(&samples).max(1e-6);
    samples
        .iter_mut()
        .for_each(|s| *s = (*s * gain).clamp(-1.0, 1.0));
    samples
}

/// Root mean square.
fn level(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

/// The same of the parts that sound: within 26 dB of the loudest 20 ms.
fn active(samples: &[f32]) -> f32 {
    let levels: Vec<f32> = samples.chunks(READ).map(level).collect();
    let loudest = levels.iter().fold(0.0f32, |a, b| a.max(*b));
    let sounding: Vec<f32> = levels.into_iter().filter(|l| *l > 0.05 * loudest).collect();
    level(&sounding)
}

fn decibels(before: f32, after: f32) -> f64 {
    20.0 * f64::from(before / after.max(1e-9)).log10()
}

/// What this thread has used of the processor: other programs do not count.
fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the structure is valid, and the clock exists on every Unix that hearken runs on.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

struct Report {
    alone: Vec<Alone>,
    /// Level in dB, words wanted and words recalled in percent.
    recalled: Vec<(i32, f64, f64)>,
}

impl Report {
    fn median_db(&self) -> f64 {
        let mut all: Vec<f64> = self.alone.iter().map(|a| a.reduction_db).collect();
        all.sort_by(f64::total_cmp);
        // Of an even number the lower one.
        all.get(all.len().saturating_sub(1) / 2)
            .copied()
            .unwrap_or_default()
    }

    fn fired_percent(&self) -> f64 {
        let fired: usize = self.alone.iter().map(|a| a.fired).sum();
        let frames: usize = self.alone.iter().map(|a| a.frames).sum();
        100.0 * fired as f64 / frames.max(1) as f64
    }

    fn cost_percent(&self) -> f64 {
        let sum: f64 = self.alone.iter().map(|a| a.cost).sum();
        100.0 * sum / self.alone.len().max(1) as f64
    }

    fn print(&self) {
        println!("delay  reverberation     clock  reduction  speech in echo  of a core");
        for a in &self.alone {
            println!(
                "{:>3} ms         {:>3} ms  {:>+4} ppm   {:>5.1} dB         {:>5.2} %     {:>4.2} %",
                a.room.delay_ms,
                a.room.rt60_ms,
                a.room.drift_ppm,
                a.reduction_db,
                100.0 * a.fired as f64 / a.frames.max(1) as f64,
                100.0 * a.cost,
            );
        }
        println!(
            "\nafter 1 s: {:.1} dB in the median room (wanted 40); speech in {:.2} % of frames of echo (0.5 at most); \
             {:.2} % of a core (2 at most)",
            self.median_db(),
            self.fired_percent(),
            self.cost_percent(),
        );
        for (ratio, wanted, recalled) in &self.recalled {
            println!(
                "somebody {ratio:>+3} dB against the echo: {recalled:.1} % of the words (wanted {wanted:.0})"
            );
        }
    }

    fn json(&self) -> Value {
        let rooms: Vec<Value> = self
            .alone
            .iter()
            .map(|a| {
                json!({
                    "delay_ms": a.room.delay_ms,
                    "rt60_ms": a.room.rt60_ms,
                    "drift_ppm": a.room.drift_ppm,
                    "reduction_db": a.reduction_db,
                    "speech_frames": a.fired,
                    "frames": a.frames,
                    "core_percent": 100.0 * a.cost,
                })
            })
            .collect();
        let recalled: Vec<Value> = self
            .recalled
            .iter()
            .map(|(ratio, wanted, recalled)| {
                json!({"near_to_echo_db": ratio, "wanted_percent": wanted, "recalled_percent": recalled})
            })
            .collect();
        json!({
            "rooms": rooms,
            "median_reduction_db": self.median_db(),
            "speech_percent": self.fired_percent(),
            "core_percent": self.cost_percent(),
            "double_talk": recalled,
        })
    }
}
