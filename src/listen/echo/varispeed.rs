//! Sound a little faster or slower: keeps two clocks together that do not agree. Pure; runs on the `ear` thread.
//!
//! A fixed windowed sinc between samples. It is for corrections of parts in a thousand; rates are converted before.

use std::collections::VecDeque;
use std::f64::consts::PI;

/// Samples on each side that make one between them: flat up to 7 kHz at 16 kHz.
const REACH: usize = 16;
/// Places between two samples for which the filter is kept; between those it is interpolated.
const PLACES: usize = 128;
/// The largest correction, in parts per million; clocks of sound cards are within 200 of each other.
pub const LIMIT_PPM: f64 = 1_000.0;

/// Takes samples in, gives them out at a slightly other pace.
pub struct Varispeed {
    /// Samples around and ahead of the place that is read.
    held: VecDeque<f32>,
    /// How far the next output lies behind the sample at `REACH - 1`, 0 to 1.
    fraction: f64,
    /// Input samples for each output sample, less one.
    surplus: f64,
    table: Vec<[f32; 2 * REACH]>,
}

impl Varispeed {
    /// One that changes nothing yet.
    pub fn new() -> Self {
        Self {
            held: VecDeque::from(vec![0.0; REACH - 1]),
            fraction: 0.0,
            surplus: 0.0,
            table: (0..=PLACES)
                .map(|place| filter(place as f64 / PLACES as f64))
                .collect(),
        }
    }

    /// Reads faster (positive) or slower by so many parts per million, within [`LIMIT_PPM`].
    pub fn set_ppm(&mut self, ppm: f64) {
        self.surplus = ppm.clamp(-LIMIT_PPM, LIMIT_PPM) * 1e-6;
    }

    /// The correction, in parts per million.
    pub fn ppm(&self) -> f64 {
        self.surplus * 1e6
    }

    /// Takes more samples.
    pub fn push(&mut self, samples: &[f32]) {
        self.held.extend(samples);
    }

    /// Samples that can be given out now, about.
    pub fn ready(&self) -> usize {
        // One is kept because a correction may read a sample more.
        self.held.len().saturating_sub(2 * REACH)
    }

    /// Passes over so many input samples, or as many as there are.
    pub fn pass_over(&mut self, samples: usize) {
        let count = samples.min(self.ready());
        self.held.drain(..count);
    }

    /// The next sample; `None` when more must be pushed first.
    pub fn sample(&mut self) -> Option<f32> {
        if self.held.len() < 2 * REACH {
            return None;
        }
        let place = self.fraction * PLACES as f64;
        let below = (place as usize).min(PLACES - 1);
        let share = (place - below as f64) as f32;
        let (left, right) = (&self.table[below], &self.table[below + 1]);
        let sample = self
            .held
            .iter()
            .zip(left.iter().zip(right))
            .map(|(sample, (left, right))| sample * (left + share * (right - left)))
            .sum();
        self.fraction += 1.0 + self.surplus;
        let whole = self.fraction as usize;
        self.fraction -= whole as f64;
        self.held.drain(..whole.min(self.held.len()));
        Some(sample)
    }
}

/// The weights of the samples around a place `fraction` behind the middle one.
fn filter(fraction: f64) -> [f32; 2 * REACH] {
    let mut weights = [0.0; 2 * REACH];
    for (index, weight) in weights.iter_mut().enumerate() {
        let x = index as f64 - (REACH - 1) as f64 - fraction;
        let sinc = if x.abs() < 1e-9 {
            1.0
        } else {
            (PI * x).sin() / (PI * x)
        };
        // Hann over the reach.
        let window = 0.5 + 0.5 * (PI * x / REACH as f64).cos();
        *weight = if x.abs() < REACH as f64 {
            (sinc * window) as f32
        } else {
            0.0
        };
    }
    weights
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn run(varispeed: &mut Varispeed, input: &[f32]) -> Vec<f32> {
        varispeed.push(input);
        std::iter::from_fn(|| varispeed.sample()).collect()
    }

    fn tone(count: usize, step: f64) -> Vec<f32> {
        (0..count).map(|n| (n as f64 * step).sin() as f32).collect()
    }

    #[test]
    fn without_a_correction_nothing_changes() {
        let input = tone(1000, 0.3);
        let out = run(&mut Varispeed::new(), &input);
        assert!(out.len() >= 1000 - 2 * REACH);
        for (given, taken) in out.iter().zip(&input) {
            assert!((given - taken).abs() < 1e-6);
        }
    }

    #[test]
    fn a_correction_moves_the_place_and_keeps_the_sound() {
        for ppm in [100.0, -100.0, 700.0] {
            let step = 0.7;
            let mut varispeed = Varispeed::new();
            varispeed.set_ppm(ppm);
            let out = run(&mut varispeed, &tone(32_000, step));
            assert!((varispeed.ppm() - ppm).abs() < 1e-6);
            for (n, given) in out.iter().enumerate().skip(100) {
                let place = n as f64 * (1.0 + ppm * 1e-6);
                let wanted = (place * step).sin();
                assert!(
                    (f64::from(*given) - wanted).abs() < 0.01,
                    "{ppm} ppm, sample {n}: {given} in place of {wanted}"
                );
            }
        }
    }

    #[test]
    fn it_waits_for_input_and_skips() {
        let mut varispeed = Varispeed::new();
        assert_eq!(varispeed.sample(), None);
        let input: Vec<f32> = (0..200u8).map(f32::from).collect();
        varispeed.push(&input);
        assert!((varispeed.sample().unwrap() - 0.0).abs() < 1.0);
        varispeed.pass_over(100);
        assert!((varispeed.sample().unwrap() - 101.0).abs() < 2.0);
        varispeed.pass_over(1000);
        assert!(varispeed.ready() < 2);
    }
}
