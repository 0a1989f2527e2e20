//! What happens in a day, by chance that is the same in every run. Pure.

use hearken::audio::EAR_RATE;

use crate::cli::bench::wake::chance::Chance;

/// What sounds meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Around {
    Silence,
    Music,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    Quiet,
    Talk,
    Question(&'static str),
    Command(&'static str),
    Interruption,
    MicrophoneGone,
    LoudspeakerGone,
    ModelKilled,
}

const QUESTIONS: [&str; 8] = [
    "what is the capital of Norway?",
    "how many days are in a week?",
    "what colour is the sky?",
    "who wrote Romeo and Juliet?",
    "what is two plus three?",
    "which animal barks?",
    "where do penguins live?",
    "what do bees make?",
];
const COMMANDS: [&str; 3] = ["what time is it?", "what's the date?", "say that again."];

/// From one scene to the next: 1 to 5 minutes.
const APART_S: (f32, f32) = (60.0, 300.0);
/// Music is soft: root mean square of each of its tones.
const TONE: f32 = 0.01;
/// A chord lasts so long, in samples.
const CHORD: usize = EAR_RATE as usize / 2;

/// A day, and the next.
pub struct Life(Chance);

impl Life {
    /// The same `seed` lives the same life.
    pub fn new(seed: u64) -> Self {
        Self(Chance::new(seed))
    }

    /// What sounds for how many seconds, and what happens then.
    pub fn next(&mut self) -> (Around, f32, Scene) {
        let around = match self.0.below(4) {
            0 => Around::Music,
            _ => Around::Silence,
        };
        let seconds = APART_S.0 + self.0.part() * (APART_S.1 - APART_S.0);
        let scene = match self.0.below(20) {
            0..=1 => Scene::Quiet,
            2..=7 => Scene::Talk,
            8..=13 => Scene::Question(self.question()),
            14..=15 => Scene::Command(self.0.of(&COMMANDS)),
            16 => Scene::Interruption,
            17 => Scene::MicrophoneGone,
            18 => Scene::LoudspeakerGone,
            _ => Scene::ModelKilled,
        };
        (around, seconds, scene)
    }

    /// Something to ask.
    pub fn question(&mut self) -> &'static str {
        self.0.of(&QUESTIONS)
    }

    /// So many seconds of it.
    pub fn sound(&mut self, around: Around, seconds: f32) -> Vec<f32> {
        let length = (seconds * EAR_RATE as f32) as usize;
        if around == Around::Silence {
            return vec![0.0; length];
        }
        let mut samples = Vec::with_capacity(length);
        while samples.len() < length {
            // A triad somewhere between 130 and 520 Hz.
            let root = 130.0 * 2f32.powf(2.0 * self.0.part());
            for n in 0..CHORD.min(length - samples.len()) {
                let time = n as f32 / EAR_RATE as f32;
                let fade = (1.0 - n as f32 / CHORD as f32).sqrt();
                let tone = |ratio: f32| (std::f32::consts::TAU * root * ratio * time).sin();
                let chord = tone(1.0) + tone(1.25) + tone(1.5);
                samples.push(chord * fade * TONE * std::f32::consts::SQRT_2);
            }
        }
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_all_of_it_and_is_the_same_again() {
        let day = |seed| {
            let mut life = Life::new(seed);
            (0..400).map(|_| life.next()).collect::<Vec<_>>()
        };
        let first = day(1);
        assert_eq!(first, day(1));
        assert_ne!(first, day(2));
        let has = |wanted: fn(&Scene) -> bool| first.iter().any(|(_, _, scene)| wanted(scene));
        assert!(has(|s| *s == Scene::Talk) && has(|s| *s == Scene::ModelKilled));
        assert!(has(|s| *s == Scene::Interruption) && has(|s| *s == Scene::MicrophoneGone));
        assert!(
            first
                .iter()
                .all(|(_, seconds, _)| (60.0..=300.0).contains(seconds))
        );
    }

    #[test]
    fn music_is_as_long_as_it_should_be_and_is_heard() {
        let samples = Life::new(1).sound(Around::Music, 1.3);
        assert_eq!(samples.len(), 20_800);
        let power = samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32;
        assert!((1e-5..1e-2).contains(&power), "{power}");
    }
}
