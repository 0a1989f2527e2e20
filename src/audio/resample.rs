//! One rate into another, as a stream: device rate to [`EAR_RATE`](super::EAR_RATE), voice rate to device rate.
//!
//! Runs on the thread of whoever owns it (ear, player, a command), never in a callback. A windowed sinc filter does
//! it, because both rates may be anything: an FFT resampler of 44 101 Hz would need blocks of a whole second.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Indexing, Resampler as _, SincInterpolationParameters,
    SincInterpolationType, WindowFunction, calculate_cutoff,
};

/// Zero crossings of the filter, counted at the lower of the two rates: 4 ms of delay at 16 kHz, and flat up to
/// 92 % of the lower Nyquist frequency.
const FILTER_POINTS: usize = 128;

/// Squared Blackman: falls off fast, and keeps what is beyond the band more than 100 dB down.
const WINDOW: WindowFunction = WindowFunction::Blackman2;

/// The highest rate that is believed, in Hz; twice what the best sound cards do.
pub const MAX_RATE: u32 = 768_000;

/// A rate that no sound has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot convert from {from} Hz to {to} Hz: rates go from 1 to {MAX_RATE} Hz")]
pub struct RateError {
    /// The rate that came in, in Hz.
    pub from: u32,
    /// The rate that was asked for, in Hz.
    pub to: u32,
}

/// A streaming converter of mono samples between two fixed rates.
///
/// The filter's delay is taken out: sample `n` of the input lies at sample `n * to / from` of the output. Equal
/// rates pass through untouched.
pub struct Resampler {
    filter: Option<Filter>,
}

struct Filter {
    inner: Async<f32>,
    /// Output samples for each input sample.
    ratio: f64,
    /// Input that does not make a whole chunk yet.
    pending: Vec<f32>,
    /// Where the filter writes; as long as its largest chunk.
    scratch: Vec<f32>,
    /// Output samples still to drop, so that the filter's delay does not show.
    to_trim: usize,
    /// The whole of it.
    delay: usize,
    taken: u64,
    given: u64,
}

impl Resampler {
    /// A converter from `from` to `to`, both in Hz, 1 to [`MAX_RATE`].
    ///
    /// # Errors
    /// [`RateError`] when a rate is out of range.
    pub fn new(from: u32, to: u32) -> Result<Self, RateError> {
        let error = RateError { from, to };
        if !(1..=MAX_RATE).contains(&from) || !(1..=MAX_RATE).contains(&to) {
            return Err(error);
        }
        if from == to {
            return Ok(Self { filter: None });
        }
        let ratio = f64::from(to) / f64::from(from);
        // The filter works at the input's rate, so a falling rate needs it longer for the same steepness.
        let points = (FILTER_POINTS as f64 / ratio.min(1.0)).ceil() as usize;
        // rubato's filters are a multiple of 8 long.
        let points = points.next_multiple_of(8);
        let parameters = SincInterpolationParameters {
            sinc_len: points,
            f_cutoff: Some(calculate_cutoff(FILTER_POINTS, WINDOW)),
            oversampling_factor: 128,
            interpolation: SincInterpolationType::Quadratic,
            window: WINDOW,
        };
        // 5 ms at a time: small against the 32 ms that voice activity detection waits for.
        let chunk = (from as usize / 200).max(16);
        let inner = Async::new_sinc(ratio, 1.0, &parameters, chunk, 1, FixedAsync::Input)
            .map_err(|_| error)?;
        Ok(Self {
            filter: Some(Filter {
                ratio,
                pending: Vec::with_capacity(chunk * 2),
                scratch: vec![0.0; inner.output_frames_max()],
                to_trim: delay(points, ratio),
                delay: delay(points, ratio),
                taken: 0,
                given: 0,
                inner,
            }),
        })
    }

    /// Takes `samples` (any number) and appends to `out` what can be said so far.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        let Some(filter) = &mut self.filter else {
            out.extend_from_slice(samples);
            return;
        };
        filter.taken += samples.len() as u64;
        filter.pending.extend_from_slice(samples);
        let mut used = 0;
        while filter.pending.len() - used >= filter.inner.input_frames_next() {
            used += filter.chunk(used, None, u64::MAX, out);
        }
        filter.pending.drain(..used);
    }

    /// Appends what the filter still holds, so that the whole output is as long as the input, and begins anew.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        let Some(filter) = &mut self.filter else {
            return;
        };
        let total = (filter.taken as f64 * filter.ratio).round() as u64;
        let mut rest = Some(filter.pending.len());
        // Each round gives output, apart from those that fill the delay: bounded all the same.
        let rounds = 16 + filter.delay;
        for _ in 0..rounds {
            if filter.given >= total {
                break;
            }
            filter.chunk(0, rest, total, out);
            rest = Some(0);
        }
        filter.pending.clear();
        filter.inner.reset();
        filter.to_trim = filter.delay;
        filter.taken = 0;
        filter.given = 0;
    }
}

