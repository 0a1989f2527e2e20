//! What the room sounds like while nobody wants anything of hearken: faint noise, music, people who talk to each other.
//! The same in every run.

use std::f32::consts::TAU;
use std::path::Path;

use hearken::audio::EAR_RATE;
use hearken::listen::name::Name;

use super::super::wake::chance::Chance;
use super::super::wake::speakers::{self, LOUDNESS};
use super::super::wake::text::Talk;

/// One round of music or talk, in s: it is played again and again.
pub const ROUND_S: usize = 120;

/// The room's own noise, so far below full scale, in dB.
const NOISE_DB: f32 = 65.0;

/// A beat lasts so many samples: 120 in a minute.
const BEAT: usize = EAR_RATE as usize / 2;

/// Music is this loud: as people are who talk.
const MUSIC: f32 = LOUDNESS;

/// Each bar's chord, in semitones above A2, and its bass: A minor, F, C, G.
const CHORDS: [[i32; 4]; 4] = [
    [0, 12, 15, 19],
    [-4, 8, 12, 15],
    [3, 10, 15, 19],
    [-2, 10, 14, 17],
];

/// The tune, two notes a beat for two rounds of the chords, in semitones above A4; where there is none, it rests.
const TUNE: [Option<i32>; 64] = {
    const R: Option<i32> = None;
    const fn n(semitones: i32) -> Option<i32> {
        Some(semitones)
    }
    #[rustfmt::skip]
    let tune = [
        n(0), R, n(3), n(7), R, n(7), n(5), n(3),   n(8), R, n(7), n(5), R, n(3), n(0), R,
        n(3), R, n(7), n(10), R, n(7), n(3), n(7),  n(5), n(5), R, n(2), R, n(-2), n(2), R,
        n(0), n(0), R, n(7), n(12), R, n(10), n(7), n(8), R, n(12), R, n(8), n(7), n(5), n(3),
        n(7), R, R, n(3), n(5), n(7), n(10), R,     n(5), R, n(2), n(5), n(2), R, n(-2), R,
    ];
    tune
};

/// What is to be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scene {
    /// Nobody and nothing but the room's own noise
    Silence,
    /// Chords, a tune and percussion
    Music,
    /// People who talk to each other
    Talk,
}

impl Scene {
    /// All of them, in the order in which they are measured.
    pub const ALL: [Self; 3] = [Self::Silence, Self::Music, Self::Talk];

    /// Its name in a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Music => "music",
            Self::Talk => "talk",
        }
    }

    /// One round of it for the ear. Nobody in it says `name`; some speak with the Piper model `piper`.
    pub fn sound(self, name: &str, piper: &Path) -> anyhow::Result<Vec<f32>> {
        let mut sound = match self {
            Self::Silence => vec![0.0; ROUND_S * EAR_RATE as usize],
            Self::Music => music(),
            Self::Talk => talk(name, piper)?,
        };
        let below = NOISE_DB + 20.0 * LOUDNESS.log10();
        speakers::add_noise(&mut sound, below, &mut Chance::new(11));
        Ok(sound)
    }
}

/// Several people, some sentences each, with pauses between.
fn talk(name: &str, piper: &Path) -> anyhow::Result<Vec<f32>> {
    let mut people = speakers::english(piper)?;
    let mut talk = Talk::ordinary(5, &Name::new(name)?);
    let mut chance = Chance::new(17);
    let length = ROUND_S * EAR_RATE as usize;
    let mut sound = Vec::with_capacity(length);
    while sound.len() < length {
        let who = chance.below(people.len());
        let sentences = 1 + chance.below(4);
        let said: Vec<String> = (0..sentences).map(|_| talk.sentence()).collect();
        sound.extend(people[who].say(&said.join(" "))?);
        let pause = (0.2 + 1.6 * chance.part()) * EAR_RATE as f32;
        sound.resize(sound.len() + pause as usize, 0.0);
    }
    sound.truncate(length);
    Ok(sound)
}

