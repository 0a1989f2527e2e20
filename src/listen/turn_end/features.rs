//! What Smart Turn looks at: whisper's log-mel spectrogram of the last 8 s. Pure.
//!
//! The model was trained on what `WhisperFeatureExtractor(chunk_length = 8)` of transformers makes with
//! `do_normalize = True`, after its publisher padded shorter sound in front: the padding is part of what is
//! normalised. `scripts/turn_features.py` writes the reference that the test compares with.

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

use crate::audio::EAR_RATE;

/// Samples that the model hears: 8 s.
pub const LONGEST: usize = 8 * EAR_RATE as usize;
/// Mel bands: those of whisper's smaller models.
pub const BANDS: usize = 80;
/// Spectra, 10 ms apart.
pub const SPECTRA: usize = LONGEST / HOP;

/// Samples of one transform: 25 ms.
const SIZE: usize = 400;
/// Samples from one transform to the next: 10 ms.
const HOP: usize = 160;
/// So much of the first transform lies before the sound: they are centred.
const BEFORE: usize = SIZE / 2;
/// So much of the last one lies behind it. whisper drops one more.
const BEHIND: usize = (SPECTRA - 1) * HOP + SIZE - BEFORE - LONGEST;
/// Keeps silence from being divided by nothing.
const LEAST_VARIANCE: f64 = 1e-7;
/// No power counts for less.
const FLOOR: f32 = 1e-10;
/// What is so many powers of ten below the loudest (80 dB) counts as being there.
const RANGE: f32 = 8.0;

/// Makes the spectrogram. Keeps its tables and buffers from one call to the next.
pub struct LogMel {
    transform: Arc<dyn RealToComplex<f32>>,
    /// Hann, periodic.
    window: Vec<f32>,
    bands: Vec<Band>,
    /// The sound, normalised, and its reflection at both ends.
    sound: Vec<f32>,
    frame: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    power: Vec<f32>,
    /// Band after band.
    made: Vec<f32>,
}

/// A triangular filter.
struct Band {
    /// The first bin that it lets through.
    first: usize,
    /// Of that bin and the ones after it.
    weights: Vec<f32>,
}

impl LogMel {
    pub fn new() -> Self {
        let transform = RealFftPlanner::new().plan_fft_forward(SIZE);
        let turn = TAU / SIZE as f64;
        let window = (0..SIZE).map(|i| (0.5 - 0.5 * (turn * i as f64).cos()) as f32);
        Self {
            window: window.collect(),
            bands: bands(),
            sound: vec![0.0; BEFORE + LONGEST + BEHIND],
            frame: transform.make_input_vec(),
            spectrum: transform.make_output_vec(),
            scratch: transform.make_scratch_vec(),
            power: vec![0.0; SIZE / 2 + 1],
            made: vec![0.0; BANDS * SPECTRA],
            transform,
        }
    }

    /// The spectrogram of the last 8 s of `samples` (mono, 16 kHz), of less with silence in front: [`BANDS`] rows of
    /// [`SPECTRA`] values, about -1 to 2.
    pub fn of(&mut self, samples: &[f32]) -> &[f32] {
        self.take(samples);
        let mut loudest = FLOOR.log10();
        for at in 0..SPECTRA {
            self.transform(at * HOP);
            for (band, row) in self.bands.iter().zip(self.made.chunks_exact_mut(SPECTRA)) {
                let power = &self.power[band.first..];
                let sum: f32 = power.iter().zip(&band.weights).map(|(p, w)| p * w).sum();
                row[at] = sum.max(FLOOR).log10();
                loudest = loudest.max(row[at]);
            }
        }
        for value in &mut self.made {
            *value = (value.max(loudest - RANGE) + 4.0) / 4.0;
        }
        &self.made
    }

    /// Lays the last 8 s out: mean 0, variance 1 with the silence in front, both ends reflected.
    fn take(&mut self, samples: &[f32]) {
        let samples = &samples[samples.len().saturating_sub(LONGEST)..];
        let count = LONGEST as f64;
        let mean = samples.iter().map(|&s| f64::from(s)).sum::<f64>() / count;
        let silent = (LONGEST - samples.len()) as f64 * mean * mean;
        let spread = samples.iter().map(|&s| (f64::from(s) - mean).powi(2));
        let variance = (spread.sum::<f64>() + silent) / count;
        let scale = 1.0 / (variance + LEAST_VARIANCE).sqrt();
        let normal = |s: f32| ((f64::from(s) - mean) * scale) as f32;
        let (silence, heard) =
            self.sound[BEFORE..BEFORE + LONGEST].split_at_mut(LONGEST - samples.len());
        silence.fill(normal(0.0));
        for (to, &from) in heard.iter_mut().zip(samples) {
            *to = normal(from);
        }
        let last = BEFORE + LONGEST - 1;
        for i in 1..=BEFORE {
            self.sound[BEFORE - i] = self.sound[BEFORE + i];
        }
        for i in 1..=BEHIND {
            self.sound[last + i] = self.sound[last - i];
        }
    }

