//! Where an utterance begins and ends: a state machine over frames. Pure: no clock, no audio, no thread.
//!
//! A frame is 32 ms ([`super::vad::FRAME_MS`]); time is the frame's index. Speech begins after an onset and ends
//! after a hangover; between them the probability may sink to a lower threshold (hysteresis) without ending it. An
//! utterance that reaches the maximum is cut at the quietest place of its last seconds, and the next begins there.

use std::collections::VecDeque;

use super::vad::FRAME_MS;

/// By so much the probability may sink below the threshold before a frame counts as silence (Silero's own value).
const HYSTERESIS: f32 = 0.15;
/// Less speech than this is no utterance: a click, a knock, a breath.
const LEAST_SPEECH_MS: u32 = 160;
/// An utterance whose loudest frame is fainter than this (root mean square, about -66 dB) is nobody speaking here.
const FAINTEST: f32 = 0.0005;
/// The cut at the maximum looks so far back for a quiet place, and at most a quarter of the utterance.
const CUT_SEARCH_MS: u32 = 4_000;

/// How speech is told from silence.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointSettings {
    /// Probability from which a frame counts as speech, 0 to 1.
    pub threshold: f32,
    /// Speech this long begins an utterance, in ms.
    pub onset_ms: u32,
    /// Sound from before the onset that belongs to the utterance, in ms.
    pub pre_roll_ms: u32,
    /// Silence this long ends an utterance, in ms.
    pub hangover_ms: u32,
    /// An utterance, pre-roll and hangover included, is never longer, in ms.
    pub max_utterance_ms: u32,
}

/// What a frame brought about. All indices are frames, inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// Speech began at `at`; its utterance begins at `from`, the pre-roll.
    Started {
        /// First frame of speech.
        at: u64,
        /// First frame of the utterance.
        from: u64,
    },
    /// What started was no speech.
    Dismissed,
    /// The utterance from `from` to `endpoint` is complete.
    Ended {
        /// First frame of the utterance.
        from: u64,
        /// Last frame of speech.
        speech_end: u64,
        /// Last frame of the utterance.
        endpoint: u64,
        /// It ran into the maximum.
        cut: bool,
    },
}

/// One frame, as far as the machine remembers it.
#[derive(Debug, Clone, Copy)]
struct Frame {
    index: u64,
    probability: f32,
    level: f32,
}

#[derive(Debug, Clone, Copy)]
struct Speech {
    from: u64,
    last_voiced: u64,
    silent_since: Option<u64>,
    voiced: u32,
    loudest: f32,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Nobody speaks, or somebody has just begun, at `since`.
    Quiet { since: Option<u64>, voiced: u32 },
    /// Somebody speaks.
    Speaking(Speech),
}

const QUIET: State = State::Quiet {
    since: None,
    voiced: 0,
};

/// The state machine.
#[derive(Debug)]
pub struct Endpointer {
    threshold: f32,
    onset: u32,
    usual_onset: u32,
    pre_roll: u64,
    usual_pre_roll: u64,
    hangover: u64,
    longest: u64,
    search: usize,
    least_speech: u32,
    state: State,
    /// So long the silence that is going on may last, when that is not the hangover.
    patience: Option<u64>,
    /// The first frame that may belong to the next utterance.
    barrier: u64,
    /// The last frames, for the cut.
    recent: VecDeque<Frame>,
}

impl Endpointer {
    /// A machine that has heard nothing.
    pub fn new(settings: &EndpointSettings) -> Self {
        let frames = |ms: u32| ms.div_ceil(FRAME_MS).max(1);
        let longest = u64::from(settings.max_utterance_ms / FRAME_MS).max(8);
        let search = u64::from(frames(CUT_SEARCH_MS)).min(longest / 4);
        let pre_roll = u64::from(settings.pre_roll_ms.div_ceil(FRAME_MS)).min(longest / 4);
        let onset = frames(settings.onset_ms).min(u32::try_from(longest / 4).unwrap_or(u32::MAX));
        Self {
            threshold: settings.threshold,
            onset,
            usual_onset: onset,
            pre_roll,
            usual_pre_roll: pre_roll,
            hangover: frames(settings.hangover_ms).into(),
            longest,
            search: usize::try_from(search).unwrap_or(1),
            least_speech: frames(LEAST_SPEECH_MS),
            state: QUIET,
            patience: None,
            barrier: 0,
            recent: VecDeque::with_capacity(usize::try_from(search).unwrap_or(1)),
        }
    }

