//! What is heard in the room, as WAV files: sentences in the configured voice, recordings of people, music and noise.
//! Each is made when it is first heard, and kept.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use hearken::audio::wav;

use super::support::daemon::{HEARKEN, by_default, recording};
use super::support::sound_server::ended_within;

/// A sentence is spoken, and read, within this; a busy machine needs some of it.
const MADE_WITHIN: Duration = Duration::from_secs(60);
/// No two takes of a sentence are alike.
const TAKES: usize = 5;
/// Of music and noise.
const RATE: u32 = 16_000;
const LENGTH_S: usize = 8;

/// Recordings of people who do not speak to it.
const PEOPLE: [&str; 8] = [
    "goforward.raw",
    "librivox/sense_and_sensibility_01_austen_64kb-0880.wav",
    "something.raw",
    "librivox/sense_and_sensibility_01_austen_64kb-0930.wav",
    "numbers.raw",
    "librivox/sense_and_sensibility_01_austen_64kb-0890.wav",
    "cards/005.wav",
    "librivox/sense_and_sensibility_01_austen_64kb-0920.wav",
];

/// Somebody who speaks: so many percent higher than the configured voice, with a smaller head, as if played faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Speaker(pub u32);

pub struct Sounds {
    folder: tempfile::TempDir,
    made: HashMap<String, PathBuf>,
}

fn synthesize(text: &str, Speaker(percent): Speaker, path: &Path) {
    let raw = path.with_extension("raw.wav");
    let mut saying = by_default(Command::new(HEARKEN));
    saying.args(["say", text, "--out"]).arg(&raw);
    // Spoken slower by as much as it is played faster.
    saying.args(["--rate", &(10_000 / percent).to_string()]);
    assert!(ends_well(&mut saying), "not synthesized: {text}");
    let spoken = wav::read(&raw).unwrap();
    wav::write(path, &spoken.samples, spoken.rate * percent / 100).unwrap();
}

fn is_readable(path: &Path, text: &str) -> bool {
    let mut reading = by_default(Command::new(HEARKEN));
    reading.arg("transcribe").arg(path);
    reading.args(["--expect", text, "--max-wer", "20"]);
    ends_well(reading.stdout(Stdio::null()).stderr(Stdio::null()))
}

fn ends_well(command: &mut Command) -> bool {
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    if !ended_within(&mut child, MADE_WITHIN) {
        let _ = child.kill();
    }
    child.wait().unwrap().success()
}

impl Sounds {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            made: HashMap::new(),
        }
    }

    /// A sentence of which whisper reads at least four of five words: what it cannot read in silence shows nothing of the day.
    pub fn sentence(&mut self, text: &str, speaker: Speaker) -> PathBuf {
        self.kept(&format!("{speaker:?} {text}"), |path| {
            let spoken = (0..TAKES).any(|_| {
                synthesize(text, speaker, path);
                is_readable(path, text)
            });
            assert!(spoken, "whisper reads something else: {text}");
        })
    }

    /// Number `n` of the recordings of people.
    pub fn people(&mut self, n: usize) -> PathBuf {
        let name = PEOPLE[n % PEOPLE.len()];
        if name.ends_with(".wav") {
            return Path::new("/usr/share/pocketsphinx/test/data").join(name);
        }
        self.kept(name, |path| {
            let folder = path.with_extension("folder");
            std::fs::create_dir(&folder).unwrap();
            std::fs::rename(recording(name, &folder), path).unwrap();
        })
    }

    /// Soft chords, one after the other.
    pub fn music(&mut self) -> PathBuf {
        self.kept("music", |path| {
            let note = |n: usize, hertz: f32| {
                let time = n as f32 / RATE as f32;
                let since = time.fract();
                (std::f32::consts::TAU * hertz * time).sin() * (-since / 0.4).exp()
            };
            let roots = [130.8, 110.0, 87.3, 98.0];
            let sample = |n: usize| {
                let root = roots[n / RATE as usize % roots.len()];
                let chord = [1.0, 2.0, 2.5, 3.0].map(|ratio| note(n, root * ratio));
                0.05 * chord.iter().sum::<f32>()
            };
            let samples: Vec<_> = (0..LENGTH_S * RATE as usize).map(sample).collect();
            wav::write(path, &samples, RATE).unwrap();
        })
    }

    /// A fan.
    pub fn noise(&mut self) -> PathBuf {
        self.kept("noise", |path| {
            let mut chance = super::chance::Chance::new(7);
            let mut low = 0.0;
            let sample = |_| {
                low += 0.08 * (chance.part() - 0.5 - low);
                low * 0.2
            };
            let samples: Vec<_> = (0..LENGTH_S * RATE as usize).map(sample).collect();
            wav::write(path, &samples, RATE).unwrap();
        })
    }

    fn kept(&mut self, what: &str, make: impl FnOnce(&Path)) -> PathBuf {
        if let Some(path) = self.made.get(what) {
            return path.clone();
        }
        let path = self.folder.path().join(format!("{}.wav", self.made.len()));
        make(&path);
        self.made.insert(what.to_owned(), path.clone());
        path
    }
}
