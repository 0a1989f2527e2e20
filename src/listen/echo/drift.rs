//! Two devices, two clocks: how fast the echo wanders against the reference. Pure; runs on the `ear` thread.
//!
//! Twice a second the place of the echo is measured to a fraction of a sample, by correlating what was heard with what
//! was played, all frequencies alike (GCC-PHAT). A line through the places says how fast it wanders.

use std::collections::VecDeque;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// Samples heard per measurement: half a second.
const WINDOW: usize = 8_192;
/// The longest delay that is looked for, in samples: 350 ms.
const LONGEST: usize = 5_600;
const SIZE: usize = 16_384;
/// Only these bins count: 100 Hz to 7 kHz.
const BINS: std::ops::Range<usize> = 102..7_168;
/// A peak this high above the mean square is an echo, not chance.
const CLEAR: f32 = 12.0;
/// Where what is heard is fainter than this share of what is played (-26 dB), there may be no echo at all. Somebody who
/// speaks only hides one.
const FAINT: f32 = 0.05;
/// After so many such windows without an echo there is none: 2 s.
const UNHEARD: u32 = 4;
/// Places that make a line: 3 s.
const PLACES: usize = 6;
/// A place that is further from the last one is another path, not the clocks, in samples.
const LEAP: f64 = 4.0;
/// No two clocks differ by more, in parts per million.
const BELIEVED: f64 = 600.0;
/// Differences below this are not corrected, in parts per million.
const FINE: f64 = 3.0;

/// Follows the place of the echo.
pub struct Drift {
    far: VecDeque<f32>,
    near: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    backward: Arc<dyn ComplexToReal<f32>>,
    scratch: Vec<f32>,
    heard: Vec<Complex<f32>>,
    played: Vec<Complex<f32>>,
    /// Number of the window and place of the echo in it, in samples.
    places: Vec<(f64, f64)>,
    windows: u64,
    /// Windows in a row in which something was played and no echo of it found.
    unheard: u32,
}

impl Drift {
    /// One that has measured nothing.
    pub fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(SIZE);
        Self {
            far: VecDeque::from(vec![0.0; LONGEST]),
            near: Vec::with_capacity(WINDOW),
            scratch: vec![0.0; SIZE],
            heard: forward.make_output_vec(),
            played: forward.make_output_vec(),
            backward: planner.plan_fft_inverse(SIZE),
            forward,
            places: Vec::new(),
            windows: 0,
            unheard: 0,
        }
    }

    /// Whether what is played is not heard at all: headphones.
    pub fn unheard(&self) -> bool {
        self.unheard >= UNHEARD
    }

    /// The two moved against each other: places from before mean nothing.
    pub fn moved(&mut self) {
        self.places.clear();
    }

    /// What was heard and, beside it, what was played (equally many, less than a window). How many parts per million the
    /// reference must be read slower (negative) or faster for the echo to stay where it is, when that is known.
    pub fn observe(&mut self, near: &[f32], far: &[f32]) -> Option<f64> {
        self.near.extend_from_slice(near);
        self.far.extend(far);
        if self.near.len() < WINDOW {
            return None;
        }
        let place = self.place();
        self.near.clear();
        self.far.drain(..self.far.len() - LONGEST);
        self.windows += 1;
        let place = place?;
        if self
            .places
            .last()
            .is_some_and(|(_, last)| (last - place).abs() > LEAP)
        {
            self.places.clear();
        }
        self.places.push((self.windows as f64, place));
        if self.places.len() < PLACES {
            return None;
        }
        let per_window = slope(&self.places);
        self.places.clear();
        let ppm = -per_window / WINDOW as f64 * 1e6;
        (FINE..=BELIEVED).contains(&ppm.abs()).then_some(ppm)
    }

    /// Where the echo lies in this window, in samples after the reference.
    fn place(&mut self) -> Option<f64> {
        let played = self.far.iter().copied().take(LONGEST + WINDOW);
        self.scratch.fill(0.0);
        for (out, sample) in self.scratch.iter_mut().zip(played) {
            *out = sample;
        }
        if self.scratch.iter().all(|sample| sample.abs() < 1e-4) {
            return None;
        }
        self.forward
            .process(&mut self.scratch, &mut self.played)
            .ok()?;
        self.scratch.fill(0.0);
        self.scratch[LONGEST..LONGEST + WINDOW].copy_from_slice(&self.near[..WINDOW]);
        self.forward
            .process(&mut self.scratch, &mut self.heard)
            .ok()?;
        for (bin, (heard, played)) in self.heard.iter_mut().zip(&self.played).enumerate() {
            let cross = *heard * played.conj();
            let size = cross.norm();
            *heard = if BINS.contains(&bin) && size > 1e-9 {
                cross / size
            } else {
                Complex::default()
            };
        }
        self.backward
            .process(&mut self.heard, &mut self.scratch)
            .ok()?;
        let lags = &self.scratch[..LONGEST];
        let (peak, height) = lags
            .iter()
            .enumerate()
            .fold((0, 0.0f32), |best, (lag, value)| {
                if *value > best.1 { (lag, *value) } else { best }
            });
        let mean = lags.iter().map(|v| v * v).sum::<f32>() / LONGEST as f32;
        if peak == 0 || peak + 1 >= LONGEST || height * height < CLEAR * CLEAR * mean {
            let played = level(self.far.iter().skip(LONGEST).take(WINDOW));
            if level(self.near.iter()) < FAINT * played {
                self.unheard = self.unheard.saturating_add(1);
            }
            return None;
        }
        self.unheard = 0;
        let [left, right] = [lags[peak - 1], lags[peak + 1]].map(f64::from);
        let middle = f64::from(height);
        // The top of the parabola through the three.
        let bend = left - 2.0 * middle + right;
        let shift = if bend < 0.0 {
            0.5 * (left - right) / bend
        } else {
            0.0
        };
        Some(peak as f64 + shift)
    }
}