/// Four beats a bar: a chord that swells, bass on one and three, a plucked tune, drums.
fn music() -> Vec<f32> {
    let bars = ROUND_S * EAR_RATE as usize / (4 * BEAT);
    let mut sound = vec![0.0; bars * 4 * BEAT];
    let mut chance = Chance::new(3);
    for bar in 0..bars {
        let at = bar * 4 * BEAT;
        let chord = CHORDS[bar % CHORDS.len()];
        for note in chord[1..].iter().map(|&n| pitch(110.0, n)) {
            add(&mut sound[at..at + 4 * BEAT], |t| {
                let swell = (t / 0.3).min(1.0) * ((2.0 - t) / 0.2).clamp(0.0, 1.0);
                0.1 * swell * overtones(note, t, 5)
            });
        }
        for half in [0, 2] {
            let bass = pitch(55.0, chord[0]);
            add(&mut sound[at + half * BEAT..at + (half + 1) * BEAT], |t| {
                0.35 * (-3.0 * t).exp() * overtones(bass, t, 3)
            });
        }
        for eighth in 0..8 {
            let begin = at + eighth * BEAT / 2;
            if let Some(note) = TUNE[(bar * 8 + eighth) % TUNE.len()] {
                let note = pitch(440.0, note);
                let end = (begin + BEAT).min(sound.len());
                add(&mut sound[begin..end], |t| {
                    0.25 * (-5.0 * t).exp() * overtones(note, t, 6)
                });
            }
            drums(&mut sound[begin..begin + BEAT / 2], eighth, &mut chance);
        }
    }
    let power = sound.iter().map(|s| s * s).sum::<f32>() / sound.len().max(1) as f32;
    let gain = MUSIC / power.sqrt().max(1e-9);
    sound
        .iter_mut()
        .for_each(|s| *s = (*s * gain).clamp(-1.0, 1.0));
    sound
}

/// A drum on the beats one and three, a snare on two and four, a hi-hat on every half.
fn drums(sound: &mut [f32], eighth: usize, chance: &mut Chance) {
    add(sound, |t| {
        let noise = chance.part() * 2.0 - 1.0;
        let hat = 0.08 * (-60.0 * t).exp() * noise;
        let beat = match eighth {
            // The pitch falls from 150 to 50 Hz.
            0 | 4 => {
                0.6 * (-12.0 * t).exp() * (TAU * (50.0 * t + 4.0 * (1.0 - (-25.0 * t).exp()))).sin()
            }
            2 | 6 => (-18.0 * t).exp() * (0.25 * noise + 0.2 * (TAU * 190.0 * t).sin()),
            _ => 0.0,
        };
        hat + beat
    });
}

/// So many semitones above `root`.
fn pitch(root: f32, semitones: i32) -> f32 {
    root * 2f32.powf(semitones as f32 / 12.0)
}

/// A tone with its first overtones, each weaker.
fn overtones(hertz: f32, t: f32, count: u8) -> f32 {
    (1..=count)
        .map(f32::from)
        .filter(|n| n * hertz < EAR_RATE as f32 / 2.0)
        .map(|n| (TAU * hertz * n * t).sin() / (n * n.sqrt()))
        .sum()
}

/// Adds what `wave` says of each moment, in s from the first sample.
fn add(sound: &mut [f32], mut wave: impl FnMut(f32) -> f32) {
    for (index, sample) in sound.iter_mut().enumerate() {
        *sample += wave(index as f32 / EAR_RATE as f32);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn decibels(sound: &[f32]) -> f32 {
        let power = sound.iter().map(|s| s * s).sum::<f32>() / sound.len() as f32;
        10.0 * power.log10()
    }

    #[test]
    fn silence_is_faint_noise() {
        let sound = Scene::Silence.sound("Anna", Path::new("")).unwrap();
        assert_eq!(sound.len(), ROUND_S * EAR_RATE as usize);
        assert!(
            (decibels(&sound) + NOISE_DB).abs() < 0.5,
            "{}",
            decibels(&sound)
        );
    }

    #[test]
    fn music_is_as_loud_as_talk_and_never_still() {
        let sound = music();
        assert_eq!(sound.len(), ROUND_S * EAR_RATE as usize);
        assert_eq!(sound, music());
        assert!((decibels(&sound) - 20.0 * MUSIC.log10()).abs() < 0.5);
        for (second, part) in sound.chunks(EAR_RATE as usize).enumerate() {
            let level = decibels(part);
            assert!(
                (-36.0..=-14.0).contains(&level),
                "{level} dB in second {second}"
            );
        }
    }
}
