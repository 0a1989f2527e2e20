//! One question with what came of it, as reports hold it.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::ask::Asked;
use super::judge::{Outcome, Taken, judge, taken_back};
use super::questions::{Kind, Question};
use super::stages::{self, Reached};

/// A question and its turn. Times are ms after the question's last speech sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// The round, from 1.
    pub round: u32,
    /// Its words, or its file; `…` is a pause.
    pub question: String,
    pub kind: Kind,
    pub speaker: String,
    /// Until its last speech sample.
    pub seconds: f64,
    /// The pauses inside.
    pub pauses_ms: Vec<f64>,
    pub outcome: Outcome,
    /// A turn was begun too early, and given up before a sound.
    #[serde(default)]
    pub taken_back: bool,
    /// How many turns it became.
    pub turns: usize,
    /// When the pipeline holds that the speech ended, and counts from.
    pub taken_ms: Option<f64>,
    /// When each stage of the last turn was reached.
    pub stages_ms: Reached,
    /// Silences between the clauses of the reply, short ones too.
    pub silences_ms: Vec<f64>,
    /// What was heard, and what was answered; of several turns, one after the other.
    pub heard: String,
    pub reply: String,
    /// What went wrong, if anything did.
    pub failure: Option<String>,
}

impl Turn {
    /// Judges what came of `question`.
    pub fn of(round: u32, question: &Question, asked: &Asked) -> Self {
        let after = |at| signed_ms(at, asked.ended);
        let taken = |turn: &hearken::event::TurnReport| Taken {
            speech_end: after(turn.speech_end),
            sounded: turn.stages.first_played.is_some(),
            failed: turn.failure.is_some(),
        };
        let taken: Vec<Taken> = asked.turns.iter().map(taken).collect();
        let taken_ms = taken.last().map(|t| super::tenth(t.speech_end));
        let last = asked.turns.last();
        let outcome = judge(&taken, asked.first_sound.map(after));
        let all = |of: fn(&hearken::event::TurnReport) -> &str| {
            let texts: Vec<&str> = asked.turns.iter().map(of).collect();
            texts.join(" | ")
        };
        Self {
            round,
            question: question.words.clone(),
            kind: question.kind,
            speaker: question.speaker.clone(),
            seconds: super::tenth(super::ms(question.end)) / 1000.0,
            pauses_ms: question.pauses_ms.clone(),
            outcome,
            taken_back: taken_back(outcome, asked.first_turn.map(after)),
            turns: taken.len(),
            taken_ms,
            stages_ms: last.map_or_else(Reached::new, |turn| {
                stages::reached(&turn.stages, after(turn.speech_end))
            }),
            silences_ms: last.map_or_else(Vec::new, |turn| turn.gaps_ms.clone()),
            heard: all(|turn| &turn.transcript),
            reply: all(|turn| &turn.reply),
            failure: asked.turns.iter().find_map(|turn| turn.failure.clone()),
        }
    }

    /// Whether its times count.
    pub fn counts(&self) -> bool {
        self.outcome == Outcome::Answered
    }
}

/// How much later than `origin` `at` is.
fn signed_ms(at: Instant, origin: Instant) -> f64 {
    let later = at.saturating_duration_since(origin).as_secs_f64();
    let earlier = origin.saturating_duration_since(at).as_secs_f64();
    (later - earlier) * 1000.0
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::time::Duration;

    /// A turn with these stages.
    pub fn turn(question: &str, outcome: Outcome, stages: &[(&str, f64)]) -> Turn {
        Turn {
            round: 1,
            question: question.into(),
            kind: Kind::Synthesized,
            speaker: "somebody".into(),
            seconds: 2.5,
            pauses_ms: vec![600.0],
            outcome,
            taken_back: false,
            turns: 1,
            taken_ms: Some(-3.1),
            stages_ms: stages.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect(),
            silences_ms: vec![12.5],
            heard: "What is the capital of France?".into(),
            reply: "Paris.".into(),
            failure: None,
        }
    }

    #[test]
    fn times_before_the_end_are_negative() {
        let now = Instant::now();
        let later = now + Duration::from_millis(250);
        assert_eq!(signed_ms(later, now).round(), 250.0);
        assert_eq!(signed_ms(now, later).round(), -250.0);
    }
}