/// Root mean square.
fn level<'a>(samples: impl Iterator<Item = &'a f32>) -> f32 {
    let (count, sum) = samples.fold((0u32, 0.0f32), |(n, sum), s| (n + 1, sum + s * s));
    (sum / count.max(1) as f32).sqrt()
}

/// The slope of the line that lies closest to the points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len().max(1) as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).sum::<f64>() / count;
    let (x0, y0) = (mean(|p| p.0), mean(|p| p.1));
    let along: f64 = points.iter().map(|(x, y)| (x - x0) * (y - y0)).sum();
    let spread: f64 = points.iter().map(|(x, _)| (x - x0).powi(2)).sum();
    if spread > 0.0 { along / spread } else { 0.0 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::varispeed::Varispeed;
    use super::*;

    fn noise(count: usize) -> Vec<f32> {
        let mut state = 5u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        };
        (0..count).map(|_| next()).collect()
    }

    /// What is found when the echo comes 700 samples late by a clock that differs by so much.
    fn found(ppm: f64) -> Vec<f64> {
        let far = noise(10 * 16_000);
        let mut clock = Varispeed::new();
        clock.set_ppm(ppm);
        clock.push(&far);
        let mut near = vec![0.0; 700];
        near.extend(std::iter::from_fn(|| clock.sample()));
        let mut drift = Drift::new();
        near.chunks_exact(64)
            .zip(far.chunks_exact(64))
            .filter_map(|(near, far)| drift.observe(near, far))
            .collect()
    }

    #[test]
    fn clocks_that_differ_are_found() {
        for ppm in [100.0, -100.0, 300.0, 15.0] {
            let found = found(ppm);
            assert!(!found.is_empty());
            for value in found {
                assert!((value - ppm).abs() < 4.0, "{value} in place of {ppm}");
            }
        }
    }

    #[test]
    fn clocks_that_agree_are_left_alone() {
        assert!(found(0.0).is_empty());
    }

    #[test]
    fn without_an_echo_nothing_is_found() {
        let (far, near) = (noise(64_000), vec![0.001; 64_000]);
        let mut drift = Drift::new();
        let found = near
            .chunks_exact(64)
            .zip(far.chunks_exact(64))
            .filter_map(|(near, far)| drift.observe(near, far));
        assert_eq!(found.count(), 0);
        assert!(drift.unheard());
    }
}
