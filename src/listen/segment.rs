//! Samples to utterances, without a thread or a microphone: detector, endpoint and pre-roll put together.
//!
//! The ear feeds it from the microphone; `hearken transcribe` feeds it a whole recording.

mod pause;

use std::collections::VecDeque;
use std::time::Instant;

use super::acoustic_end::acoustic_end;
use super::endpoint::{Endpoint, EndpointSettings, Endpointer};
use super::patience::Pace;
use super::turn_end::TurnEndDetector;
use super::vad::{FRAME, FRAME_MS, SpeechDetector};
use super::wake::WakeDetector;
use super::{Heard, Partial, Utterance};
use crate::onnx::OnnxError;
use pause::Pausing;

/// While eager, so many frames of speech begin an utterance: two, which leaves 36 of the 100 ms in which hearken lowers its
/// voice to the microphone and the canceller.
const EAGER_ONSET: u32 = 2;
/// While eager, so many frames before them belong to it: 192 ms. What is left there of hearken's own voice becomes words: of ten
/// "Stop!" over a reply three were read as "I'd stop" or "I can stop" with 500 ms before them.
const EAGER_PRE_ROLL: u32 = 6;
/// While eager, what has been said so far is told every so many frames: about 100 ms.
const PARTIAL_EVERY: u64 = 3;

/// While keen, what has been said so far is told every so many frames of speech: 1.3 s, in which whisper reads it and the
/// language model what is new of it.
const KEEN_PARTIAL_EVERY: u32 = 40;

/// A wake word counts for an utterance that begins so many samples after it at most: 1 s.
const RECENT: u64 = crate::audio::EAR_RATE as u64;

/// Cuts sound into utterances.
pub struct Segmenter {
    detector: Box<dyn SpeechDetector>,
    endpointer: Endpointer,
    /// Samples that do not fill a frame yet: for the detector, and for whoever gets the utterance.
    partial: Vec<f32>,
    partial_kept: Vec<f32>,
    /// Frames heard so far: the index of the next one.
    frames: u64,
    /// Everything that may still belong to an utterance, up to the last whole frame; the pre-roll when nobody speaks.
    held: VecDeque<f32>,
    /// First frame of the utterance that is being spoken.
    speaking_from: u64,
    /// So many frames before the newest may become part of an utterance.
    lead_in: u64,
    level: f32,
    eager: bool,
    /// Hears what the detector takes for speech.
    wake: Option<Box<dyn WakeDetector>>,
    /// Where the wake word was last heard, as a sample index.
    woken_at: Option<u64>,
    /// Tells pauses; nobody is asked about them otherwise.
    pauses: bool,
    keen: bool,
    turn_end: Option<Box<dyn TurnEndDetector>>,
    hangover_ms: u32,
    pace: Pace,
    /// The pause that is going on.
    pause: Option<Pausing>,
    /// The number of the next pause.
    next_pause: u64,
    /// The last frame of speech of the utterance that ended last.
    spoken_until: Option<u64>,
}

impl Segmenter {
    /// A segmenter that has heard nothing.
    pub fn new(detector: Box<dyn SpeechDetector>, settings: &EndpointSettings) -> Self {
        let lead_in_ms = settings.pre_roll_ms + settings.onset_ms;
        Self {
            detector,
            endpointer: Endpointer::new(settings),
            partial: Vec::with_capacity(FRAME),
            partial_kept: Vec::with_capacity(FRAME),
            frames: 0,
            held: VecDeque::new(),
            speaking_from: 0,
            lead_in: u64::from(lead_in_ms.div_ceil(super::vad::FRAME_MS)) + 2,
            level: 0.0,
            eager: false,
            wake: None,
            woken_at: None,
            pauses: false,
            keen: false,
            turn_end: None,
            hangover_ms: settings.hangover_ms,
            pace: Pace::default(),
            pause: None,
            next_pause: 1,
            spoken_until: None,
        }
    }

    /// Tells pauses from now on: [`Heard::Paused`], [`Heard::Resumed`].
    pub fn telling_pauses(mut self) -> Self {
        self.pauses = true;
        self
    }

    /// Asks `turn_end` in each pause whether the speaker has finished; without one, silence alone tells.
    pub fn with_turn_end(mut self, turn_end: Option<Box<dyn TurnEndDetector>>) -> Self {
        self.turn_end = turn_end;
        self
    }

    /// While keen (what is said is probably for hearken), pauses are told sooner.
    pub fn set_keen(&mut self, keen: bool) {
        self.keen = keen;
    }

    /// Says of each utterance whether `wake` heard its word in it, or just before.
    pub fn with_wake(mut self, wake: Option<Box<dyn WakeDetector>>) -> Self {
        self.wake = wake;
        self
    }

