//! What is left of hearken's own voice must not count as somebody's speech: a gate by level in front of the voice
//! activity detector. The decision is pure; the atomics tell it, and whoever asks, how things stand.
//!
//! Runs on the `ear` thread; [`Standing`] is read from anywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::EchoReport;
use crate::listen::vad::{FRAME, SpeechDetector};
use crate::onnx::OnnxError;

/// A frame counts as speech when it is so much louder than what is left of the echo: 6 dB.
const ABOVE: f32 = 2.0;
/// Below this (-66 dB of full scale) nothing counts as speech while the far end sounds.
const FLOOR: f32 = 0.0005;
/// What is left of the echo is not believed to be louder than this (-26 dB of full scale).
const CEILING: f32 = 0.05;
/// The estimate follows a louder level by so much per 10 ms (3 dB a second): somebody who speaks must not be taken for
/// echo.
const RISE: f32 = 1.003_46;
/// And a fainter one by this share per 10 ms.
const FALL: f32 = 0.05;

/// What is left of the echo, as a level (root mean square, 0 to 1).
#[derive(Debug, Clone)]
pub struct Residual(f32);

impl Residual {
    /// Before anything was played.
    pub fn new() -> Self {
        Self(FLOOR)
    }

    /// A frame of 10 ms with this `level` was heard, cleaned, while the far end sounded.
    pub fn observe(&mut self, level: f32) {
        let next = if level > self.0 {
            level.min(self.0 * RISE)
        } else {
            self.0 + FALL * (level - self.0)
        };
        self.0 = next.clamp(FLOOR / ABOVE, CEILING);
    }

    /// The estimate.
    pub fn level(&self) -> f32 {
        self.0
    }
}

/// Whether a frame of this cleaned `level` may be somebody's speech, when `residual` is left of the echo of what sounds
/// (`far_active`).
pub fn passes(level: f32, residual: f32, far_active: bool) -> bool {
    !far_active || level > (residual * ABOVE).max(FLOOR)
}

/// How things stand with the echo, for other threads.
#[derive(Debug, Default)]
pub struct Standing {
    active: AtomicBool,
    far_active: AtomicBool,
    /// Bits of `f32`; NaN for "not known".
    erle_db: AtomicU32,
    delay_ms: AtomicU32,
    residual: AtomicU32,
}

impl Standing {
    pub(super) fn set(&self, report: &EchoReport) {
        let bits = |value: Option<f32>| value.unwrap_or(f32::NAN).to_bits();
        self.active.store(report.active, Ordering::Relaxed);
        self.far_active.store(report.far_active, Ordering::Relaxed);
        self.erle_db.store(bits(report.erle_db), Ordering::Relaxed);
        self.delay_ms
            .store(bits(report.delay_ms), Ordering::Relaxed);
        self.residual
            .store(report.residual_level.to_bits(), Ordering::Relaxed);
    }

    /// The newest report.
    pub fn report(&self) -> EchoReport {
        let known = |value: &AtomicU32| {
            let value = f32::from_bits(value.load(Ordering::Relaxed));
            (!value.is_nan()).then_some(value)
        };
        EchoReport {
            active: self.active.load(Ordering::Relaxed),
            erle_db: known(&self.erle_db),
            delay_ms: known(&self.delay_ms),
            residual_level: f32::from_bits(self.residual.load(Ordering::Relaxed)),
            far_active: self.far_active.load(Ordering::Relaxed),
        }
    }
}

/// A detector that does not take what is left of hearken's own voice for speech.
pub struct Gated {
    detector: Box<dyn SpeechDetector>,
    standing: Arc<Standing>,
}

impl Gated {
    /// `detector` behind a gate.
    pub fn new(detector: Box<dyn SpeechDetector>, standing: Arc<Standing>) -> Self {
        Self { detector, standing }
    }
}

impl SpeechDetector for Gated {
    fn probability(&mut self, frame: &[f32; FRAME]) -> Result<f32, OnnxError> {
        // Asked in any case: the detector remembers what it heard.
        let probability = self.detector.probability(frame)?;
        let report = self.standing.report();
        let level = (frame.iter().map(|s| s * s).sum::<f32>() / FRAME as f32).sqrt();
        let passes = passes(level, report.residual_level, report.far_active);
        Ok(if passes { probability } else { 0.0 })
    }

    fn reset(&mut self) {
        self.detector.reset();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn silence_of_the_far_end_lets_everything_through() {
        assert!(passes(0.0, 0.05, false));
        assert!(!passes(0.0, 0.0, true));
    }

    #[test]
    fn what_is_left_of_the_echo_does_not_pass_and_a_voice_does() {
        let mut residual = Residual::new();
        (0..500).for_each(|_| residual.observe(0.002));
        assert!((residual.level() - 0.002).abs() < 1e-4);
        assert!(!passes(0.003, residual.level(), true));
        assert!(passes(0.02, residual.level(), true));
        // Somebody speaks for two seconds: the gate stays open.
        for _ in 0..200 {
            residual.observe(0.02);
            assert!(passes(0.02, residual.level(), true));
        }
        (0..100).for_each(|_| residual.observe(0.001));
        assert!(residual.level() < 0.002, "{}", residual.level());
    }

    #[test]
    fn the_estimate_is_bounded() {
        let mut residual = Residual::new();
        (0..10_000).for_each(|_| residual.observe(1.0));
        assert_eq!(residual.level(), CEILING);
        (0..10_000).for_each(|_| residual.observe(0.0));
        assert!(residual.level() > 0.0);
        assert!(passes(CEILING * 3.0, CEILING, true));
    }

    #[test]
    fn a_report_arrives_as_it_was_sent() {
        let standing = Standing::default();
        let report = EchoReport {
            active: true,
            erle_db: Some(41.5),
            delay_ms: None,
            residual_level: 0.25,
            far_active: true,
        };
        standing.set(&report);
        assert_eq!(standing.report(), report);
    }

    struct Sure;

    impl SpeechDetector for Sure {
        fn probability(&mut self, _: &[f32; FRAME]) -> Result<f32, OnnxError> {
            Ok(0.9)
        }

        fn reset(&mut self) {}
    }

    #[test]
    fn the_gate_closes_in_front_of_the_detector() {
        let standing = Arc::new(Standing::default());
        let mut gated = Gated::new(Box::new(Sure), Arc::clone(&standing));
        assert_eq!(gated.probability(&[0.001; FRAME]).unwrap(), 0.9);
        standing.set(&EchoReport {
            active: true,
            residual_level: 0.01,
            far_active: true,
            ..EchoReport::default()
        });
        assert_eq!(gated.probability(&[0.001; FRAME]).unwrap(), 0.0);
        assert_eq!(gated.probability(&[0.1; FRAME]).unwrap(), 0.9);
    }
}
