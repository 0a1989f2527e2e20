//! Echo cancellation: hearken's own voice is taken out of what the microphone hears, so that it can listen while it
//! speaks, on ordinary loudspeakers.
//!
//! Runs on the `ear` thread. The reference is what the output callback really played ([`FarEnd`]). In this order:
//! the reference is laid beside the near end (`reference.rs`) and kept there (`drift.rs`); AEC3 takes the echo out and
//! suppresses what is left (`aec.rs`), which takes much of what people say with it; a longer linear filter takes the echo
//! out and leaves people alone (`linear.rs`). Two streams come out ([`Cleaned`]): the detector gets the suppressed one,
//! mixed with the linear one while somebody speaks (`nearness.rs`), then noise is suppressed and the gain controlled;
//! whisper gets the linear one, for it reads through an echo that is left and through noise, and not through gaps. As
//! many samples come out as went in, each at its own place.

mod aec;
mod cleaned;
mod drift;
pub(super) mod gate;
mod jump;
mod linear;
mod nearness;
mod reference;
mod settings;
mod varispeed;

use std::sync::Arc;

use sonora::config::{AdaptiveDigital, GainController2};
use sonora::{AudioProcessing, StreamConfig};
use sonora_ns::config::{NS_FRAME_SIZE, SuppressionLevel};
use sonora_ns::noise_suppressor::NoiseSuppressor;

use self::aec::{Aec, BLOCK};
pub use self::cleaned::Cleaned;
use self::drift::Drift;
use self::gate::{Residual, Standing};
use self::jump::Jump;
use self::linear::{Linear, PARTS, SPAN};
use self::nearness::Nearness;
use self::reference::{Filled, Reference, SILENCE};
pub use self::settings::EchoSettings;
use crate::audio::EAR_RATE;
use crate::audio::far_end::FarEnd;

/// Samples per frame of the stages behind the canceller: 10 ms.
const FRAME: usize = NS_FRAME_SIZE;
/// The room may answer so long after the loudspeaker fell silent, in spans (700 ms: 250 ms of delay and 400 ms of
/// reverberation).
const RINGING: u32 = 44;
/// When somebody speaks, what the linear filter leaves is given within 4 ms, and within 100 ms it is not; per sample.
const OPEN: f32 = 1.0 / 64.0;
const CLOSE: f32 = 1.0 / 1600.0;
/// What the suppressor let pass counts on for some blocks, falling by this factor.
const PASSED_HOLD: f32 = 0.75;
/// So long the loudspeaker may sound before the room is known, in spans (1.2 s), if the linear filter does not say sooner
/// that it is. Until then what is left of the echo may be anything, and nothing counts as speech. Who speaks longer is
/// heard, with the pre-roll.
const LEARNING: u32 = 75;
/// The linear filter is not believed before so much sound, in spans (0.8 s): a chime teaches it one tone, and what it
/// says of that is not true of a voice.
const BELIEVED: u32 = 50;
/// After a hole in the reference nothing is learned and nothing counts as speech for so many spans: as long as the linear
/// filter is (512 ms).
const BLIND: u32 = PARTS as u32;
/// While the room is being learned, this counts until so long after the last sound, in spans (240 ms): a chime is not to
/// drown what is said behind it.
const LEARNING_TAIL: u32 = 15;
/// Full scale as sonora counts it.
const FULL_SCALE: f32 = 32_768.0;
/// The share by which the measured levels follow the newest frame: a mean over half a second.
const MEAN: f32 = 0.02;

/// How things stand with the echo.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EchoReport {
    /// Whether there is a reference and cancellation is on.
    pub active: bool,
    /// How much quieter the microphone became while the loudspeaker sounded, in dB; `None` before it did. Somebody who
    /// speaks meanwhile lowers it.
    pub erle_db: Option<f32>,
    /// How long the sound takes from the loudspeaker's callback to the microphone, in ms.
    pub delay_ms: Option<f32>,
    /// What is left of the echo: root mean square, 0 to 1; 1 while the room is being learned.
    pub residual_level: f32,
    /// Whether the loudspeaker sounds, or the room may still answer it.
    pub far_active: bool,
}

