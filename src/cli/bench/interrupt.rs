//! `hearken bench interrupt`: how soon it is known whether somebody who speaks over a reply wants to be heard.
//!
//! Voices murmur ("uh-huh", "okay") and wish ("stop", a question); people's recordings are sentences. Each goes the way of
//! what is said over a reply: detector, beginnings told every 100 ms, whisper's glance, and the judgement that stops the reply or
//! lets it go on. Counted are the judgements as they fall, one glance after the other in the time that it takes here, and what
//! could be known at best after so much sound: by its length alone, and by its words if reading took no time.
//!
//! Loudness is left out: it tells people from an echo, before all this, and nothing of what they want.

mod hear;
mod report;

use std::path::PathBuf;

use anyhow::Context as _;
use hearken::audio::EAR_RATE;
use hearken::config::Config;
use hearken::listen::name::Name;
use hearken::weights::{Role, Store};
use indicatif::{ProgressBar, ProgressStyle};

use super::recordings::{RECORDINGS, recordings};
use super::wake::chance::Chance;
use super::wake::{speakers, text};
use hear::{Hearing, Life};
use report::Report;

/// Said by somebody who listens, and nothing is wanted.
const MURMURS: [&str; 6] = [
    "Uh-huh.",
    "Yeah.",
    "Okay.",
    "Right.",
    "Mm-hmm.",
    "Yeah, okay.",
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
/// Every so many of people's recordings is heard, so that all of them have a part.
const EVERY: usize = 5;
/// Noise of the room, so many dB below speech.
const NOISE_DB: f32 = 30.0;
/// Silence before and after, in samples.
const AROUND: usize = EAR_RATE as usize;

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
        let silence = vec![0.0; AROUND];
        let mut sound = [&silence[..], &said.sound, &silence].concat();
        speakers::add_noise(&mut sound, NOISE_DB, &mut chance);
        let (begin, end) = heard(&said.sound);
        let spoken = AROUND + begin..AROUND + end;
        let life = hearing.hear(&sound, spoken, said.wish)?;
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
    for person in recordings(&args.recordings)?.into_iter().step_by(EVERY) {
        all.push(Said {
            who: person.set,
            text: person.said.join(" "),
            wish: true,
            sound: person.samples,
        });
    }
    Ok(all)
}

/// The first sample that is heard, and the one after the last: a twentieth of the loudest.
fn heard(sound: &[f32]) -> (usize, usize) {
    let loudest = sound.iter().fold(0.0_f32, |most, s| most.max(s.abs()));
    let is_heard = |s: &f32| s.abs() > loudest / 20.0;
    let begin = sound.iter().position(is_heard).unwrap_or_default();
    let end = sound.iter().rposition(is_heard).map_or(0, |last| last + 1);
    (begin, end)
}

fn of_one(said: &Said, life: &Life) -> String {
    let became = match life.decided() {
        Some((ms, true)) => format!("stopped after {ms:.0} ms"),
        Some((ms, false)) => format!("goes on after {ms:.0} ms"),
        None => "not heard".into(),
    };
    let mut read: Vec<&str> = life.looks.iter().map(|look| look.text.as_str()).collect();
    read.dedup();
    format!(
        "{:<34} {:<40} {became}   {}",
        said.who,
        said.text,
        read.join(" | ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_begins_and_ends_where_it_is_heard() {
        assert_eq!(heard(&[0.0, 0.001, 0.0, 0.2, 1.0, 0.5, 0.0]), (3, 6));
        assert_eq!(heard(&[0.0; 4]), (0, 0));
        assert_eq!(heard(&[]), (0, 0));
    }
}