    /// Whether an utterance has begun and not ended.
    pub fn is_speaking(&self) -> bool {
        matches!(self.state, State::Speaking(_))
    }

    /// Whether nobody speaks or has just begun to.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Quiet { since: None, .. })
    }

    /// How much of what is being said is speech, and how much silence follows the last of it up to frame `index`, both in
    /// frames. `None` when nobody speaks.
    pub fn progress(&self, index: u64) -> Option<(u32, u32)> {
        let State::Speaking(speech) = self.state else {
            return None;
        };
        let silent = speech.silent_since.map_or(0, |since| index + 1 - since);
        Some((speech.voiced, u32::try_from(silent).unwrap_or(u32::MAX)))
    }

    /// Whether so many frames of speech are an utterance, and no click, knock or breath.
    pub fn is_speech(&self, voiced: u32) -> bool {
        voiced >= self.least_speech.max(self.usual_onset)
    }

    /// The silence that is going on at frame `index` may last `frames` in all, and not the hangover; it ends what is being
    /// said at once when it has lasted that long. The next speech makes this void.
    pub fn wait(&mut self, index: u64, frames: u32) -> Option<Endpoint> {
        let State::Speaking(speech) = self.state else {
            return None;
        };
        speech.silent_since?;
        self.patience = Some(frames.max(1).into());
        self.end_of_silence(speech, index)
    }

    /// Speech that lasts `onset` frames begins an utterance from now on, and `pre_roll` frames before it belong to it; `None`: as it
    /// is set, which is never less. What is too short to be speech is dismissed as before.
    pub fn set_eager(&mut self, beginning: Option<(u32, u32)>) {
        let (onset, pre_roll) = beginning.unwrap_or((u32::MAX, u32::MAX));
        self.onset = onset.clamp(1, self.usual_onset);
        self.pre_roll = self.usual_pre_roll.min(pre_roll.into());
    }

    /// The next frame: its index (one more than the last), the probability of speech in it, its root mean square.
    /// What it brings about, in order.
    pub fn hear(&mut self, index: u64, probability: f32, level: f32) -> [Option<Endpoint>; 2] {
        if self.recent.len() == self.search {
            self.recent.pop_front();
        }
        let frame = Frame {
            index,
            probability,
            level,
        };
        self.recent.push_back(frame);
        match self.step(frame) {
            Some(event) => [Some(event), None],
            None => self.cut_at_maximum(index),
        }
    }

    /// The recording is over after frame `index`: what is being said ends there.
    pub fn finish(&mut self, index: u64) -> Option<Endpoint> {
        let State::Speaking(speech) = self.state else {
            return None;
        };
        Some(self.end(speech, index, false))
    }

    /// Forgets everything before frame `next`, and dismisses what is being said.
    pub fn forget(&mut self, next: u64) -> Option<Endpoint> {
        let speaking = self.is_speaking();
        self.state = QUIET;
        self.patience = None;
        self.barrier = next;
        self.recent.clear();
        speaking.then_some(Endpoint::Dismissed)
    }

    fn step(&mut self, frame: Frame) -> Option<Endpoint> {
        let release = self.threshold - HYSTERESIS;
        match &mut self.state {
            State::Quiet { since, voiced } => {
                let begun = since.is_some() && frame.probability >= release;
                if !begun && frame.probability < self.threshold {
                    self.state = QUIET;
                    return None;
                }
                let at = *since.get_or_insert(frame.index);
                *voiced += 1;
                if *voiced < self.onset {
                    return None;
                }
                let from = at.saturating_sub(self.pre_roll).max(self.barrier);
                let voiced = *voiced;
                self.state = State::Speaking(Speech {
                    from,
                    last_voiced: frame.index,
                    silent_since: None,
                    voiced,
                    loudest: self.loudest_since(at),
                });
                Some(Endpoint::Started { at, from })
            }
            State::Speaking(speech) => {
                speech.hear(frame, self.threshold, release);
                let speech = *speech;
                if speech.silent_since.is_none() {
                    self.patience = None;
                }
                self.end_of_silence(speech, frame.index)
            }
        }
    }

    /// Ends what is being said when the silence has lasted long enough at frame `index`.
    fn end_of_silence(&mut self, speech: Speech, index: u64) -> Option<Endpoint> {
        let lasted = (index + 1).saturating_sub(speech.silent_since?);
        let over = lasted >= self.patience.unwrap_or(self.hangover);
        over.then(|| self.end(speech, index, false))
    }

    /// Ends what is being said when one more frame would be too much: at the quietest place of the last seconds.
    fn cut_at_maximum(&mut self, index: u64) -> [Option<Endpoint>; 2] {
        let State::Speaking(speech) = self.state else {
            return [None, None];
        };
        if index - speech.from + 1 < self.longest {
            return [None, None];
        }
        let loudness = |f: &Frame| f.level * (0.1 + f.probability);
        let quietest = self
            .recent
            .iter()
            .rev()
            .filter(|f| f.index > speech.from)
            .min_by(|a, b| loudness(a).total_cmp(&loudness(b)))
            .map_or(index, |f| f.index);
        let first = Speech {
            last_voiced: self.last_voiced_up_to(quietest, speech.last_voiced),
            ..speech
        };
        let ended = Some(self.end(first, quietest, true));
        let silent_since_then = speech.silent_since.is_some_and(|since| since <= quietest);
        if quietest == index || silent_since_then {
            return [ended, None];
        }
        // What came after the cut is the beginning of the next utterance.
        let from = quietest + 1;
        let mut next = Speech {
            from,
            last_voiced: from,
            silent_since: None,
            voiced: 0,
            loudest: 0.0,
        };
        for frame in self.recent.iter().filter(|f| f.index >= from) {
            next.hear(*frame, self.threshold, self.threshold - HYSTERESIS);
        }
        self.state = State::Speaking(next);
        [ended, Some(Endpoint::Started { at: from, from })]
    }

    fn last_voiced_up_to(&self, index: u64, otherwise: u64) -> u64 {
        let release = self.threshold - HYSTERESIS;
        self.recent
            .iter()
            .rev()
            .find(|f| f.index <= index && f.probability >= release)
            .map_or(otherwise.min(index), |f| f.index)
    }

    fn loudest_since(&self, index: u64) -> f32 {
        self.recent
            .iter()
            .filter(|f| f.index >= index)
            .fold(0.0, |loudest, f| f.level.max(loudest))
    }

    fn end(&mut self, speech: Speech, endpoint: u64, cut: bool) -> Endpoint {
        self.state = QUIET;
        self.patience = None;
        self.barrier = endpoint + 1;
        if !self.is_speech(speech.voiced) || speech.loudest < FAINTEST {
            return Endpoint::Dismissed;
        }
        Endpoint::Ended {
            from: speech.from,
            speech_end: speech.last_voiced,
            endpoint,
            cut,
        }
    }
}

impl Speech {
    fn hear(&mut self, frame: Frame, threshold: f32, release: f32) {
        self.loudest = self.loudest.max(frame.level);
        if frame.probability >= threshold {
            self.silent_since = None;
        } else if frame.probability < release {
            self.silent_since.get_or_insert(frame.index);
        }
        if self.silent_since.is_none() {
            self.last_voiced = frame.index;
            self.voiced += 1;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
