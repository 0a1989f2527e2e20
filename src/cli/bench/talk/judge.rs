//! What became of a question. Pure: times are ms after its last speech sample, negative ones before.

use serde::{Deserialize, Serialize};

/// A turn whose utterance ends so much before the question does was taken before the speaker had finished, in ms.
pub const EARLY_MS: f64 = 300.0;

/// Silence between two clauses that counts as a gap, in ms: longer than a speaker takes between sentences.
pub const GAP_MS: f64 = 150.0;

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// One turn, whole, and a reply that sounded.
    Answered,
    /// A turn began to answer before the speaker had finished.
    CutOff,
    /// It became several turns.
    Split,
    /// No reply sounded.
    Unanswered,
    /// The model or the voice failed.
    Failed,
}

impl Outcome {
    /// Whether the speaker was not left to finish.
    pub fn is_cut_off(self) -> bool {
        matches!(self, Self::CutOff | Self::Split)
    }

    /// What a person reads.
    pub fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::CutOff => "cut off",
            Self::Split => "split into several turns",
            Self::Unanswered => "not answered",
            Self::Failed => "failed",
        }
    }
}

/// One turn that a question became.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// When the pipeline holds that the speech ended.
    pub speech_end: f64,
    /// Its reply sounded.
    pub sounded: bool,
    /// The model or the voice failed.
    pub failed: bool,
}

/// Judges the finished turns of a question, and the first sound of any reply meanwhile, also of one that was given up.
pub fn judge(turns: &[Taken], first_sound: Option<f64>) -> Outcome {
    let early = |turn: &Taken| turn.speech_end < -EARLY_MS;
    if turns.iter().any(|turn| turn.failed) {
        Outcome::Failed
    } else if first_sound.is_some_and(|at| at < 0.0) || turns.iter().any(early) {
        Outcome::CutOff
    } else if turns.len() > 1 {
        Outcome::Split
    } else if turns.iter().any(|turn| turn.sounded) {
        Outcome::Answered
    } else {
        Outcome::Unanswered
    }
}

/// Whether what was `answered` whole had been taken for finished before, and was taken back without a sound: nobody hears that, and
/// it shows how near a cut-off is. `first_turn` is when the first turn began, which is after its words were read.
pub fn taken_back(outcome: Outcome, first_turn: Option<f64>) -> bool {
    outcome == Outcome::Answered && first_turn.is_some_and(|at| at < 0.0)
}

/// The gaps among the silences between clauses.
pub fn gaps(silences: &[f64]) -> impl Iterator<Item = f64> {
    silences.iter().copied().filter(|ms| *ms > GAP_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(speech_end: f64) -> Taken {
        Taken {
            speech_end,
            sounded: true,
            failed: false,
        }
    }

    #[test]
    fn one_whole_turn_is_an_answer() {
        assert_eq!(judge(&[taken(12.0)], Some(900.0)), Outcome::Answered);
        // The pipeline may take the last faint sounds of a word for silence.
        assert_eq!(judge(&[taken(-290.0)], Some(900.0)), Outcome::Answered);
    }

    #[test]
    fn what_is_taken_early_is_cut_off_even_when_it_is_taken_up_again() {
        assert_eq!(judge(&[taken(-310.0)], Some(500.0)), Outcome::CutOff);
        assert_eq!(
            judge(&[taken(-2_000.0), taken(0.0)], Some(500.0)),
            Outcome::CutOff
        );
        // Whole in the end, but a reply to its first part had begun to sound.
        assert_eq!(judge(&[taken(0.0)], Some(-700.0)), Outcome::CutOff);
        assert!(Outcome::CutOff.is_cut_off() && Outcome::Split.is_cut_off());
    }

    #[test]
    fn several_turns_and_none_are_told() {
        assert_eq!(
            judge(&[taken(-100.0), taken(0.0)], Some(9.0)),
            Outcome::Split
        );
        assert_eq!(judge(&[], None), Outcome::Unanswered);
        let silent = Taken {
            sounded: false,
            ..taken(0.0)
        };
        assert_eq!(judge(&[silent], None), Outcome::Unanswered);
        let failed = Taken {
            failed: true,
            ..taken(0.0)
        };
        assert_eq!(judge(&[failed], Some(900.0)), Outcome::Failed);
    }

    #[test]
    fn what_was_taken_early_and_answered_whole_was_taken_back() {
        assert!(taken_back(Outcome::Answered, Some(-900.0)));
        // Its words were read first: what they were taken from had ended before.
        assert!(taken_back(Outcome::Answered, Some(-200.0)));
        assert!(!taken_back(Outcome::CutOff, Some(-900.0)));
        assert!(!taken_back(Outcome::Answered, Some(200.0)));
    }

    #[test]
    fn short_silences_are_no_gaps() {
        let found: Vec<f64> = gaps(&[20.0, 150.0, 151.0, 900.0]).collect();
        assert_eq!(found, [151.0, 900.0]);
    }
}
