//! What is said after a question, while its reply is being written: judged, and joined with the question or forgotten.

use std::time::Duration;

use tracing::debug;

use super::words::level_db;
use super::{Conductor, Held, Turn};
use crate::config::Policy;
use crate::listen::transcribe::{TranscribeError, Transcript};
use crate::turn::TurnId;
use crate::turn::attention::{Regard, Said};
use crate::turn::barge_in::{self, Interruption};
use crate::turn::state::{Input, Verdict};

/// Who goes on within this after the question had not finished it, whatever else may stop a reply.
const GOES_ON: Duration = Duration::from_millis(1_500);

impl Conductor {
    /// The words of what was said after the question of `turn` are known.
    pub(super) fn after_question(
        &mut self,
        turn: TurnId,
        result: Result<Transcript, TranscribeError>,
    ) {
        // Without words nobody knows what it was; the question is answered.
        let verdict = match result {
            Err(_) => Verdict::CarryOn,
            Ok(transcript) => self.judge_after(turn, transcript),
        };
        debug!(
            turn = turn.0,
            ?verdict,
            "somebody speaks after the question"
        );
        self.take(Input::Judged {
            turn,
            whole: true,
            verdict,
        });
    }

    fn judge_after(&mut self, id: TurnId, transcript: Transcript) -> Verdict {
        let Some(turn) = self.turn.as_ref().filter(|turn| turn.id == id) else {
            return Verdict::CarryOn;
        };
        let pause = self
            .speech_began
            .saturating_duration_since(turn.timing.speech_end());
        let level = level_db(self.held.after_question());
        let said = Said {
            text: &transcript.text,
            language: &transcript.language,
            // Whoever has asked is being listened to.
            in_window: true,
            woken: None,
            fainter_db: self.last_level.map_or(0.0, |last| last - level),
            was_asked: false,
        };
        let regard = self.manners.attention.regard(&said, &self.manners.name);
        let verdict = match regard {
            Regard::Other { .. } => Verdict::CarryOn,
            Regard::Called | Regard::Wanted(_) => barge_in::verdict(&Interruption {
                policy: match self.manners.policy {
                    _ if pause < GOES_ON => Policy::Speech,
                    // Nothing sounds that it could be taken for.
                    Policy::Off => Policy::Name,
                    set => set,
                },
                text: &transcript.text,
                language: &transcript.language,
                mean_logprob: transcript.mean_logprob,
                over: true,
                voiced_ms: 0,
                name: &self.manners.name,
                speaking: "",
                held: false,
            }),
        };
        match verdict {
            Verdict::Stop | Verdict::Hold => {
                self.held.in_window = true;
                let asked = (self.held.asked > 0).then_some(turn);
                // When still more was said, all of it is transcribed.
                let last = self.held.utterances.len() == self.held.asked + 1;
                self.held.known = last.then(|| joined(asked, transcript));
            }
            _ => self.adjust(id, &transcript),
        }
        verdict
    }
}

impl Held {
    /// The first utterance after the question; none when there is none.
    pub(super) fn after_question(&self) -> &[Vec<f32>] {
        let end = self.utterances.len().min(self.asked + 1);
        &self.utterances[self.asked.min(end)..end]
    }
}

/// The question and what was said after it, as one.
fn joined(asked: Option<&Turn>, after: Transcript) -> Transcript {
    match asked {
        None => after,
        Some(turn) => Transcript {
            text: format!("{} {}", turn.transcript, after.text),
            language: turn.language.clone(),
            ..after
        },
    }
}
