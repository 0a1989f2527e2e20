//! What is said after a question, while its reply is being written: judged, and joined with the question or forgotten.

use std::time::Duration;

use tracing::debug;

use super::Conductor;
use super::held::Spoken;
use super::words::level_db;
use crate::command;
use crate::config::Policy;
use crate::listen::transcribe::{Refused, TranscribeError, Transcript};
use crate::turn::TurnId;
use crate::turn::attention::{Regard, Said};
use crate::turn::barge_in::{self, Interruption};
use crate::turn::state::{Input, Verdict};

/// Who goes on within this after the question had not finished it, whatever else may stop a reply.
pub(super) const GOES_ON: Duration = Duration::from_millis(1_500);

impl Conductor {
    /// The words of what was said after the question of `turn` are known.
    pub(super) fn after_question(
        &mut self,
        turn: TurnId,
        result: Result<Transcript, TranscribeError>,
    ) {
        let verdict = match result {
            // Nobody knows what it was; the question is answered.
            Err(error) => {
                self.not_understood(turn, &error);
                Verdict::CarryOn
            }
            Ok(transcript) => self.judge_after(turn, &transcript),
        };
        debug!(
            turn = turn.0,
            ?verdict,
            "somebody speaks after the question"
        );
        if verdict == Verdict::CarryOn {
            self.pass_over();
        }
        self.take(Input::Judged {
            turn,
            whole: true,
            verdict,
        });
    }

    fn judge_after(&mut self, turn: TurnId, transcript: &Transcript) -> Verdict {
        let Some(spoken) = self.held.after_question() else {
            return Verdict::CarryOn;
        };
        let ended = self.held.question_ended();
        let pause = ended.map(|ended| spoken.began.saturating_duration_since(ended));
        let level = level_db([&spoken.samples[..]]);
        let said = Said {
            text: &transcript.text,
            language: &transcript.language,
            // Whoever has asked is being listened to; a program is not.
            in_window: !self.by_order,
            woken: None,
            fainter_db: self.last_level.map_or(0.0, |last| last - level),
            was_asked: false,
        };
        let wanted = match self.manners.attention.regard(&said, &self.manners.name) {
            Regard::Wanted(wanted) => wanted,
            // Whoever calls once more is about to be answered.
            Regard::Other { .. } | Regard::Called => return Verdict::CarryOn,
        };
        let verdict = barge_in::verdict(&Interruption {
            policy: match self.manners.policy {
                _ if pause.is_some_and(|pause| pause < GOES_ON) => Policy::Speech,
                // Nothing sounds that it could be taken for.
                Policy::Off => Policy::Name,
                set => set,
            },
            text: &transcript.text,
            language: &transcript.language,
            mean_logprob: transcript.mean_logprob,
            no_words: transcript.refused == Some(Refused::NotWords),
            over: true,
            whole: true,
            voiced_ms: 0,
            length_ms: self.held.after_question().map_or(0, Spoken::length_ms),
            name: &self.manners.name,
            speaking: "",
            held: false,
        });
        match verdict {
            Verdict::Stop | Verdict::Hold => self.amend(wanted, transcript),
            Verdict::Unclear | Verdict::CarryOn | Verdict::GoOn => self.adjust(turn, transcript),
        }
        verdict
    }

    /// What is `wanted` goes on with the question; a command stands for itself.
    fn amend(&mut self, wanted: String, transcript: &Transcript) {
        let language = &transcript.language;
        let before = match command::recognise(&wanted, language) {
            Some(_) => None,
            None => self.question(),
        };
        let (text, language) = match before {
            Some((question, language)) => (format!("{question} {wanted}"), language),
            None => (wanted, language.clone()),
        };
        // It was for hearken, with or without the name in it.
        self.held.in_window = true;
        self.held.amended = Some(Transcript {
            text,
            language,
            ..transcript.clone()
        });
    }

    /// The words of what is being thought about, and their language; `None` when it has been obeyed.
    fn question(&self) -> Option<(String, String)> {
        if let Some(amended) = &self.held.amended {
            return Some((amended.text.clone(), amended.language.clone()));
        }
        let turn = self.turn.as_ref().filter(|_| self.held.asked > 0)?;
        Some((turn.transcript.clone(), turn.language.clone()))
    }
}
