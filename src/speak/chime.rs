//! Short sounds: "I'm listening", "something failed", and that the microphone is closed or open. Made of sines when needed,
//! at the loudspeaker's own rate; no file. Pure.

use std::f32::consts::TAU;

/// What a chime says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chime {
    /// "I'm listening": two notes, a fourth up.
    Listening,
    /// "Something failed": two low notes, a minor third down.
    Failed,
    /// "The microphone is closed": two notes, an octave down.
    Muted,
    /// "The microphone may be open again": the same, up.
    Unmuted,
}

/// One struck note.
struct Note {
    /// When it is struck, in s.
    at: f32,
    /// In Hz.
    pitch: f32,
}

/// Each note rises within this, in s: soft, and without a click.
const ATTACK: f32 = 0.008;
/// Each note falls to 1/e within this, in s.
const DECAY: f32 = 0.07;
/// The last part of a chime is faded to nothing over this, in s.
const RELEASE: f32 = 0.02;
/// The highest sample of a chime: well below speech, which peaks near 1.
const PEAK: f32 = 0.25;

impl Chime {
    /// Its length in s.
    fn length(self) -> f32 {
        match self {
            Self::Listening => 0.28,
            Self::Failed => 0.45,
            Self::Muted | Self::Unmuted => 0.25,
        }
    }

    fn notes(self) -> [Note; 2] {
        match self {
            Self::Listening => [
                Note {
                    at: 0.0,
                    pitch: 659.26,
                },
                Note {
                    at: 0.09,
                    pitch: 880.0,
                },
            ],
            Self::Failed => [
                Note {
                    at: 0.0,
                    pitch: 311.13,
                },
                Note {
                    at: 0.16,
                    pitch: 261.63,
                },
            ],
            Self::Muted => [
                Note {
                    at: 0.0,
                    pitch: 783.99,
                },
                Note {
                    at: 0.1,
                    pitch: 392.0,
                },
            ],
            Self::Unmuted => [
                Note {
                    at: 0.0,
                    pitch: 392.0,
                },
                Note {
                    at: 0.1,
                    pitch: 783.99,
                },
            ],
        }
    }

    /// Its samples at `rate` Hz, mono, peaking at a quarter of full scale.
    pub fn samples(self, rate: u32) -> Vec<f32> {
        let rate = rate.max(1) as f32;
        let length = self.length();
        let mut samples: Vec<f32> = (0..(length * rate) as usize)
            .map(|i| {
                let t = i as f32 / rate;
                let fade = ((length - t) / RELEASE).min(1.0);
                fade * self.notes().iter().map(|note| note.at_time(t)).sum::<f32>()
            })
            .collect();
        let peak = samples.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
        if peak > 0.0 {
            samples.iter_mut().for_each(|x| *x *= PEAK / peak);
        }
        samples
    }
}

impl Note {
    /// The note's sample at `t` s: a fundamental and two quiet, faster fading partials, like a struck bar.
    fn at_time(&self, t: f32) -> f32 {
        let t = t - self.at;
        if t < 0.0 {
            return 0.0;
        }
        let rise = (t / ATTACK).min(1.0);
        let rise = rise * rise * (3.0 - 2.0 * rise);
        [(1.0, 1.0), (2.0, 0.25), (3.0, 0.08)]
            .iter()
            .map(|(multiple, loudness)| {
                loudness * (TAU * self.pitch * multiple * t).sin() * (-t * multiple / DECAY).exp()
            })
            .sum::<f32>()
            * rise
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Chime; 4] = [
        Chime::Listening,
        Chime::Failed,
        Chime::Muted,
        Chime::Unmuted,
    ];
    const RATES: [u32; 4] = [16_000, 22_050, 44_100, 48_000];

    #[test]
    fn has_the_stated_length_and_peak_at_every_rate() {
        for chime in ALL {
            for rate in RATES {
                let samples = chime.samples(rate);
                let seconds = samples.len() as f32 / rate as f32;
                assert!((seconds - chime.length()).abs() < 0.001, "{chime:?} {rate}");
                let peak = samples.iter().fold(0.0f32, |p, x| p.max(x.abs()));
                assert!((peak - PEAK).abs() < 1e-4, "{chime:?} {rate}: {peak}");
            }
        }
    }

    #[test]
    fn begins_and_ends_in_silence_and_never_jumps() {
        for chime in ALL {
            for rate in RATES {
                let samples = chime.samples(rate);
                assert!(samples[0].abs() < 1e-4);
                assert!(samples[samples.len() - 1].abs() < 2e-3);
                // The steepest a partial of 2.7 kHz can rise at a quarter of full scale, and no steeper.
                let steepest = PEAK * TAU * 900.0 * 3.0 / rate as f32;
                for pair in samples.windows(2) {
                    assert!((pair[1] - pair[0]).abs() < steepest, "{chime:?} {rate}");
                }
            }
        }
    }

    #[test]
    fn carries_no_direct_current() {
        for chime in ALL {
            let samples = chime.samples(48_000);
            let mean = samples.iter().sum::<f32>() / samples.len() as f32;
            assert!(mean.abs() < 2e-3, "{chime:?}: {mean}");
        }
    }

    /// How high it sounds on the whole, and by how many times higher at its end than at its beginning.
    fn melody(chime: Chime) -> (f32, f32) {
        let samples = chime.samples(48_000);
        let pitch = |samples: &[f32]| {
            let rises = samples.windows(2).filter(|p| p[0] < 0.0 && p[1] >= 0.0);
            rises.count() as f32 * 48_000.0 / samples.len() as f32
        };
        // Before the second note, and when the first has faded.
        let (first, last) = (&samples[..4_000], &samples[samples.len() - 4_000..]);
        (pitch(&samples), pitch(last) / pitch(first))
    }

    #[test]
    fn each_can_be_told_from_the_others() {
        let melodies = ALL.map(melody);
        eprintln!("{melodies:?}");
        let [listening, failed, muted, unmuted] = melodies;
        assert!(listening.0 > 1.8 * failed.0, "high, and low");
        assert!(muted.1 < 0.7 && unmuted.1 > 1.5, "down, and up");
        // One ends where the other begins, and rises or falls by more than those that say something else.
        assert!(muted.1 < 0.8 * failed.1 && unmuted.1 > 1.2 * listening.1);
    }

    #[test]
    fn a_rate_of_zero_is_no_panic() {
        assert!(Chime::Failed.samples(0).len() < 2);
    }
}