    /// While eager (hearken speaks and may be interrupted), a beginning is told sooner, and what has been said so far
    /// again and again.
    pub fn set_eager(&mut self, eager: bool) {
        if self.eager != eager {
            self.eager = eager;
            let beginning = (EAGER_ONSET, EAGER_PRE_ROLL);
            self.endpointer.set_eager(eager.then_some(beginning));
        }
    }

    /// Whether nobody speaks or has just begun to.
    pub fn is_idle(&self) -> bool {
        self.endpointer.is_idle()
    }

    /// Root mean square of the last frame, 0 to 1.
    pub fn level(&self) -> f32 {
        self.level
    }

    /// The next samples (mono, 16 kHz, any number). What they bring about is appended to `out`, in order.
    ///
    /// # Errors
    /// When the detector cannot be run.
    pub fn hear(&mut self, samples: &[f32], out: &mut Vec<Heard>) -> Result<(), OnnxError> {
        self.hear_both(samples, samples, out)
    }

    /// As [`Segmenter::hear`], of a sound that there is twice, sample beside sample: the detector judges `detected`, and
    /// utterances are made of what is `kept`.
    ///
    /// # Errors
    /// As [`Segmenter::hear`].
    pub fn hear_both(
        &mut self,
        detected: &[f32],
        kept: &[f32],
        out: &mut Vec<Heard>,
    ) -> Result<(), OnnxError> {
        let (mut detected, mut kept) = (detected, &kept[..detected.len().min(kept.len())]);
        while !detected.is_empty() {
            let count = detected.len().min(FRAME - self.partial.len());
            self.partial.extend_from_slice(&detected[..count]);
            self.partial_kept.extend_from_slice(&kept[..count]);
            (detected, kept) = (&detected[count..], &kept[count..]);
            if self.partial.len() == FRAME {
                self.filled(out)?;
            }
        }
        Ok(())
    }

    /// A frame is full, or is filled up with silence.
    fn filled(&mut self, out: &mut Vec<Heard>) -> Result<(), OnnxError> {
        let (mut frame, mut kept) = ([0.0; FRAME], [0.0; FRAME]);
        frame[..self.partial.len()].copy_from_slice(&self.partial);
        kept[..self.partial_kept.len()].copy_from_slice(&self.partial_kept);
        self.partial.clear();
        self.partial_kept.clear();
        self.frame(&frame, &kept, out)
    }

    /// The recording is over: what is being said ends here.
    ///
    /// # Errors
    /// As [`Segmenter::hear`].
    pub fn finish(&mut self, out: &mut Vec<Heard>) -> Result<(), OnnxError> {
        if !self.partial.is_empty() {
            self.filled(out)?;
        }
        let ended = self.endpointer.finish(self.frames.saturating_sub(1));
        self.tell(ended, out);
        Ok(())
    }

    /// Passes over samples that nobody is to hear (hearken's own voice): they count, and nothing else. What was being
    /// said is dismissed, and the pre-roll begins anew behind them.
    pub fn skip(&mut self, samples: &[f32], out: &mut Vec<Heard>) {
        let pending = self.partial.len() + samples.len();
        self.frames += (pending / FRAME) as u64;
        self.partial.clear();
        self.partial.resize(pending % FRAME, 0.0);
        self.partial_kept.clear();
        self.partial_kept.resize(pending % FRAME, 0.0);
        self.held.clear();
        self.woken_at = None;
        self.detector.reset();
        self.level = level(samples);
        let dismissed = self.endpointer.forget(self.frames);
        self.tell(dismissed, out);
        (self.pause, self.spoken_until) = (None, None);
    }

    fn frame(
        &mut self,
        frame: &[f32; FRAME],
        kept: &[f32; FRAME],
        out: &mut Vec<Heard>,
    ) -> Result<(), OnnxError> {
        let probability = self.detector.probability(frame)?;
        self.level = level(frame);
        let index = self.frames;
        self.frames += 1;
        self.held.extend(kept);
        if self.endpointer.is_speaking() {
            self.listen_for_wake(kept)?;
        }
        for event in self.endpointer.hear(index, probability, self.level) {
            self.tell(event, out);
            if let Some(Endpoint::Started { from, .. }) = event {
                self.begin_to_listen_for_wake(from)?;
            }
        }
        self.pausing(index, out);
        out.extend(self.partial_of(index).map(Heard::Partial));
        let keep_from = if self.endpointer.is_speaking() {
            self.speaking_from
        } else {
            self.frames.saturating_sub(self.lead_in)
        };
        let first = self.first_held();
        let surplus = keep_from.saturating_sub(first).saturating_mul(FRAME as u64);
        let surplus = usize::try_from(surplus).unwrap_or(usize::MAX);
        self.held.drain(..surplus.min(self.held.len()));
        Ok(())
    }