/// Takes hearken's own voice out of what the microphone hears.
pub struct Canceller {
    settings: EchoSettings,
    aec: Option<Aec>,
    reference: Option<Reference>,
    drift: Drift,
    linear: Linear,
    jump: Jump,
    nearness: Nearness,
    /// The share of what the linear filter left in the suppressed stream; the rest is what the suppressor let pass.
    weight: f32,
    /// The last block of what the linear filter left, and the power that the suppressor let pass of late.
    left_before: [f32; BLOCK],
    passed: f32,
    noise: Option<NoiseSuppressor>,
    gain: Option<AudioProcessing>,
    /// Heard and not yet taken: less than a block, or waiting for the reference.
    near: Vec<f32>,
    /// Heard and not yet given to the canceller.
    backlog: usize,
    /// Behind the canceller and not yet a frame; what was heard at the same places.
    cleaned: Vec<f32>,
    heard: Vec<f32>,
    clear: Vec<f32>,
    /// Behind the frames, where the other stream is later.
    ahead: Vec<f32>,
    /// Samples of delay still to be left out of what is given, of each of the two streams.
    to_trim: usize,
    to_trim_clear: usize,
    /// The same for the canceller alone: the last block as it was heard.
    before: [f32; BLOCK],
    /// Blocks since the reference was last heard.
    silent_for: u32,
    /// Spans of sound from the loudspeaker until the room is known.
    learning: u32,
    /// Spans until a hole in the reference is forgotten.
    blind: u32,
    residual: Residual,
    /// Mean power while the far end sounds: heard, cleaned.
    power: (f32, f32),
    report: EchoReport,
    standing: Arc<Standing>,
}

impl Canceller {
    /// A canceller for a new stream of the microphone.
    pub fn new(settings: EchoSettings, far_end: Option<FarEnd>) -> Self {
        let mut canceller = Self {
            aec: None,
            reference: None,
            drift: Drift::new(),
            linear: Linear::new(),
            jump: Jump::default(),
            nearness: Nearness::new(),
            weight: 0.0,
            passed: 0.0,
            left_before: [0.0; BLOCK],
            noise: settings
                .noise_suppression
                .then(|| NoiseSuppressor::with_level(SuppressionLevel::K12dB)),
            gain: settings.gain_control.then(gain_control),
            near: Vec::new(),
            backlog: 0,
            cleaned: Vec::new(),
            heard: Vec::new(),
            clear: Vec::new(),
            ahead: Vec::new(),
            to_trim: settings.delay(),
            to_trim_clear: settings.cancellation_delay(),
            before: [0.0; BLOCK],
            silent_for: RINGING,
            learning: LEARNING,
            blind: 0,
            residual: Residual::new(),
            power: (0.0, 0.0),
            report: EchoReport::default(),
            standing: Arc::default(),
            settings,
        };
        canceller.set_far_end(far_end);
        canceller
    }

    /// Another loudspeaker plays, or none: what was learned of the room is forgotten.
    pub fn set_far_end(&mut self, far_end: Option<FarEnd>) {
        // A rate that no sound has: there is nothing to cancel.
        self.reference = far_end
            .filter(|_| self.settings.cancellation)
            .and_then(|far_end| Reference::new(far_end).ok());
        self.aec = self.reference.is_some().then(Aec::new);
        self.drift = Drift::new();
        self.learn();
        self.silent_for = RINGING;
        self.power = (0.0, 0.0);
        self.residual = Residual::new();
        self.report = EchoReport {
            active: self.reference.is_some(),
            residual_level: self.residual.level(),
            ..EchoReport::default()
        };
        self.standing.set(&self.report);
    }

    /// The room answers otherwise than before: everything about it is learned anew.
    fn learn(&mut self) {
        self.drift.moved();
        self.linear = Linear::new();
        self.jump = Jump::default();
        self.nearness = Nearness::new();
        self.learning = LEARNING;
        self.blind = 0;
    }

    /// The newest report.
    pub fn report(&self) -> EchoReport {
        self.report
    }

    /// Where the reports go, for other threads.
    pub fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    /// Whether a frame of this cleaned level (root mean square) may be somebody's speech.
    pub fn gate(&self, level: f32) -> bool {
        gate::passes(level, self.report.residual_level, self.report.far_active)
    }

    /// The microphone lost so many samples (at [`EAR_RATE`]) in front of those that come next.
    pub fn gap(&mut self, samples: usize) {
        if let Some(reference) = &mut self.reference {
            reference.skip(samples);
            // What the linear filter remembers of what was played lies elsewhere now.
            self.blind = BLIND;
        }
    }

    /// The microphone was away: where the reference lies beside what it hears is found anew. The room is the same.
    pub fn place_anew(&mut self) {
        if let Some(reference) = &mut self.reference {
            reference.place_anew();
            self.blind = BLIND;
        }
    }

