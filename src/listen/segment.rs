//! Samples to utterances, without a thread or a microphone: detector, endpoint and pre-roll put together.
//!
//! The ear feeds it from the microphone; `hearken transcribe` feeds it a whole recording.

use std::collections::VecDeque;
use std::time::Instant;

use super::acoustic_end::acoustic_end;
use super::ending::Ending;
use super::endpoint::{Endpoint, EndpointSettings, Endpointer};
use super::patience::{GAP_MS, LEAST_MS, Pace, WENT_ON_MS, patience};
use super::turn_end::TurnEndDetector;
use super::vad::{FRAME, FRAME_MS, SpeechDetector};
use super::wake::WakeDetector;
use super::{Heard, Partial, Pause, Utterance};
use crate::onnx::OnnxError;

/// While eager, so many frames of speech begin an utterance: two, which leaves 36 of the 100 ms in which hearken lowers its
/// voice to the microphone and the canceller.
const EAGER_ONSET: u32 = 2;
/// While eager, what has been said so far is told every so many frames: about 100 ms.
const PARTIAL_EVERY: u64 = 3;

/// A pause is told after so many frames of silence (96 ms) while hearken is spoken to: what is made of it is ready sooner.
const KEEN_PAUSE: u32 = 3;
/// … and after so many (192 ms) while it is not: every pause that is told costs a transcription.
const PAUSE: u32 = LEAST_MS / FRAME_MS;

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

/// A silence in what is being said.
#[derive(Debug, Clone, Copy)]
struct Pausing {
    /// Its number, once it has been told.
    number: Option<u64>,
    /// Frames of silence so far.
    silent: u32,
    /// The detector's answer, once it has been asked.
    finished: Option<f32>,
    /// What the words say, once they are known.
    words: Option<Ending>,
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