/// The filter's delay in output samples: half its length, less the step that it takes before its first output.
fn delay(points: usize, ratio: f64) -> usize {
    (points as f64 * ratio / 2.0 - 1.0).round() as usize
}

impl Filter {
    /// Converts one chunk that begins at `offset` of the pending input (`partial` samples of it, the rest silence),
    /// gives no sample beyond `limit`, and returns how many samples of input that took.
    fn chunk(
        &mut self,
        offset: usize,
        partial: Option<usize>,
        limit: u64,
        out: &mut Vec<f32>,
    ) -> usize {
        let indexing = Indexing {
            input_offset: offset,
            partial_len: partial,
            ..Indexing::new()
        };
        let frames = self.scratch.len();
        let (Ok(input), Ok(mut output)) = (
            InterleavedSlice::new(&self.pending, 1, self.pending.len()),
            InterleavedSlice::new_mut(&mut self.scratch, 1, frames),
        ) else {
            return self.pending.len() - offset;
        };
        // The sizes were checked above, so this cannot fail; if it did, the chunk is skipped.
        let (used, made) = self
            .inner
            .process_into_buffer(&input, &mut output, Some(&indexing))
            .unwrap_or((self.pending.len() - offset, 0));
        let trimmed = self.to_trim.min(made);
        self.to_trim -= trimmed;
        let wanted = usize::try_from(limit - self.given).unwrap_or(usize::MAX);
        let kept = (made - trimmed).min(wanted);
        out.extend_from_slice(&self.scratch[trimmed..trimmed + kept]);
        self.given += kept as u64;
        used
    }
}