    /// So many samples have been heard already behind those that come next: what was played last lies beside the last
    /// of them.
    pub fn set_backlog(&mut self, samples: usize) {
        self.backlog = samples;
    }

    /// Takes `samples` (mono, [`EAR_RATE`]) and appends to `out` what can be given so far: at most 30 ms less than was
    /// taken, 130 ms when the reference is late.
    pub fn process(&mut self, samples: &[f32], out: &mut Cleaned) {
        if self.settings == EchoSettings::OFF {
            out.suppressed.extend_from_slice(samples);
            out.linear.extend_from_slice(samples);
            return;
        }
        self.near.extend_from_slice(samples);
        if self.reference.as_ref().is_some_and(Reference::ended) {
            self.set_far_end(None);
        }
        if let Some(reference) = &mut self.reference
            && reference.take(self.near.len() + self.backlog)
        {
            tracing::debug!("the far end was lost and is placed anew");
            self.learn();
        }
        let mut used = 0;
        while self.near.len() - used >= SPAN {
            let waits = self.near.len() - used - SPAN;
            let late = |r: &Reference| r.ready() < SPAN && waits < r.patience();
            if self.reference.as_ref().is_some_and(late) {
                break;
            }
            let mut span = [0.0; SPAN];
            span.copy_from_slice(&self.near[used..used + SPAN]);
            used += SPAN;
            self.span(&span);
        }
        self.near.drain(..used);
        self.frames(out);
    }

    /// The stream is over: appends what is still held, so that as many samples come out as went in.
    pub fn finish(&mut self, out: &mut Cleaned) {
        let held = self.near.len() + self.cleaned.len();
        let owed = held + self.settings.delay() - self.to_trim;
        let before = out.suppressed.len();
        self.reference = None;
        while out.suppressed.len() - before < owed {
            self.process(&[0.0; FRAME], out);
        }
        out.truncate(before + owed);
    }

    /// One span through the canceller.
    fn span(&mut self, heard: &[f32; SPAN]) {
        let mut played = [0.0; SPAN];
        let mut left = *heard;
        let mut speaks = false;
        let was_silent = self.silent_for > RINGING;
        self.blind = self.blind.saturating_sub(1);
        match self.reference.as_mut().map(|r| r.fill(&mut played)) {
            None | Some(Filled::Whole) => {}
            Some(Filled::Hole) => {
                // Once for as long as it stays so.
                if self.blind == 0 {
                    tracing::debug!("the far end is late: a hole in the reference");
                }
                self.blind = BLIND;
            }
            Some(Filled::Moved) => {
                tracing::debug!("the far end was late and moved against the microphone");
                self.learn();
            }
        }
        if let Some(reference) = &mut self.reference {
            let sounds = played.iter().any(|sample| sample.abs() > SILENCE);
            self.learning = self.learning.saturating_sub(u32::from(sounds));
            self.silent_for = match sounds {
                true => 0,
                false => self.silent_for.saturating_add(1),
            };
            if let Some(ppm) = self.drift.observe(heard, &played) {
                tracing::debug!(ppm, "the two devices' clocks differ");
                reference.correct(ppm);
            }
            // While nothing sounds there is nothing to take out and nothing to learn.
            if self.silent_for <= RINGING {
                let sees = self.blind == 0;
                let taken = self.linear.process(&mut left, &played, sees);
                let power = level(&left).powi(2);
                // Where there is no echo, nobody is to be taken for one.
                let unheard = self.drift.unheard();
                let knows = sees && self.learning == 0 && self.nearness.knows();
                if !knows || unheard {
                    self.jump = Jump::default();
                } else if self.jump.observe(level(heard).powi(2), power) {
                    tracing::debug!(
                        "the echo is not where or not as loud as it was: the room is learned anew"
                    );
                    self.learn();
                    self.weight = 0.0;
                    left = *heard;
                }
                speaks = sees && self.nearness.observe(taken, power, self.passed) || unheard;
                tracing::trace!(
                    far = level(&played),
                    near = level(heard),
                    left = level(&left),
                    passed = self.passed.sqrt(),
                    speaks,
                    unheard,
                    nearness = ?self.nearness,
                    "echo"
                );
            }
        }
        for (index, (left, played)) in left
            .chunks_exact(BLOCK)
            .zip(played.chunks_exact(BLOCK))
            .enumerate()
        {
            let (mut block, mut far, mut raw) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
            block.copy_from_slice(left);
            far.copy_from_slice(played);
            raw.copy_from_slice(&heard[index * BLOCK..][..BLOCK]);
            self.block(raw, block, &far, was_silent && index == 0, speaks);
        }
    }

