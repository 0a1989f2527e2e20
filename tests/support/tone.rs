//! Tones: making them and finding them again.

use std::f64::consts::TAU;

/// `seconds` of a sine at `hertz` with amplitude `level`.
pub fn tone(rate: u32, hertz: f64, seconds: f64, level: f64) -> Vec<f32> {
    let step = TAU * hertz / f64::from(rate);
    (0..(f64::from(rate) * seconds) as usize)
        .map(|n| (level * (step * n as f64).sin()) as f32)
        .collect()
}

/// The amplitude of `hertz` in `samples` (correlation with sine and cosine).
pub fn amplitude_at(samples: &[f32], rate: u32, hertz: f64) -> f64 {
    let step = TAU * hertz / f64::from(rate);
    let (mut along, mut across) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let (sine, cosine) = (step * n as f64).sin_cos();
        along += f64::from(*sample) * sine;
        across += f64::from(*sample) * cosine;
    }
    2.0 * along.hypot(across) / samples.len().max(1) as f64
}

/// Root mean square.
pub fn rms(samples: &[f32]) -> f64 {
    let energy: f64 = samples
        .iter()
        .map(|sample| f64::from(*sample).powi(2))
        .sum();
    (energy / samples.len().max(1) as f64).sqrt()
}

/// From the first to the last sample that is louder than `threshold`.
pub fn sounding(samples: &[f32], threshold: f32) -> &[f32] {
    let loud = |sample: &f32| sample.abs() > threshold;
    match (
        samples.iter().position(loud),
        samples.iter().rposition(loud),
    ) {
        (Some(first), Some(last)) => &samples[first..=last],
        _ => &[],
    }
}