    /// What the words say that were spoken before pause `number`; without a meaning when it is over. It may be the end.
    pub fn words(&mut self, number: u64, words: Ending, out: &mut Vec<Heard>) {
        let Some(index) = self.frames.checked_sub(1) else {
            return;
        };
        if let Some(pause) = self.pause.as_mut().filter(|p| p.number == Some(number)) {
            pause.words = Some(words);
            self.wait(index, out);
        }
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
            self.endpointer.set_onset(eager.then_some(EAGER_ONSET));
        }
    }

    /// Root mean square of the last frame, 0 to 1.
    pub fn level(&self) -> f32 {
        self.level
    }

    /// The next samples (mono, 16 kHz, any number). What they bring about is appended to `out`, in order.
    ///
    /// # Errors
    /// When the detector cannot be run; it will not run later either.
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

    /// Frame `index` may be part of a pause in what is being said.
    fn pausing(&mut self, index: u64, out: &mut Vec<Heard>) {
        let Some((voiced, silent)) = self.endpointer.progress(index) else {
            self.pause = None;
            return;
        };
        if silent == 0 || self.eager {
            if let Some(pause) = self.pause.take() {
                self.pace.went_on(pause.silent * FRAME_MS, false);
                out.extend(pause.number.map(|_| Heard::Resumed));
            }
            return;
        }
        let mut pause = self.pause.unwrap_or(Pausing {
            number: None,
            silent,
            finished: None,
            words: None,
        });
        pause.silent = silent;
        let tell_after = if self.keen { KEEN_PAUSE } else { PAUSE };
        let speech = self.endpointer.is_speech(voiced);
        if self.pauses && pause.number.is_none() && silent >= tell_after && speech {
            pause.number = Some(self.next_pause);
            out.push(Heard::Paused(Pause {
                number: self.next_pause,
                samples: self.said_so_far(),
                woken: self.woken_since(self.speaking_from * FRAME as u64),
            }));
            self.next_pause += 1;
        }
        if pause.finished.is_none() && silent >= PAUSE && speech && self.turn_end.is_some() {
            let said = self.said_so_far();
            if let Some(turn_end) = &mut self.turn_end {
                match turn_end.finished(&said) {
                    Ok(finished) => pause.finished = Some(finished),
                    Err(error) => {
                        tracing::warn!("{error}; from now on silence alone ends an utterance");
                        self.turn_end = None;
                    }
                }
            }
        }
        self.pause = Some(pause);
        self.wait(index, out);
    }

    /// Ends what is being said when its pause has lasted long enough for what is known about it.
    fn wait(&mut self, index: u64, out: &mut Vec<Heard>) {
        let Some(pause) = self.pause.filter(|p| p.finished.is_some()) else {
            return;
        };
        let ms = patience(pause.finished, pause.words, self.hangover_ms, &self.pace);
        let ended = self.endpointer.wait(index, ms.div_ceil(FRAME_MS));
        if ended.is_some() {
            self.pause = None;
        }
        self.tell(ended, out);
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
        if !self.eager || !index.is_multiple_of(PARTIAL_EVERY) {
            return None;
        }
        let (voiced, silent) = self.endpointer.progress(index)?;
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
                out.push(Heard::Utterance(
                    self.utterance(from, speech_end, endpoint, cut),
                ));
            }
        }
    }

    /// Somebody begins at frame `at`: perhaps to go on with what was taken for finished.
    fn note_pace(&mut self, at: u64) {
        let Some(until) = self.spoken_until.take() else {
            return;
        };
        let pause = at.saturating_sub(until).saturating_mul(FRAME_MS.into());
        match u32::try_from(pause) {
            Ok(ms) if (GAP_MS..=WENT_ON_MS).contains(&ms) => self.pace.went_on(ms, true),
            _ => self.pace.finished(),
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
mod tests {
    use super::*;

    /// Speech is what is loud.
    struct Loud;

    impl SpeechDetector for Loud {
        fn probability(&mut self, frame: &[f32; FRAME]) -> Result<f32, OnnxError> {
            Ok(if level(frame) > 0.05 { 0.95 } else { 0.02 })
        }

        fn reset(&mut self) {}
    }

    fn segmenter() -> Segmenter {
        let settings = EndpointSettings {
            threshold: 0.5,
            onset_ms: 96,
            pre_roll_ms: 500,
            hangover_ms: 640,
            max_utterance_ms: 10_000,
        };
        Segmenter::new(Box::new(Loud), &settings)
    }

    fn tone(seconds: f32) -> Vec<f32> {
        let samples = (seconds * 16_000.0) as usize;
        (0..samples).map(|i| (i as f32 * 0.2).sin() * 0.3).collect()
    }

    fn silence(seconds: f32) -> Vec<f32> {
        vec![0.0; (seconds * 16_000.0) as usize]
    }

    fn utterances(heard: Vec<Heard>) -> Vec<Utterance> {
        let utterance = |h| match h {
            Heard::Utterance(u) => Some(u),
            _ => None,
        };
        heard.into_iter().filter_map(utterance).collect()
    }

    #[test]
    fn an_utterance_holds_the_very_samples_that_were_heard() {
        let mut sound = silence(2.0);
        sound.extend(tone(1.0));
        sound.extend(silence(2.0));
        // Marks that make each place unique and stay silent.
        for (i, s) in sound.iter_mut().enumerate() {
            *s += (i % 977) as f32 * 1e-6;
        }
        for chunk in [1, 160, 511, 512, 4000, sound.len()] {
            let (mut segmenter, mut heard) = (segmenter(), Vec::new());
            for part in sound.chunks(chunk) {
                segmenter.hear(part, &mut heard).unwrap();
            }
            let [u] = &utterances(heard)[..] else {
                panic!("one utterance");
            };
            let start = u.start as usize;
            assert_eq!(u.samples, sound[start..start + u.samples.len()]);
            assert_eq!(u.start + u.samples.len() as u64, u.endpoint + 1);
            // The tone is samples 32 000 to 47 999; a frame is 512, a step of energy 160.
            assert!((23_000..=24_100).contains(&u.start), "{}", u.start);
            assert!(u.speech_end.abs_diff(47_999) <= 320, "{}", u.speech_end);
            assert!(!u.cut_at_maximum);
        }
    }

    #[test]
    fn what_is_skipped_is_in_no_utterance() {
        let (mut segmenter, mut heard) = (segmenter(), Vec::new());
        segmenter.hear(&tone(1.0), &mut heard).unwrap();
        segmenter.skip(&tone(3.0), &mut heard);
        assert!(matches!(
            heard[..],
            [Heard::SpeechStarted { at: 0, .. }, Heard::SpeechDismissed]
        ));
        heard.clear();
        segmenter.hear(&tone(1.0), &mut heard).unwrap();
        segmenter.hear(&silence(1.0), &mut heard).unwrap();
        let [u] = &utterances(heard)[..] else {
            panic!("one utterance");
        };
        assert!(u.start >= 4 * 16_000 - 512, "{}", u.start);
    }

    #[test]
    fn a_recording_that_ends_in_speech_is_heard_to_its_last_sample() {
        let (mut segmenter, mut heard) = (segmenter(), Vec::new());
        let sound = [silence(1.0), tone(1.0), vec![0.25; 77]].concat();
        segmenter.hear(&sound, &mut heard).unwrap();
        segmenter.finish(&mut heard).unwrap();
        let [u] = &utterances(heard)[..] else {
            panic!("one utterance");
        };
        assert!(u.start as usize + u.samples.len() >= sound.len());
    }

    #[test]
    fn long_speech_is_cut_without_losing_a_sample() {
        let (mut segmenter, mut heard) = (segmenter(), Vec::new());
        segmenter.hear(&tone(25.0), &mut heard).unwrap();
        segmenter.hear(&silence(1.0), &mut heard).unwrap();
        let utterances = utterances(heard);
        assert!(utterances.len() >= 3);
        for pair in utterances.windows(2) {
            assert_eq!(pair[0].start + pair[0].samples.len() as u64, pair[1].start);
            assert!(pair[0].cut_at_maximum);
        }
    }

    #[test]
    fn an_eager_ear_tells_sooner_and_what_was_said_so_far() {
        let noticed = |eager| {
            let (mut segmenter, mut heard) = (segmenter(), Vec::new());
            segmenter.set_eager(eager);
            let sound = [silence(1.024), tone(0.64), silence(0.96)].concat();
            segmenter.hear(&sound, &mut heard).unwrap();
            heard
        };
        let usual = noticed(false);
        assert!(matches!(
            usual[0],
            Heard::SpeechStarted { lasted: 1536, .. }
        ));
        assert!(!usual.iter().any(|h| matches!(h, Heard::Partial(_))));
        let eager = noticed(true);
        assert!(matches!(
            eager[0],
            Heard::SpeechStarted { lasted: 1024, .. }
        ));
        let partials: Vec<_> = eager
            .iter()
            .filter_map(|h| match h {
                Heard::Partial(p) => Some((p.samples.len(), p.voiced_ms, p.silent_ms)),
                _ => None,
            })
            .collect();
        assert!(partials.len() >= 10, "{partials:?}");
        assert!(
            partials.is_sorted(),
            "each holds the one before it: {partials:?}"
        );
        // 500 ms of pre-roll are 16 frames; the tone is 20.
        let (samples, voiced, silent) = partials[partials.len() - 1];
        assert!(
            (640..=672).contains(&voiced) && silent > 500,
            "{partials:?}"
        );
        assert_eq!(samples as u32 / 16, 16 * 32 + voiced + silent);
        assert_eq!(utterances(usual)[0].samples, utterances(eager)[0].samples);
    }

    /// Fires at the first sample that is louder than the tone.
    struct Shout;

    impl WakeDetector for Shout {
        fn hear(&mut self, samples: &[f32]) -> Result<Option<f32>, OnnxError> {
            Ok(samples.iter().any(|s| *s > 0.5).then_some(0.9))
        }

        fn reset(&mut self) {}
    }

    #[test]
    fn an_utterance_is_woken_by_the_word_in_it_or_just_before_it() {
        let shout = vec![0.9; 16_000];
        let woken = |parts: &[Vec<f32>], wake: Option<Box<dyn WakeDetector>>| {
            let (mut segmenter, mut heard) = (segmenter().with_wake(wake), Vec::new());
            segmenter.hear(&parts.concat(), &mut heard).unwrap();
            segmenter.finish(&mut heard).unwrap();
            utterances(heard)
                .iter()
                .map(|u| u.woken)
                .collect::<Vec<_>>()
        };
        let parts = [
            silence(1.0),
            tone(1.0),
            silence(2.0),
            shout,
            silence(0.8),
            tone(1.0),
            silence(2.0),
            tone(1.0),
        ];
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(woken(&parts, Some(Box::new(Shout))), [no, yes, yes, no]);
        assert_eq!(woken(&parts, None), [None; 4]);
    }
}
