//! How long a silence may last before it is the end of what somebody says. Pure.
//!
//! Three witnesses: how the voice sounded before the silence ([`super::turn_end`]), what the words say
//! ([`super::ending`]), and how long this speaker pauses. The words come last, but nothing can be answered without them: a
//! voice that sounds finished waits for them, within bounds.

use std::collections::VecDeque;

use super::ending::Ending;

/// From this probability on a voice sounds finished (Smart Turn's own threshold).
pub const FINISHED: f32 = 0.5;
/// Nothing ends before so much silence, in ms: the detector is asked then. It was trained to be asked after 200 ms.
pub const LEAST_MS: u32 = 192;
/// A voice that sounds finished is waited for so long while nobody tells what the words say, in ms: whisper reads them in
/// that time, and there is something to say about them, or will be only later.
const FOR_WORDS_MS: u32 = 800;
/// "… and", "… um": so long a voice that sounds finished is waited for, in ms.
const OPEN_MS: u32 = 1_200;
/// The voice is not finished, and neither are the words: so long the speaker may think, in ms.
const LONGEST_MS: u32 = 2_000;
/// Of the pauses remembered, so many are shorter than what a speaker is granted: eight of ten.
const USUAL: f32 = 0.8;
/// A speaker who never pauses is granted no less of the hangover than this, and one who often does no more.
const PACE: (f32, f32) = (0.6, 1.8);
/// So many of the speaker's pauses are remembered.
const REMEMBERED: usize = 12;
/// Pauses shorter than this are the gaps between words, in ms.
pub const GAP_MS: u32 = 256;
/// Who goes on within this after an end had not finished, in ms.
pub const WENT_ON_MS: u32 = 1_000;

/// How this speaker speaks, as far as pauses tell.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    /// The latest pauses inside what was said, in ms.
    pauses: VecDeque<u32>,
    /// So many of the latest turns were ended too soon; it sinks again with each that was not.
    cut_off: u32,
}

impl Pace {
    /// The speaker went on after a pause of `ms` inside a sentence; `ended` when it had been taken for its end.
    pub fn went_on(&mut self, ms: u32, ended: bool) {
        if ms < GAP_MS {
            return;
        }
        if self.pauses.len() == REMEMBERED {
            self.pauses.pop_front();
        }
        self.pauses.push_back(ms);
        if ended {
            self.cut_off = (self.cut_off + 2).min(4);
        }
    }

    /// A turn ended, and the speaker had finished.
    pub fn finished(&mut self) {
        self.cut_off = self.cut_off.saturating_sub(1);
        // Who pauses no more is granted less, one turn after the other.
        if self.pauses.len() >= REMEMBERED / 2 {
            self.pauses.pop_front();
        }
    }

    /// The hangover for this speaker: `usual` until three pauses are known, then a little more than the usual pause.
    fn hangover(&self, usual: u32) -> u32 {
        if self.pauses.len() < 3 {
            return usual;
        }
        let mut sorted: Vec<u32> = self.pauses.iter().copied().collect();
        sorted.sort_unstable();
        let at = ((sorted.len() - 1) as f32 * USUAL).round() as usize;
        let pause = sorted.get(at).copied().unwrap_or(usual) as f32 * 1.25;
        let bounds = (usual as f32 * PACE.0, usual as f32 * PACE.1);
        pause.clamp(bounds.0, bounds.1) as u32
    }
}

/// So long the silence after what was said may last in all, in ms. `finished` is the detector's probability, `None` where
/// there is no detector for the language; `words` what they say, `None` as long as nobody knows them; `hangover` what is
/// configured.
pub fn patience(finished: Option<f32>, words: Option<Ending>, hangover: u32, pace: &Pace) -> u32 {
    let own = pace.hangover(hangover);
    let Some(finished) = finished else {
        // Silence alone tells.
        return hangover;
    };
    // Whoever was cut off lately must sound more finished.
    let sure = FINISHED + 0.1 * pace.cut_off as f32;
    let longest = LONGEST_MS.max(hangover);
    match (finished >= sure, words) {
        (true, Some(Ending::Whole | Ending::Unclear)) => LEAST_MS,
        (true, None) => FOR_WORDS_MS,
        (true, Some(Ending::Open)) => OPEN_MS.max(own),
        (false, Some(Ending::Whole)) => own,
        (false, Some(Ending::Unclear)) => own.max((hangover + longest) / 2),
        (false, Some(Ending::Open) | None) => longest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL_MS: u32 = 640;

    fn granted(finished: Option<f32>, words: Option<Ending>) -> u32 {
        patience(finished, words, USUAL_MS, &Pace::default())
    }

    #[test]
    fn without_a_detector_silence_alone_tells() {
        for words in [None, Some(Ending::Whole), Some(Ending::Open)] {
            assert_eq!(granted(None, words), USUAL_MS);
        }
    }

    #[test]
    fn what_sounds_and_reads_finished_ends_at_once() {
        assert_eq!(granted(Some(0.9), Some(Ending::Whole)), LEAST_MS);
        assert_eq!(granted(Some(0.9), None), FOR_WORDS_MS);
        assert!(granted(Some(0.9), Some(Ending::Open)) > USUAL_MS);
        assert_eq!(granted(Some(0.1), Some(Ending::Whole)), USUAL_MS);
        assert!(granted(Some(0.1), Some(Ending::Unclear)) > USUAL_MS);
        assert_eq!(granted(Some(0.1), Some(Ending::Open)), LONGEST_MS);
    }

    #[test]
    fn more_unfinished_is_never_granted_less() {
        let words = [
            Some(Ending::Whole),
            Some(Ending::Unclear),
            Some(Ending::Open),
        ];
        for (less, more) in words.iter().zip(&words[1..]) {
            for finished in [0.0, 0.4, 0.6, 1.0] {
                assert!(granted(Some(finished), *less) <= granted(Some(finished), *more));
            }
        }
        for words in words {
            assert!(granted(Some(0.9), words) <= granted(Some(0.1), words));
        }
    }

    #[test]
    fn a_hangover_longer_than_anything_else_is_kept() {
        assert_eq!(patience(Some(0.1), None, 4_000, &Pace::default()), 4_000);
    }

    #[test]
    fn a_speaker_who_pauses_is_granted_more_and_one_who_does_not_less() {
        let mut slow = Pace::default();
        (0..6).for_each(|_| slow.went_on(900, false));
        assert_eq!(
            patience(Some(0.1), Some(Ending::Whole), USUAL_MS, &slow),
            1_125
        );
        (0..20).for_each(|_| slow.went_on(5_000, false));
        assert!(patience(Some(0.1), Some(Ending::Whole), USUAL_MS, &slow) <= 1_152);
        let mut quick = Pace::default();
        (0..6).for_each(|_| quick.went_on(300, false));
        assert_eq!(
            patience(Some(0.1), Some(Ending::Whole), USUAL_MS, &quick),
            384
        );
        // Gaps between words are no pauses.
        (0..20).for_each(|_| quick.went_on(90, false));
        assert_eq!(quick.pauses.len(), 6);
    }

    #[test]
    fn who_was_cut_off_must_sound_more_finished_for_a_while() {
        let mut pace = Pace::default();
        let end = |pace: &Pace| patience(Some(0.6), Some(Ending::Whole), USUAL_MS, pace);
        assert_eq!(end(&pace), LEAST_MS);
        pace.went_on(300, true);
        assert_eq!(end(&pace), USUAL_MS);
        pace.finished();
        pace.finished();
        assert_eq!(end(&pace), LEAST_MS);
    }
}
