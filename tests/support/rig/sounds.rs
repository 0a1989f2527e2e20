//! Sounds that are no speech, made of noise and sines: the same samples each time. Pure.

use std::f64::consts::TAU;

use super::format::Sound;

/// Of what is made here, in Hz.
pub const RATE: u32 = 16_000;

/// `sound`, so long, or as long as it is by itself.
pub fn make(sound: Sound, length_ms: Option<u64>) -> Vec<f32> {
    let own = match sound {
        Sound::Cough => 900,
        Sound::Noise | Sound::Music => 3000,
    };
    let length = length_ms.unwrap_or(own) as usize * RATE as usize / 1000;
    match sound {
        Sound::Cough => cough(length),
        Sound::Noise => noise(length),
        Sound::Music => music(length),
    }
}

/// Noise that falls off with the frequency, as a fan's or a street's does.
pub fn noise(length: usize) -> Vec<f32> {
    let mut white = White(1);
    let mut low = 0.0;
    (0..length)
        .map(|_| {
            low += 0.08 * (white.next() - low);
            low as f32
        })
        .collect()
}

/// Two coughs: each a burst as the throat opens, then breath that dies away; the sound of a mouth around 700 and
/// 1600 Hz.
fn cough(length: usize) -> Vec<f32> {
    let mut white = White(7);
    let (mut throat, mut mouth) = (Band::new(700.0, 300.0), Band::new(1600.0, 500.0));
    (0..length)
        .map(|n| {
            let second = n as f64 / f64::from(RATE);
            let strength: f64 = [0.03, 0.45]
                .iter()
                .map(|struck| second - struck)
                .filter(|since| *since >= 0.0)
                .map(|since| {
                    let rise = (since / 0.004).min(1.0);
                    rise * ((-since / 0.03).exp() + 0.35 * (-since / 0.11).exp())
                })
                .sum();
            let breath = white.next() * strength;
            (throat.pass(breath) + 0.6 * mouth.pass(breath) + 0.05 * breath) as f32
        })
        .collect()
}

/// Four chords, a second each, of plucked strings.
fn music(length: usize) -> Vec<f32> {
    const CHORDS: [[f64; 4]; 4] = [
        [130.8, 261.6, 329.6, 392.0],
        [110.0, 220.0, 261.6, 329.6],
        [87.3, 174.6, 220.0, 261.6],
        [98.0, 196.0, 246.9, 293.7],
    ];
    (0..length)
        .map(|n| {
            let second = n as f64 / f64::from(RATE);
            let chord = CHORDS[second as usize % CHORDS.len()];
            let sum: f64 = (0..4)
                .map(|note| {
                    let since = second.fract() - 0.12 * note as f64;
                    let at = chord[note] * TAU * since;
                    let string = at.sin() + 0.5 * (2.0 * at).sin() + 0.25 * (3.0 * at).sin();
                    if since < 0.0 {
                        0.0
                    } else {
                        string * (-since / 0.4).exp()
                    }
                })
                .sum();
            (0.2 * sum) as f32
        })
        .collect()
}

/// White noise, -1 to 1: the same each time (a linear congruential generator, Knuth's constants).
struct White(u64);

impl White {
    fn next(&mut self) -> f64 {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
    }
}

/// A resonance: two poles, of unit gain at its peak.
struct Band {
    gain: f64,
    along: f64,
    back: f64,
    before: [f64; 2],
}

impl Band {
    fn new(hertz: f64, width: f64) -> Self {
        let radius = (-std::f64::consts::PI * width / f64::from(RATE)).exp();
        let angle = TAU * hertz / f64::from(RATE);
        Self {
            gain: (1.0 - radius)
                * (1.0 + radius * radius - 2.0 * radius * (2.0 * angle).cos()).sqrt(),
            along: 2.0 * radius * angle.cos(),
            back: -radius * radius,
            before: [0.0; 2],
        }
    }

    fn pass(&mut self, sample: f64) -> f64 {
        let out = self.gain * sample + self.along * self.before[0] + self.back * self.before[1];
        self.before = [out, self.before[0]];
        out
    }
}
