//! The linear part of the echo: a filter of half a second that learns the room, and leaves what people say alone.
//!
//! A partitioned-block Kalman filter in the frequency domain: for each part of the room's answer and each frequency it
//! knows how sure it is, so that it learns within a second where it knows nothing, and hardly moves while somebody
//! speaks. AEC3's own filter is a tenth as long, and slow when it is made longer; what this one leaves, AEC3 suppresses.
//! Pure; runs on the `ear` thread.

use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// Samples per block: 16 ms.
pub const SPAN: usize = 256;
const SIZE: usize = 2 * SPAN;
const BINS: usize = SPAN + 1;
/// Of a transform and back.
const SCALE: f32 = 1.0 / SIZE as f32;
/// Blocks that the filter is long: 512 ms, the longest delay and most of its reverberation.
pub const PARTS: usize = 32;
/// How unsure it is of a room that it does not know, as a power per frequency.
const UNKNOWN: f32 = 0.05;
/// So much of what it knows it may have to forget per block: rooms change, and clocks.
const FORGET: f32 = 0.004;
/// The microphone's noise, as a power per frequency; keeps the sums finite.
const QUIET: f32 = 1e-8 * SIZE as f32;
/// The share by which the level of what is not echo follows the newest block.
const FOLLOW: f32 = 0.2;

/// Of what is not explained at least this share is taken to be something else than echo.
const LEAST: f32 = 0.3;

type Spectrum = [Complex32; BINS];

/// The filter.
pub struct Linear {
    forward: Arc<dyn RealToComplex<f32>>,
    backward: Arc<dyn ComplexToReal<f32>>,
    /// Spectra of what was played, newest at `newest`, a ring.
    played: Vec<Spectrum>,
    newest: usize,
    before: [f32; SPAN],
    weights: Vec<Spectrum>,
    doubt: Vec<[f32; BINS]>,
    /// Power of what is not explained.
    rest: [f32; BINS],
    time: Vec<f32>,
}

impl Linear {
    /// One that knows nothing of the room.
    pub fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        Self {
            forward: planner.plan_fft_forward(SIZE),
            backward: planner.plan_fft_inverse(SIZE),
            played: vec![[Complex32::default(); BINS]; PARTS],
            newest: 0,
            before: [0.0; SPAN],
            weights: vec![[Complex32::default(); BINS]; PARTS],
            doubt: vec![[UNKNOWN; BINS]; PARTS],
            rest: [0.0; BINS],
            time: vec![0.0; SIZE],
        }
    }

    /// Takes the echo that it knows of out of `near`, and when it is to `learn`, does so from what is left. The power of
    /// what it took out.
    pub fn process(&mut self, near: &mut [f32; SPAN], far: &[f32; SPAN], learn: bool) -> f32 {
        self.newest = (self.newest + PARTS - 1) % PARTS;
        self.time[..SPAN].copy_from_slice(&self.before);
        self.time[SPAN..].copy_from_slice(far);
        self.before = *far;
        let newest = self.newest;
        let _ = self
            .forward
            .process(&mut self.time, &mut self.played[newest]);

        let mut echo = [Complex32::default(); BINS];
        for part in 0..PARTS {
            let played = &self.played[(newest + part) % PARTS];
            let weights = &self.weights[part];
            for bin in 0..BINS {
                echo[bin] += played[bin] * weights[bin];
            }
        }
        let _ = self.backward.process(&mut echo, &mut self.time);
        let mut taken = 0.0;
        for (sample, echo) in near.iter_mut().zip(&self.time[SPAN..]) {
            let echo = echo * SCALE;
            taken += echo * echo;
            *sample -= echo;
        }
        let taken = taken / SPAN as f32;
        if learn {
            self.learn(near);
        }
        taken
    }

    /// Learns from what it left.
    fn learn(&mut self, near: &[f32; SPAN]) {
        self.time[..SPAN].fill(0.0);
        self.time[SPAN..].copy_from_slice(near);
        let mut left = [Complex32::default(); BINS];
        let _ = self.forward.process(&mut self.time, &mut left);

        let newest = self.newest;
        let mut unsure = [0.0f32; BINS];
        for part in 0..PARTS {
            let played = &self.played[(newest + part) % PARTS];
            let doubt = &self.doubt[part];
            for bin in 0..BINS {
                unsure[bin] += doubt[bin] * played[bin].norm_sqr();
            }
        }
        let mut step = [0.0f32; BINS];
        for bin in 0..BINS {
            let power = left[bin].norm_sqr();
            self.rest[bin] += FOLLOW * (power - self.rest[bin]);
            let noise = (self.rest[bin] - 0.5 * unsure[bin]).max(LEAST * self.rest[bin]) + QUIET;
            step[bin] = 1.0 / (unsure[bin] + 2.0 * noise);
        }
        for part in 0..PARTS {
            let played = &self.played[(newest + part) % PARTS];
            let mut change = [Complex32::default(); BINS];
            for bin in 0..BINS {
                let doubt = self.doubt[part][bin];
                change[bin] = played[bin].conj() * left[bin] * (doubt * step[bin]);
            }
            // Only the first half of a part is filter; the rest is the circle closing. Half of the parts in turn: the
            // transforms are most of the cost.
            if (part + newest).is_multiple_of(2) {
                for (bin, change) in change.iter_mut().enumerate() {
                    *change += self.weights[part][bin];
                    self.weights[part][bin] = Complex32::default();
                }
                change[0].im = 0.0;
                change[BINS - 1].im = 0.0;
                let _ = self.backward.process(&mut change, &mut self.time);
                self.time[SPAN..].fill(0.0);
                self.time[..SPAN].iter_mut().for_each(|s| *s *= SCALE);
                let _ = self.forward.process(&mut self.time, &mut change);
            }
            for bin in 0..BINS {
                let weight = &mut self.weights[part][bin];
                *weight += change[bin];
                let doubt = &mut self.doubt[part][bin];
                let known = *doubt * played[bin].norm_sqr() * step[bin];
                *doubt = *doubt * (1.0 - 0.5 * known) + FORGET * weight.norm_sqr();
            }
        }
    }
}