    /// One block through the suppressor.
    fn block(
        &mut self,
        heard: [f32; BLOCK],
        left: [f32; BLOCK],
        played: &[f32; BLOCK],
        first: bool,
        speaks: bool,
    ) {
        let mut cleaned = heard;
        let mut clear = heard;
        if let Some(aec) = &mut self.aec
            && self.silent_for <= RINGING
        {
            aec.process(&mut cleaned, played);
            self.passed = level(&cleaned).powi(2).max(PASSED_HOLD * self.passed);
            let target = f32::from(speaks);
            for (cleaned, left) in cleaned.iter_mut().zip(&self.left_before) {
                self.weight += (target - self.weight).clamp(-CLOSE, OPEN);
                *cleaned += self.weight * (left - *cleaned);
            }
            clear = self.left_before;
        }
        self.left_before = left;
        if self.settings.cancellation {
            if first || self.aec.is_none() || self.silent_for > RINGING {
                cleaned = self.before;
                clear = self.before;
            }
            self.heard.extend_from_slice(&self.before);
            self.before = heard;
        } else {
            self.heard.extend_from_slice(&heard);
        }
        self.cleaned.extend_from_slice(&cleaned);
        self.clear.extend_from_slice(&clear);
    }

    /// Whole frames through the stages behind the canceller.
    fn frames(&mut self, out: &mut Cleaned) {
        let mut used = 0;
        while self.cleaned.len() - used >= FRAME {
            let mut frame = [0.0; FRAME];
            frame.copy_from_slice(&self.cleaned[used..used + FRAME]);
            let heard = level(&self.heard[used..used + FRAME]);
            let trimmed = self.to_trim_clear.min(FRAME);
            self.to_trim_clear -= trimmed;
            let clear = &self.clear[used + trimmed..used + FRAME];
            self.ahead.extend_from_slice(clear);
            used += FRAME;
            if let Some(noise) = &mut self.noise {
                frame.iter_mut().for_each(|sample| *sample *= FULL_SCALE);
                noise.analyze(&frame);
                noise.process(&mut frame);
                frame.iter_mut().for_each(|sample| *sample /= FULL_SCALE);
            }
            if let Some(gain) = &mut self.gain {
                let before = frame;
                // Its sizes are right; if it failed all the same, the frame stays as it is.
                let _ = gain.process_capture_f32(&[&before], &mut [&mut frame]);
            }
            self.observe(heard, level(&frame));
            let trimmed = self.to_trim.min(FRAME);
            self.to_trim -= trimmed;
            out.suppressed.extend_from_slice(&frame[trimmed..]);
            out.linear.extend(self.ahead.drain(..FRAME - trimmed));
        }
        self.cleaned.drain(..used);
        self.clear.drain(..used);
        self.heard.drain(..used);
    }

    /// A frame was heard at one level and given at another.
    fn observe(&mut self, heard: f32, cleaned: f32) {
        self.report.far_active = self.reference.is_some() && self.silent_for <= RINGING;
        if self.report.far_active {
            self.residual.observe(cleaned);
            let (before, after) = &mut self.power;
            *before += MEAN * (heard * heard - *before);
            *after += MEAN * (cleaned * cleaned - *after);
            let ratio = *before / after.max(1e-12);
            self.report.erle_db = (ratio > 0.0).then(|| 10.0 * ratio.log10());
            self.report.delay_ms = self.aec.as_ref().map(Aec::delay_ms);
            if self.nearness.knows() && self.learning <= LEARNING - BELIEVED {
                self.learning = 0;
            }
            let learning = self.blind > 0 || self.learning > 0 && self.silent_for <= LEARNING_TAIL;
            // Of what the linear filter leaves there is as much in what is given as it has a share.
            let expected = self.weight * self.nearness.expected().sqrt();
            self.report.residual_level = match learning {
                true => 1.0,
                false => self.residual.level().max(expected),
            };
        }
        self.standing.set(&self.report);
    }
}

fn gain_control() -> AudioProcessing {
    let stream = StreamConfig::new(EAR_RATE, 1);
    AudioProcessing::builder()
        .config(sonora::Config {
            gain_controller2: Some(GainController2 {
                adaptive_digital: Some(AdaptiveDigital::default()),
                ..GainController2::default()
            }),
            ..sonora::Config::default()
        })
        .capture_config(stream)
        .render_config(stream)
        .build()
}

/// Root mean square.
fn level(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
