//! `hearken bench wake`: how often a name is missed, and how often hearken wakes without it.
//!
//! Nothing is recorded for it: voices synthesize sentences, which go the way of any sound, faster than real time:
//! detector, endpoint, whisper primed with the name, and the name's own judgement. Talk without the name never says a
//! sentence twice; people's recordings are heard once. What is said in any house is counted apart from talk that is made to
//! tempt, with words and people that sound like the name.

pub(super) mod chance;
mod report;
pub(super) mod speakers;
pub(super) mod text;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::Context as _;
use hearken::audio::{EAR_RATE, wav};
use hearken::config::Config;
use hearken::listen::Heard;
use hearken::listen::confirm::Confirming;
use hearken::listen::endpoint::EndpointSettings;
use hearken::listen::name::{Called, Name};
use hearken::listen::segment::Segmenter;
use hearken::listen::transcribe::{Transcriber as _, Transcript};
use hearken::listen::vad::Vad;
use hearken::listen::whisper::Whisper;
use hearken::weights::{Role, Store};
use indicatif::{ProgressBar, ProgressStyle};

use chance::Chance;
use report::{Calls, Report, Talked};
use speakers::Speaker;

use crate::cli::transcribe::{detector_path, whisper};

/// Where Debian's package pocketsphinx-testdata puts recordings of people.
const RECORDINGS: &str = "/usr/share/pocketsphinx/test/data";

/// Noise is so far below speech, in dB.
const NOISE_DB: f32 = 10.0;

/// For each hour of ordinary talk so much is made to tempt.
const TEMPTING: f64 = 0.25;

/// Silence around what is said, in samples: longer than the endpoint waits.
const PAUSE: usize = EAR_RATE as usize;

/// Arguments of `hearken bench wake`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken bench wake --hours 0                    calls alone: some minutes
  hearken bench wake --names Marvin,Anna --hours 0
  hearken bench wake --verbose                    two hours of talk as well: 20 to 60 minutes on two cores")]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Names to call, with commas between them; false wakes are counted for the first [default: the configured one]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    names: Vec<String>,

    /// Hours of ordinary speech without the name; a quarter of that is heard besides, of speech that is made to tempt
    #[arg(long, default_value_t = 2.0, value_parser = hours, allow_hyphen_values = true)]
    hours: f64,

    /// Say which calls were missed, and which words woke it
    #[arg(long)]
    verbose: bool,

    /// Folder of people's recordings (WAV, or raw with 16 bit at 16 kHz) that are heard besides
    #[arg(long, value_name = "DIR", default_value = RECORDINGS)]
    recordings: PathBuf,

    /// Seed of chance: another one makes other talk
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn hours(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(hours) if (0.0..=100.0).contains(&hours) => Ok(hours),
        _ => Err("a number of hours from 0 to 100".into()),
    }
}

/// Runs the command.
pub fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    let names = match args.names.is_empty() {
        true => vec![config.name.clone()],
        false => args.names.clone(),
    };
    let names = names
        .iter()
        .map(|name| Ok(Name::new(name)?))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let began = Instant::now();
    let mut bench = Bench::open(config)?;
    let mut report = Report::default();
    for name in &names {
        let calls = bench.calls(name, args.seed)?;
        let mentions = bench.mentions(name)?;
        if !args.json {
            calls.iter().for_each(|c| c.print(args.verbose));
            mentions.iter().for_each(|m| m.print_mentions(args.verbose));
        }
        report.calls.extend(calls);
        report.mentions.extend(mentions);
    }
    if let Some(first) = names.first().filter(|_| args.hours > 0.0) {
        let wanted = args.hours * 3600.0;
        let mut talked = Talked::new(first.written());
        bench.recorded(first, wanted, &args.recordings, &mut talked)?;
        let ordinary = text::Talk::ordinary(args.seed, first);
        bench.talk(first, ordinary, wanted, args.seed, &mut talked)?;
        let mut tempted = Talked::new(first.written());
        let tempting = text::Talk::tempting(args.seed, first);
        bench.talk(first, tempting, wanted * TEMPTING, args.seed, &mut tempted)?;
        if !args.json {
            talked.print_talk("other talk", args.verbose);
            tempted.print_talk("tempting talk", args.verbose);
        }
        (report.talk, report.tempting) = (Some(talked), Some(tempted));
    }
    report.elapsed_s = began.elapsed().as_secs_f64();
    if args.json {
        println!("{:#}", report.json(args.verbose));
    } else {
        println!("took {:.0} s", report.elapsed_s);
    }
    Ok(())
}

