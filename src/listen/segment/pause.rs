//! Pauses in what is being said: told, put to the detector, and ended when they have lasted long enough.

use super::Segmenter;
use crate::listen::ending::Ending;
use crate::listen::patience::{GAP_MS, LEAST_MS, WENT_ON_MS, patience};
use crate::listen::vad::{FRAME, FRAME_MS};
use crate::listen::{Heard, Pause};

/// A pause is told after so many frames of silence (64 ms) while hearken is spoken to: what is made of it is ready sooner.
const KEEN_PAUSE: u32 = 2;
/// … and after so many (192 ms) while it is not: every pause that is told costs a transcription.
const PAUSE: u32 = LEAST_MS / FRAME_MS;

/// A silence in what is being said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pausing {
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

    /// Frame `index` may be part of a pause in what is being said.
    pub(super) fn pausing(&mut self, index: u64, out: &mut Vec<Heard>) {
        let Some((voiced, silent)) = self.endpointer.progress(index) else {
            self.pause = None;
            return;
        };
        if silent == 0 || self.eager {
            if let Some(pause) = self.pause.take() {
                self.pace.went_on(pause.silent * FRAME_MS, false);
                let silent_ms = pause.silent * FRAME_MS;
                out.extend(pause.number.map(|_| Heard::Resumed { silent_ms }));
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
                    Ok(finished) => {
                        tracing::debug!(finished, "a pause");
                        pause.finished = Some(finished);
                    }
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

    /// Somebody begins at frame `at`: perhaps to go on with what was taken for finished.
    pub(super) fn note_pace(&mut self, at: u64) {
        let Some(until) = self.spoken_until.take() else {
            return;
        };
        let pause = at.saturating_sub(until).saturating_mul(FRAME_MS.into());
        match u32::try_from(pause) {
            Ok(ms) if (GAP_MS..=WENT_ON_MS).contains(&ms) => self.pace.went_on(ms, true),
            _ => self.pace.finished(),
        }
    }
}
