//! `hearken bench interrupt`: how soon it is known whether somebody who speaks over a reply wants to be heard.
//!
//! Voices murmur ("uh-huh", "okay") and wish ("stop", a question); people's recordings are sentences. Each takes the steps of
//! what is said over a reply: detector, beginnings told every 100 ms, whisper's glance, and the judgement that stops the reply or
//! lets it go on. Counted is when the reply would stop or go on, with one glance after the other in the time that it takes here, on a
//! machine that does nothing else, and what could be known at best after so much sound: by its length alone, and by its words
//! if reading took no time.
//!
//! Loudness is left out: it tells people from an echo, before all this, and nothing of what they want. So are coughs, which no voice
//! here can make; the scenario `cough` has one.

mod hear;
mod report;

use std::path::PathBuf;

use anyhow::Context as _;
use hearken::audio::EAR_RATE;
use hearken::config::Config;
use hearken::listen::name::Name;
use hearken::listen::vad::FRAME;
use hearken::weights::{Role, Store};
use indicatif::{ProgressBar, ProgressStyle};

use super::recordings::{RECORDINGS, recordings};
use super::wake::chance::Chance;
use super::wake::{speakers, text};
use hear::{Hearing, Life, Look};
use report::Report;

/// Said by somebody who listens, and nothing is wanted.
const MURMURS: [&str; 9] = [
    "Uh-huh.",
    "Yeah.",
    "Okay.",
    "Right.",
    "Mm-hmm.",
    "Yeah, okay.",
    "Uh-huh, uh-huh.",
    "Yeah, yeah, yeah.",
    "I see.",
];
/// Said by somebody who wants the reply to end; `NAME` is the name.
const WISHES: [&str; 12] = [
    "Stop.",
    "No, tell me something else.",
    "Yeah, but what about Paris?",
    "Wait.",
    "What about Paris?",
    "Okay, stop.",
    "NAME.",
    "Can you say that again?",
    "No.",
    "How far is it?",
    "I have another question.",
    "NAME, tell me about the sea.",
];
/// Noise of the room, so many dB below speech.
const NOISE_DB: f32 = 30.0;
/// Silence before, in samples.
const BEFORE: usize = EAR_RATE as usize;
/// Silence after it is longer than the endpoint waits, by this, in ms.
const LONGER_MS: u32 = 500;

/// Arguments of `hearken bench interrupt`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken bench interrupt
  hearken bench interrupt --verbose       what became of each
  hearken bench interrupt --json")]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Say of each what became of it, and when
    #[arg(long)]
    verbose: bool,

    /// Folder of recordings with transcription files, as for `bench stt`
    #[arg(long, value_name = "DIR", default_value = RECORDINGS)]
    recordings: PathBuf,

    /// Seed of chance: another one makes other noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What is said over the reply.
struct Said {
    who: String,
    text: String,
    /// Somebody wants to be heard.
    wish: bool,
    sound: Vec<f32>,
}

/// Runs the command.
pub fn run(args: &Args, config: &Config) -> anyhow::Result<()> {
    let mut config = config.clone();
    config.listen.language = "en".into();
    let name = Name::new(&config.name)?;
    let mut hearing = Hearing::open(&config, &name)?;
    let all = said(args, &config, &name)?;
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(all.len() as u64).with_style(style);
    let mut chance = Chance::new(args.seed);
    let mut lives = Vec::new();
    for said in &all {
        let after_ms = config.listen.hangover_ms + LONGER_MS;
        let after = vec![0.0; (after_ms * EAR_RATE / 1000) as usize];
        let mut sound = [&vec![0.0; BEFORE], &said.sound[..], &after].concat();
        let audible = audible(&sound);
        speakers::add_noise(&mut sound, NOISE_DB, &mut chance);
        let life = hearing.hear(&sound, audible, said.wish)?;
        if args.verbose {
            bar.suspend(|| println!("{}", of_one(said, &life)));
        }
        lives.push(life);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let report = Report::new(&lives);
    match args.json {
        true => println!("{:#}", report.json()),
        false => report.print(),
    }
    Ok(())
}

/// All that is said, by all who speak. Every speaker says a third of it.
fn said(args: &Args, config: &Config, name: &Name) -> anyhow::Result<Vec<Said>> {
    let store = Store::new(&config.data_dir);
    let piper = store
        .locate(&config.speak.voice, Role::Voice)
        .context("the bench lets the configured Piper voice speak")?;
    let mut all = Vec::new();
    for (s, mut speaker) in speakers::english(&piper)?.into_iter().enumerate() {
        let murmurs = MURMURS.iter().map(|text| (text, false));
        let wishes = WISHES.iter().map(|text| (text, true));
        let third = |n: &usize| n % 3 == s % 3;
        let some = murmurs.chain(wishes).enumerate();
        for (_, (text, wish)) in some.filter(|(n, _)| third(n)) {
            let text = text::calling(text, name.written());
            all.push(Said {
                who: speaker.name().to_owned(),
                sound: speaker.say(&text)?,
                text,
                wish,
            });
        }
    }
    for person in recordings(&args.recordings)? {
        all.push(Said {
            who: person.set,
            text: person.said.join(" "),
            wish: true,
            sound: person.samples,
        });
    }
    Ok(all)
}

/// Which frames are heard: a twentieth of the loudest sample.
fn audible(sound: &[f32]) -> Vec<bool> {
    let peak = |part: &[f32]| part.iter().fold(0.0_f32, |most, s| most.max(s.abs()));
    let least = peak(sound) / 20.0;
    sound
        .chunks(FRAME)
        .map(|frame| peak(frame) > least)
        .collect()
}

fn of_one(said: &Said, life: &Life) -> String {
    let became = match life.decided() {
        Some((ms, true)) => format!("stopped after {ms:.0} ms"),
        Some((ms, false)) => format!("goes on after {ms:.0} ms"),
        None => "not heard".into(),
    };
    let looks = life.looks.iter().chain(&life.whole);
    let read: Vec<String> = looks.map(of_look).collect();
    format!(
        "{:<34} {:<40} {became}\n    {}",
        said.who,
        said.text,
        read.join("\n    ")
    )
}

/// What was known of so much speech, and what came of it.
fn of_look(look: &Look) -> String {
    let ended = if look.over { ", over" } else { "" };
    format!(
        "{:>5.0} ms ({} ms of speech{ended}): {:?}, {:.2}: {}",
        look.at_ms, look.voiced_ms, look.verdict, look.mean_logprob, look.text
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_faint_is_not_heard() {
        let frame = |level: f32| vec![level; FRAME];
        let sound = [frame(0.0), frame(0.5), frame(0.02), frame(-0.1)].concat();
        assert_eq!(audible(&sound), [false, true, false, true]);
        assert_eq!(audible(&frame(0.0)), [false]);
    }
}