/// Converts a whole recording.
///
/// # Errors
/// [`RateError`] when a rate is out of range.
pub fn resample(samples: &[f32], from: u32, to: u32) -> Result<Vec<f32>, RateError> {
    let mut resampler = Resampler::new(from, to)?;
    let ratio = f64::from(to) / f64::from(from);
    let mut out = Vec::with_capacity((samples.len() as f64 * ratio).ceil() as usize);
    resampler.push(samples, &mut out);
    resampler.finish(&mut out);
    Ok(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn tone(rate: u32, hertz: f64, seconds: f64) -> Vec<f32> {
        let step = TAU * hertz / f64::from(rate);
        (0..(f64::from(rate) * seconds) as usize)
            .map(|n| (0.5 * (step * n as f64).sin()) as f32)
            .collect()
    }

    /// Away from the edges, where the signal begins and ends abruptly.
    fn middle(samples: &[f32]) -> &[f32] {
        let edge = samples.len() / 8;
        &samples[edge..samples.len() - edge]
    }

    fn rms(samples: &[f32]) -> f64 {
        let energy: f64 = samples.iter().map(|s| f64::from(*s).powi(2)).sum();
        (energy / samples.len() as f64).sqrt()
    }

    fn decibels(ratio: f64) -> f64 {
        20.0 * ratio.max(1e-12).log10()
    }

    /// Fits a tone of `hertz` to the middle of `samples`: its level against the 0.5 of [`tone`], how many samples
    /// late it is, and the level of all that is not it, both levels in dB.
    fn fit(samples: &[f32], rate: u32, hertz: f64) -> (f64, f64, f64) {
        let step = TAU * hertz / f64::from(rate);
        let edge = samples.len() / 8;
        // Whole periods, or sine and cosine would not be independent.
        let length = ((samples.len() - 2 * edge) as f64 * step / TAU).floor() * TAU / step;
        let range = edge..edge + length as usize;
        let (mut along, mut across) = (0.0, 0.0);
        for n in range.clone() {
            let (sine, cosine) = (step * n as f64).sin_cos();
            along += f64::from(samples[n]) * sine * 2.0 / length;
            across += f64::from(samples[n]) * cosine * 2.0 / length;
        }
        let rest: Vec<f32> = range
            .map(|n| {
                let (sine, cosine) = (step * n as f64).sin_cos();
                samples[n] - (along * sine + across * cosine) as f32
            })
            .collect();
        let level = along.hypot(across);
        (
            decibels(level / 0.5),
            -across.atan2(along) / step,
            decibels(rms(&rest) / (level / 2f64.sqrt())),
        )
    }

    #[test]
    fn a_tone_keeps_place_pitch_and_level() {
        for (from, to) in [
            (48_000, 16_000),
            (44_100, 16_000),
            (8_000, 16_000),
            (96_000, 16_000),
            (384_000, 16_000),
            (11_025, 16_000),
            (22_050, 48_000),
            (22_050, 44_100),
            (16_000, 48_000),
            (44_101, 16_000),
        ] {
            for hertz in [100.0, 440.0, 3000.0] {
                let input = tone(from, hertz, 0.5);
                let out = resample(&input, from, to).unwrap();
                let length = input.len() as f64 * f64::from(to) / f64::from(from);
                let what = format!("{from} to {to}, {hertz} Hz");
                assert!(
                    (out.len() as f64 - length).abs() <= 1.0,
                    "{what}: {} samples",
                    out.len()
                );
                let (level, late, noise) = fit(&out, to, hertz);
                assert!(level.abs() < 0.05, "{what}: {level:.3} dB");
                assert!(late.abs() < 0.52, "{what}: {late:.2} samples late");
                assert!(noise < -60.0, "{what}: noise at {noise:.1} dB");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_gone() {
        for hertz in [8_100.0, 9_000.0, 12_000.0, 15_900.0, 20_000.0, 23_000.0] {
            let input = tone(48_000, hertz, 0.5);
            let out = resample(&input, 48_000, 16_000).unwrap();
            let level = decibels(rms(middle(&out)) / rms(&input));
            assert!(level < -60.0, "{hertz} Hz comes through at {level:.1} dB");
        }
    }

    #[test]
    fn going_up_makes_no_mirror_image() {
        let out = resample(&tone(16_000, 7_000.0, 0.5), 16_000, 48_000).unwrap();
        let (_, _, noise) = fit(&out, 48_000, 7_000.0);
        assert!(noise < -60.0, "noise at {noise:.1} dB");
    }

    #[test]
    fn equal_rates_pass_through() {
        let input = tone(16_000, 440.0, 0.1);
        assert_eq!(resample(&input, 16_000, 16_000).unwrap(), input);
    }

    #[test]
    fn the_cut_of_the_stream_does_not_matter() {
        let input = tone(44_100, 700.0, 0.3);
        let whole = resample(&input, 44_100, 16_000).unwrap();
        for size in [1, 7, 160, 441, 5000] {
            let mut resampler = Resampler::new(44_100, 16_000).unwrap();
            let mut out = Vec::new();
            for chunk in input.chunks(size) {
                resampler.push(chunk, &mut out);
            }
            resampler.finish(&mut out);
            assert_eq!(out, whole, "in chunks of {size}");
        }
    }

    #[test]
    fn the_delay_while_streaming_is_short() {
        let input = tone(48_000, 440.0, 1.0);
        let mut resampler = Resampler::new(48_000, 16_000).unwrap();
        let mut out = Vec::new();
        resampler.push(&input, &mut out);
        let behind = 16_000 - out.len();
        assert!(behind <= 160, "{behind} samples behind, more than 10 ms");
    }

    #[test]
    fn it_can_be_used_again_after_finishing() {
        let input = tone(48_000, 440.0, 0.1);
        let mut resampler = Resampler::new(48_000, 16_000).unwrap();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        resampler.push(&input, &mut first);
        resampler.finish(&mut first);
        resampler.push(&input, &mut second);
        resampler.finish(&mut second);
        assert_eq!(first, second);
    }

    #[test]
    fn nothing_in_is_nothing_out() {
        assert_eq!(resample(&[], 48_000, 16_000).unwrap(), Vec::<f32>::new());
        assert_eq!(resample(&[0.1; 3], 48_000, 16_000).unwrap().len(), 1);
    }

    #[test]
    fn impossible_rates_are_refused() {
        assert!(Resampler::new(0, 16_000).is_err());
        assert!(Resampler::new(16_000, 0).is_err());
        assert!(Resampler::new(4_000_000_000, 16_000).is_err());
    }
}