/// All that is needed to hear a sentence.
struct Bench<'a> {
    config: &'a Config,
    detector: PathBuf,
    english: Vec<Speaker>,
    korean: Vec<Speaker>,
}

/// The way from sound to words, for one name.
struct Hearing<'a> {
    name: &'a Name,
    whisper: Confirming<Whisper>,
    segmenter: Segmenter,
}

/// What was made of one stretch of speech.
struct Judged {
    text: String,
    called: Called,
}

impl<'a> Bench<'a> {
    fn open(config: &'a Config) -> anyhow::Result<Self> {
        let detector = detector_path(config)?;
        let store = Store::new(&config.data_dir);
        let piper = store
            .locate(&config.speak.voice, Role::Voice)
            .context("the bench lets the configured Piper voice speak")?;
        Ok(Self {
            config,
            detector,
            english: speakers::english(&piper)?,
            korean: speakers::korean()?,
        })
    }

    fn hearing<'n>(&self, name: &'n Name) -> anyhow::Result<Hearing<'n>> {
        let mut config = self.config.clone();
        config.listen.language = if is_korean(name) { "ko" } else { "en" }.into();
        let settings = EndpointSettings::from(&config.listen);
        let mut whisper = Confirming::new(whisper(&config, |_| {})?);
        whisper.expect(&name.prompt());
        Ok(Hearing {
            name,
            whisper,
            segmenter: Segmenter::new(Box::new(Vad::open(&self.detector)?), &settings),
        })
    }

    /// Calls of the name, clean and in noise.
    fn calls(&mut self, name: &Name, seed: u64) -> anyhow::Result<[Calls; 2]> {
        let mut hearing = self.hearing(name)?;
        let (speakers, calls) = match is_korean(name) {
            true => (&mut self.korean, &text::CALLS_KO[..]),
            false => (&mut self.english, &text::CALLS[..]),
        };
        let bar = bar(
            speakers.len() * calls.len(),
            &format!("calling {}", name.written()),
        );
        let mut clean = Calls::new(name.written(), "clean");
        let mut noisy = Calls::new(name.written(), "noise at 10 dB");
        let mut chance = Chance::new(seed);
        for (s, speaker) in speakers.iter_mut().enumerate() {
            // Every speaker says a third of the sentences, and every sentence is said by a third of them.
            for call in calls.iter().skip(s % 3).step_by(3) {
                let said = text::calling(call, name.written());
                let sound = speaker.say(&said)?;
                let padded = [vec![0.0; PAUSE], sound, vec![0.0; PAUSE]].concat();
                let mut noise = padded.clone();
                speakers::add_noise(&mut noise, NOISE_DB, &mut chance);
                for (sound, calls) in [(padded, &mut clean), (noise, &mut noisy)] {
                    let heard = hearing.hear(&sound)?;
                    calls.add(speaker.name(), &said, &heard);
                    bar.inc(1);
                }
            }
        }
        bar.finish_and_clear();
        Ok([clean, noisy])
    }

    /// Sentences that speak of somebody with that name.
    fn mentions(&mut self, name: &Name) -> anyhow::Result<Option<Talked>> {
        if is_korean(name) {
            return Ok(None);
        }
        let mut hearing = self.hearing(name)?;
        let bar = bar(
            text::MENTIONS.len(),
            &format!("speaking of {}", name.written()),
        );
        let mut talked = Talked::new(name.written());
        for (i, mention) in text::MENTIONS.iter().enumerate() {
            let n = self.english.len();
            for speaker in [i % n, (i + 5) % n] {
                let said = text::calling(mention, name.written());
                let sound = self.english[speaker].say(&said)?;
                talked.add(&sound, &said, hearing.hear_padded(sound.clone())?);
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(Some(talked))
    }

    /// People's recordings, at most `seconds` of them.
    fn recorded(
        &mut self,
        name: &Name,
        seconds: f64,
        folder: &Path,
        talked: &mut Talked,
    ) -> anyhow::Result<()> {
        let mut hearing = self.hearing(name)?;
        for path in files(folder) {
            if talked.seconds >= seconds {
                break;
            }
            // What cannot be read is no recording.
            let Ok(sound) = recording(&path) else {
                continue;
            };
            talked.add(
                &sound,
                &path.display().to_string(),
                hearing.hear_padded(sound.clone())?,
            );
        }
        talked.recorded_s = talked.seconds;
        Ok(())
    }

    /// Talk without the name, until there are `seconds` of it.
    fn talk(
        &mut self,
        name: &Name,
        mut talk: text::Talk,
        seconds: f64,
        seed: u64,
        talked: &mut Talked,
    ) -> anyhow::Result<()> {
        let mut hearing = self.hearing(name)?;
        let bar = bar(seconds as usize, "talk without the name, seconds");
        let mut chance = Chance::new(seed ^ 0x5eed);
        while talked.seconds < seconds {
            let speaker = chance.below(self.english.len());
            let sentences = 2 + chance.below(4);
            let said: Vec<String> = (0..sentences).map(|_| talk.sentence()).collect();
            let said = said.join(" ");
            let mut sound = self.english[speaker].say(&said)?;
            if chance.below(4) == 0 {
                speakers::add_noise(&mut sound, 10.0 + 15.0 * chance.part(), &mut chance);
            }
            talked.add(&sound, &said, hearing.hear_padded(sound.clone())?);
            bar.set_position(talked.seconds as u64);
        }
        bar.finish_and_clear();
        Ok(())
    }
}

impl Hearing<'_> {
    /// What is made of each stretch of speech in `sound`.
    fn hear(&mut self, sound: &[f32]) -> anyhow::Result<Vec<Judged>> {
        let mut heard = Vec::new();
        self.segmenter.hear(sound, &mut heard)?;
        self.segmenter.finish(&mut heard)?;
        let never = AtomicBool::new(false);
        let mut judged = Vec::new();
        for event in heard {
            let Heard::Utterance(utterance) = event else {
                continue;
            };
            let transcript = self.whisper.transcribe(&utterance.samples, &never)?;
            let called = self.name.called(&transcript.text);
            let text = match transcript.refused {
                Some(why) => {
                    let Transcript {
                        mean_logprob,
                        doubted,
                        ..
                    } = transcript;
                    format!("({why:?}, {mean_logprob:.2}: {doubted})")
                }
                None => transcript.text,
            };
            judged.push(Judged { text, called });
        }
        Ok(judged)
    }

    /// As [`Hearing::hear`], with silence around it.
    fn hear_padded(&mut self, sound: Vec<f32>) -> anyhow::Result<Vec<Judged>> {
        self.hear(&[vec![0.0; PAUSE], sound, vec![0.0; PAUSE]].concat())
    }
}

fn is_korean(name: &Name) -> bool {
    name.written()
        .chars()
        .any(|c| ('\u{ac00}'..='\u{d7a3}').contains(&c))
}

fn bar(length: usize, message: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length as u64)
        .with_style(style)
        .with_message(message.to_owned())
}

/// The recordings in `folder` and below it, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "wav" || e == "raw") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn recording(path: &Path) -> anyhow::Result<Vec<f32>> {
    if path.extension().is_some_and(|e| e == "wav") {
        return Ok(wav::read_for_ear(path)?.samples);
    }
    let bytes = std::fs::read(path)?;
    let sample = |b: &[u8]| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0;
    Ok(bytes.chunks_exact(2).map(sample).collect())
}