    /// The power at each frequency of what begins at `from`.
    fn transform(&mut self, from: usize) {
        let sound = &self.sound[from..from + SIZE];
        for ((to, s), w) in self.frame.iter_mut().zip(sound).zip(&self.window) {
            *to = s * w;
        }
        let done = self.transform.process_with_scratch(
            &mut self.frame,
            &mut self.spectrum,
            &mut self.scratch,
        );
        debug_assert!(done.is_ok(), "the buffers have the transform's lengths");
        for (to, bin) in self.power.iter_mut().zip(&self.spectrum) {
            *to = bin.norm_sqr();
        }
    }
}

/// Slaney's filters from 0 to 8 kHz: triangles between points that are equally far apart in mel, each of area 1.
fn bands() -> Vec<Band> {
    let highest = mel(f64::from(EAR_RATE) / 2.0);
    let point = |i: usize| hertz(highest * i as f64 / (BANDS + 1) as f64);
    let bin = |i: usize| i as f64 * f64::from(EAR_RATE) / SIZE as f64;
    let band = |i: usize| {
        let (low, middle, high) = (point(i), point(i + 1), point(i + 2));
        let weight = |b: usize| {
            let (up, down) = (bin(b) - low, high - bin(b));
            let share = (up / (middle - low)).min(down / (high - middle));
            (share.max(0.0) * 2.0 / (high - low)) as f32
        };
        let bins = 0..=SIZE / 2;
        let first = bins.clone().find(|&b| bin(b) > low).unwrap_or_default();
        let weights = bins.skip(first).take_while(|&b| bin(b) < high).map(weight);
        Band {
            first,
            weights: weights.collect(),
        }
    };
    (0..BANDS).map(band).collect()
}

/// Slaney's mel scale: linear below 1 kHz (15 mel), logarithmic above, 27 mel for each factor of 6.4.
fn mel(hertz: f64) -> f64 {
    match hertz < 1000.0 {
        true => hertz * 3.0 / 200.0,
        false => 15.0 + (hertz / 1000.0).ln() * 27.0 / 6.4f64.ln(),
    }
}

/// The other way.
fn hertz(mel: f64) -> f64 {
    match mel < 15.0 {
        true => mel * 200.0 / 3.0,
        false => 1000.0 * ((mel - 15.0) * 6.4f64.ln() / 27.0).exp(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Made by scripts/turn_features.py.
    const REFERENCE: &str = include_str!("../../../tests/data/turn_features.txt");
    /// Of so many values one is in it.
    const EVERY: usize = 101;

    /// The sound of scripts/turn_features.py.
    fn sound(seconds: usize) -> Vec<f32> {
        let mut state = 1u32;
        let sample = |i: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = f64::from(state >> 8) / f64::from(1 << 23) - 1.0;
            let t = i as f64 / f64::from(EAR_RATE);
            let low = (TAU * (150.0 + 40.0 * t) * t).sin();
            let high = (TAU * (3000.0 - 100.0 * t) * t).sin();
            let swell = 0.5 + 0.5 * (TAU * 1.3 * t).sin();
            (swell * (0.3 * low + 0.1 * high) + 0.01 * noise) as f32
        };
        (0..seconds * EAR_RATE as usize).map(sample).collect()
    }

    /// The values below the line `# {seconds} s`.
    fn reference(seconds: usize) -> Vec<f32> {
        let head = format!("# {seconds} s");
        let below = REFERENCE.lines().skip_while(|l| *l != head).skip(1);
        let values = below.take_while(|l| !l.starts_with('#'));
        let values = values.flat_map(str::split_whitespace);
        values.map(|v| v.parse().unwrap()).collect()
    }

    #[test]
    fn the_features_are_those_that_the_model_was_trained_on() {
        let mut log_mel = LogMel::new();
        // The longer one first: nothing of it may be left in the shorter one.
        for seconds in [11, 3] {
            let reference = reference(seconds);
            let made = log_mel.of(&sound(seconds));
            assert_eq!(reference.len(), made.len().div_ceil(EVERY));
            let apart = made.iter().step_by(EVERY).zip(&reference);
            let most = apart.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            println!("{seconds} s: the largest difference is {most:.1e}");
            assert!(most < 1e-3, "{seconds} s: {most}");
        }
    }

    #[test]
    fn only_the_last_8_s_count_and_silence_is_finite() {
        let mut log_mel = LogMel::new();
        let long = sound(9);
        let whole = log_mel.of(&long).to_vec();
        assert_eq!(whole, log_mel.of(&long[long.len() - LONGEST..]));
        let silence = log_mel.of(&[]).to_vec();
        assert_eq!(silence, vec![-1.5; BANDS * SPECTRA]);
        assert_eq!(silence, log_mel.of(&vec![0.0; 2 * LONGEST]));
    }

    #[test]
    fn the_level_does_not_matter() {
        let mut log_mel = LogMel::new();
        let loud = log_mel.of(&sound(3)).to_vec();
        let faint: Vec<f32> = sound(3).iter().map(|s| s / 8.0).collect();
        let apart = loud.iter().zip(log_mel.of(&faint));
        assert!(apart.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 1e-3);
    }
}