    /// All of what is being said, and the pre-roll.
    fn said_so_far(&self) -> Vec<f32> {
        let before = self.speaking_from.saturating_sub(self.first_held());
        let begin = usize::try_from(before).unwrap_or(usize::MAX);
        let begin = begin.saturating_mul(FRAME).min(self.held.len());
        self.held.range(begin..).copied().collect()
    }

    /// Somebody began to speak at frame `from`: the wake model hears it from there.
    fn begin_to_listen_for_wake(&mut self, from: u64) -> Result<(), OnnxError> {
        let Some(wake) = &mut self.wake else {
            return Ok(());
        };
        wake.reset();
        let before = from.saturating_sub(self.frames - (self.held.len() / FRAME) as u64);
        let begin = usize::try_from(before).unwrap_or(usize::MAX);
        let begin = begin.saturating_mul(FRAME).min(self.held.len());
        let said: Vec<f32> = self.held.range(begin..).copied().collect();
        self.listen_for_wake(&said)
    }

    fn listen_for_wake(&mut self, samples: &[f32]) -> Result<(), OnnxError> {
        if let Some(wake) = &mut self.wake
            && wake.hear(samples)?.is_some()
        {
            self.woken_at = Some(self.frames * FRAME as u64);
        }
        Ok(())
    }

    /// What has been said up to frame `index`, when it is time to tell.
    fn partial_of(&self, index: u64) -> Option<Partial> {
        let (voiced, silent) = self.endpointer.progress(index)?;
        let due = match self.eager {
            true => index.is_multiple_of(PARTIAL_EVERY),
            false => {
                let due = voiced > 0 && voiced.is_multiple_of(KEEN_PARTIAL_EVERY);
                self.keen && silent == 0 && due
            }
        };
        // What is too short to be speech is dismissed at its end, and nobody's words before.
        if !due || (silent > 0 && !self.endpointer.is_speech(voiced)) {
            return None;
        }
        Some(Partial {
            samples: self.said_so_far(),
            voiced_ms: voiced * FRAME_MS,
            silent_ms: silent * FRAME_MS,
        })
    }

    /// The frame that `held` begins with.
    fn first_held(&self) -> u64 {
        self.frames - (self.held.len() / FRAME) as u64
    }

    fn tell(&mut self, event: Option<Endpoint>, out: &mut Vec<Heard>) {
        match event {
            None => {}
            Some(Endpoint::Started { at, from }) => {
                self.speaking_from = from;
                self.note_pace(at);
                let at = at * FRAME as u64;
                let lasted = (self.frames * FRAME as u64).saturating_sub(at);
                out.push(Heard::SpeechStarted { at, lasted });
            }
            Some(Endpoint::Dismissed) => out.push(Heard::SpeechDismissed),
            Some(Endpoint::Ended {
                from,
                speech_end,
                endpoint,
                cut,
            }) => {
                self.spoken_until = Some(speech_end).filter(|_| !cut);
                if cut {
                    // What follows has pauses of its own.
                    self.pause = None;
                }
                out.push(Heard::Utterance(
                    self.utterance(from, speech_end, endpoint, cut),
                ));
            }
        }
    }

    fn utterance(&self, from: u64, speech_end: u64, endpoint: u64, cut: bool) -> Utterance {
        let first = self.first_held();
        let place = |frame: u64| {
            let samples = frame.saturating_sub(first).saturating_mul(FRAME as u64);
            usize::try_from(samples).map_or(self.held.len(), |s| s.min(self.held.len()))
        };
        let begin = place(from);
        let samples: Vec<f32> = self
            .held
            .range(begin..place(endpoint + 1))
            .copied()
            .collect();
        let start = from.max(first) * FRAME as u64;
        let voiced = place(speech_end + 1) - begin;
        Utterance {
            speech_end: start + (acoustic_end(&samples, voiced) as u64).saturating_sub(1),
            samples,
            start,
            endpoint: (endpoint + 1) * FRAME as u64 - 1,
            decided: Instant::now(),
            cut_at_maximum: cut,
            woken: self.woken_since(start),
        }
    }

    /// Whether the wake model heard its word from sample `start` on, or just before; `None` without one.
    fn woken_since(&self, start: u64) -> Option<bool> {
        let near = |at: u64| at + RECENT >= start;
        self.wake.as_ref().map(|_| self.woken_at.is_some_and(near))
    }
}

/// Root mean square; 0 of nothing.
fn level(samples: &[f32]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
