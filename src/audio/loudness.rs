//! How loud what is played is, sample by sample. Pure, without allocation: the output callback runs it.

/// Falling from full loudness to nothing takes this long, in s: too slow to click, soon enough for somebody who speaks.
const DOWN: f32 = 0.015;

/// Rising from nothing to full loudness takes this long, in s: nobody is startled.
const UP: f32 = 0.150;

/// Above this a sample is bent rather than cut, in full scale.
const KNEE: f32 = 0.9;

/// A loudness on its way to where it is wanted.
#[derive(Debug, Clone)]
pub struct Loudness {
    level: f32,
    down: f32,
    up: f32,
}

impl Loudness {
    /// Full loudness, at `rate` Hz.
    pub fn new(rate: u32) -> Self {
        let rate = rate.max(1) as f32;
        Self {
            level: 1.0,
            down: 1.0 / (DOWN * rate),
            up: 1.0 / (UP * rate),
        }
    }

    /// The next sample as it sounds, with the loudness going towards `target` (a factor, 0 or more). Never beyond ±1.
    pub fn apply(&mut self, sample: f32, target: f32) -> f32 {
        let target = if target.is_finite() {
            target.max(0.0)
        } else {
            0.0
        };
        self.level += (target - self.level).clamp(-self.down, self.up);
        soft_limit(sample * self.level)
    }
}

/// Leaves quiet samples as they are and bends loud ones so that none reaches beyond ±1.
fn soft_limit(x: f32) -> f32 {
    let over = x.abs() - KNEE;
    if over.is_nan() {
        0.0
    } else if over <= 0.0 {
        x
    } else {
        (KNEE + (1.0 - KNEE) * (over / (1.0 - KNEE)).tanh()).copysign(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many samples the loudness has arrived.
    fn arrives(loudness: &mut Loudness, target: f32) -> usize {
        (1..100_000)
            .find(|_| (loudness.apply(0.5, target) - 0.5 * target).abs() < 1e-6)
            .unwrap_or(usize::MAX)
    }

    #[test]
    fn it_falls_fast_and_rises_slowly() {
        let mut loudness = Loudness::new(48_000);
        let down = arrives(&mut loudness, 0.25);
        assert!((500..=720).contains(&down), "{down}");
        let up = arrives(&mut loudness, 1.0);
        assert!((5_000..=7_200).contains(&up), "{up}");
        assert_eq!(arrives(&mut loudness, 1.0), 1);
    }

    #[test]
    fn full_loudness_changes_no_sample() {
        let mut loudness = Loudness::new(16_000);
        for sample in [0.0, 0.5, -0.9, 1e-6] {
            assert_eq!(loudness.apply(sample, 1.0), sample);
        }
    }

    #[test]
    fn nothing_reaches_beyond_full_scale() {
        let mut loudness = Loudness::new(16_000);
        for sample in [f32::NAN, f32::INFINITY, -40.0, 1.3, -0.95] {
            let heard = loudness.apply(sample, 1.5);
            assert!(heard.abs() <= 1.0, "{sample} becomes {heard}");
        }
        assert!(loudness.apply(0.5, f32::NAN).is_finite());
    }
}
