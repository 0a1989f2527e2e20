//! What has been said and not been answered.

use std::time::Instant;

use crate::listen::transcribe::Transcript;
use crate::turn::timing::Timing;

/// An utterance.
pub(super) struct Spoken {
    /// Mono, 16 kHz.
    pub samples: Vec<f32>,
    /// When its first sound was heard.
    pub began: Instant,
    /// When its last sound was heard.
    pub ended: Instant,
    /// Its first sample, as an index since the ear began.
    pub at: u64,
    /// Its last sample of speech, as an index since the ear began.
    pub until: u64,
}

/// What has been said and not been answered.
#[derive(Default)]
pub(super) struct Held {
    /// The utterances, oldest first.
    pub utterances: Vec<Spoken>,
    /// The first so many of them are the question of the turn that is alive; the others came after it.
    pub asked: usize,
    /// One of them began when no name was needed.
    pub in_window: bool,
    /// One of them began while a reply sounded, or right after.
    pub over_reply: bool,
    /// Whether the wake model fired in one of them; `None` without a wake model.
    pub woken: Option<bool>,
    /// The stopwatch of the latest.
    pub timing: Option<Timing>,
    /// The words of all of them, when they are known already.
    pub known: Option<Transcript>,
    /// The words of the question and of what was said after it and belongs to it.
    pub amended: Option<Transcript>,
}

impl Spoken {
    /// From its first sound to its last, in ms.
    pub fn length_ms(&self) -> u32 {
        let length = self.ended.saturating_duration_since(self.began);
        u32::try_from(length.as_millis()).unwrap_or(u32::MAX)
    }
}

impl Held {
    /// From the first sound of each utterance to its last, in ms, one after the other.
    pub fn length_ms(&self) -> u32 {
        let lengths = self.utterances.iter().map(Spoken::length_ms);
        lengths.fold(0, u32::saturating_add)
    }

    /// The sound of all utterances.
    pub fn sound(&self) -> impl Iterator<Item = &[f32]> {
        self.utterances.iter().map(|u| &u.samples[..])
    }

    /// How much sound there is, in samples.
    pub fn length(&self) -> usize {
        self.sound().map(<[f32]>::len).sum()
    }

    /// The oldest utterance is forgotten.
    pub fn drop_oldest(&mut self) {
        if !self.utterances.is_empty() {
            self.utterances.remove(0);
            self.asked = self.asked.saturating_sub(1);
        }
    }

    /// The first utterance after the question.
    pub fn after_question(&self) -> Option<&Spoken> {
        self.utterances.get(self.asked)
    }

    /// When the question ended.
    pub fn question_ended(&self) -> Option<Instant> {
        let last = self.asked.checked_sub(1)?;
        self.utterances.get(last).map(|u| u.ended)
    }

    /// The first utterance after the question belongs to it.
    pub fn keep_judged(&mut self) {
        self.asked = self.utterances.len().min(self.asked + 1);
    }

    /// The first utterance after the question is forgotten.
    pub fn drop_judged(&mut self) {
        if self.asked < self.utterances.len() {
            self.utterances.remove(self.asked);
        }
    }

    /// Nothing of it is to be heard again.
    pub fn answered(&mut self) {
        self.utterances.clear();
        self.asked = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(lengths: &[usize], asked: usize) -> Held {
        let now = Instant::now();
        let spoken = |length: &usize| Spoken {
            samples: vec![0.0; *length],
            began: now,
            ended: now,
            at: 0,
            until: 0,
        };
        Held {
            utterances: lengths.iter().map(spoken).collect(),
            asked,
            ..Held::default()
        }
    }

    fn lengths(held: &Held) -> Vec<usize> {
        held.sound().map(<[f32]>::len).collect()
    }

    #[test]
    fn what_is_judged_stays_or_goes_and_the_question_stays() {
        let mut held = held(&[3, 4, 5], 1);
        assert_eq!(held.after_question().map(|u| u.samples.len()), Some(4));
        held.drop_judged();
        assert_eq!((lengths(&held), held.asked), (vec![3, 5], 1));
        held.keep_judged();
        assert_eq!((lengths(&held), held.asked), (vec![3, 5], 2));
        assert!(held.after_question().is_none());
        held.drop_judged();
        held.keep_judged();
        assert_eq!((lengths(&held), held.asked), (vec![3, 5], 2));
    }

    #[test]
    fn the_oldest_goes_first() {
        let mut held = held(&[3, 4], 1);
        held.drop_oldest();
        assert_eq!((held.length(), held.asked), (4, 0));
        assert!(held.question_ended().is_none());
        held.answered();
        held.drop_oldest();
        assert_eq!(held.length(), 0);
    }
}
