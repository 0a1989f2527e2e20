//! What the ear, the player and the turn's own tasks tell, taken note of and made inputs of the state machine.

use std::time::{Duration, Instant};

use tracing::warn;

use super::held::Spoken;
use super::{Conductor, Ending, MOST_HELD};
use crate::audio::EAR_RATE;
use crate::config::Policy;
use crate::event::Event;
use crate::listen::{Heard, Utterance};
use crate::speak::chime::Chime;
use crate::speak::player::Played;
use crate::turn::TurnId;
use crate::turn::responder::{Failure, Note};
use crate::turn::state::{Input, State};
use crate::turn::timing::{Stage, Timing};

impl Conductor {
    pub(super) fn heard(&mut self, heard: Option<Heard>) -> Result<(), Ending> {
        match heard {
            Some(Heard::SpeechStarted { at, lasted }) => {
                self.speech_at = at;
                let now = Instant::now();
                let lasted = Duration::from_secs_f64(lasted as f64 / f64::from(EAR_RATE));
                self.speech_began = now.checked_sub(lasted).unwrap_or(now);
                // Who speaks over a reply, or in its last echo, speaks to hearken.
                self.began_over = matches!(self.state, State::Speaking(_) | State::Settling);
                self.began_in_window = self.manners.attention.in_window(self.speech_began);
                let policy = self.policy(self.began_in_window);
                self.began_in_window |= self.began_over && policy == Policy::Speech;
                self.ahead = None;
                (self.stands, self.reading_on) = (0, None);
                self.draft.begin();
                self.probe.begin(self.judging_whole());
                self.bus.emit(Event::SpeechStarted);
                self.take(Input::SpeechStarted);
            }
            Some(Heard::Partial(partial)) => match self.state {
                State::Idle | State::Listening => self.read_on(partial),
                _ => self.partial(partial),
            },
            Some(Heard::Paused(pause)) => self.paused(pause),
            Some(Heard::Resumed { silent_ms }) => self.resumed(silent_ms),
            Some(Heard::SpeechDismissed) => {
                self.ahead = None;
                self.reading_on = None;
                self.passed_over = Some(self.speech_at);
                // Unless something before it is being judged, there is nothing to judge.
                if !self.judging_whole() {
                    self.probe.stop();
                }
                self.take(Input::SpeechDismissed);
            }
            Some(Heard::Utterance(utterance)) => self.utterance(utterance),
            Some(Heard::Ended) => self.recordings_over = true,
            Some(Heard::Missing(error)) => self.microphone_missing(&error),
            Some(Heard::Found) => self.microphone_found(),
            Some(Heard::Muted(muted)) => self.muted(muted),
            Some(Heard::Deaf(error)) => return self.unless(Some(error.into())),
            Some(Heard::Lost(error)) => return self.unless(Some(error.into())),
            None => return Err(Ending::Thread("ear")),
        }
        Ok(())
    }

    fn utterance(&mut self, utterance: Utterance) {
        self.draft.stop();
        if utterance.cut_at_maximum {
            // The pause lies behind the cut, perhaps.
            self.ahead = None;
        }
        if self.ahead.is_none() {
            self.reading_on = None;
        }
        let waits = matches!(self.state, State::Idle | State::Listening);
        if waits
            && utterance.woken == Some(false)
            && !self.began_in_window
            && !self.open()
            && !self.manners.attention.is_asleep()
        {
            // The wake model heard nothing, and nobody else is listened to: not even whisper reads it.
            self.ahead = None;
            self.bus.emit(Event::Overheard);
            return self.take(Input::SpeechDismissed);
        }
        let hangover = utterance.endpoint.saturating_sub(utterance.speech_end);
        let hangover = Duration::from_secs_f64(hangover as f64 / f64::from(EAR_RATE));
        let timing = Timing::new(hangover, utterance.decided);
        let held = &mut self.held;
        held.utterances.push(Spoken {
            samples: utterance.samples,
            began: self.speech_began,
            ended: timing.speech_end(),
            at: self.speech_at,
            until: utterance.speech_end,
        });
        while held.length() > MOST_HELD && held.utterances.len() > 1 {
            warn!("somebody has spoken for minutes without an end; the oldest is dropped");
            held.drop_oldest();
        }
        held.in_window |= self.began_in_window;
        held.over_reply |= self.began_over;
        held.woken = match (held.woken, utterance.woken) {
            (None, latest) => latest,
            (before, None) => before,
            (Some(before), Some(latest)) => Some(before || latest),
        };
        held.known = None;
        held.timing = Some(timing);
        self.take(Input::Utterance);
    }

    pub(super) fn played(&mut self, played: Option<Played>) -> Result<(), Ending> {
        match played {
            Some(Played::Started { tag, clause, at }) => {
                if let Some(turn) = self.turn.as_mut().filter(|t| t.id.0 == tag) {
                    turn.timing.mark(Stage::FirstPlayed, at);
                    turn.gaps.started(clause, at);
                    if let Some(text) = turn.queued.get(clause) {
                        self.bus.emit(Event::ClauseStarted {
                            turn: turn.id,
                            text: text.clone(),
                        });
                    }
                }
            }
            Some(Played::Finished { tag, clause }) => {
                if let Some(turn) = self.turn.as_mut().filter(|t| t.id.0 == tag) {
                    turn.played += 1;
                    turn.gaps.finished(clause, Instant::now());
                }
                self.cut_at(tag, None);
                self.take(Input::ClausePlayed { turn: TurnId(tag) });
            }
            Some(Played::Stopped { tag, heard, .. }) => self.cut_at(tag, Some(heard)),
            Some(Played::Idle) => self.conclude(),
            Some(Played::Lost(error)) => self.loudspeaker_lost(error)?,
            None => return Err(Ending::Thread("player")),
        }
        Ok(())
    }

    pub(super) fn note(&mut self, note: Note) {
        let Some(note) = self.keep_ahead(note) else {
            return;
        };
        match note {
            Note::Reached { turn, stage, at } => {
                if let Some(turn) = self.turn.as_mut().filter(|t| t.id == turn) {
                    turn.timing.mark(stage, at);
                }
            }
            // First what was heard of the reply before.
            Note::Transcribed { turn, .. } if self.cut.is_some() => {
                let alive = self.turn.as_ref().is_some_and(|alive| alive.id == turn);
                self.deferred = Some(note).filter(|_| alive).or(self.deferred.take());
            }
            Note::Transcribed { turn, result, at } => self.transcribed(turn, result, at),
            Note::Probed {
                turn,
                number,
                whole,
                extent,
                result,
            } => self.probed(turn, number, whole, extent, result),
            Note::Drafted { number, result } => self.drafted(number, result),
            // Its pause is over.
            Note::Foretold { .. } => {}
            Note::ClauseReady { turn } if !self.loudspeaker => self.sound_waits = Some(turn),
            Note::ClauseReady { turn } => self.take(Input::ClauseReady { turn }),
            Note::ClauseQueued { turn, text } => {
                if let Some(turn) = self.turn.as_mut().filter(|t| t.id == turn) {
                    turn.queued.push(text);
                }
            }
            Note::ReplyEnded {
                turn,
                clauses,
                failure,
            } => {
                if let Some(alive) = self.turn.as_mut().filter(|t| t.id == turn) {
                    let clauses = match failure {
                        Some(Failure::Broke) => alive.queued.len(),
                        _ => clauses,
                    };
                    if let Some(failure) = failure {
                        let what = failure.to_string();
                        warn!(turn = turn.0, "{what}");
                        alive.told = !matches!(failure, Failure::Voice(_) | Failure::Broke);
                        if !alive.told && self.manners.chimes {
                            self.company.player.chime(Chime::Failed);
                        }
                        self.bus.emit(Event::Failed { what: what.clone() });
                        alive.failure = Some(what);
                    }
                    self.take(Input::ReplyEnded { turn, clauses });
                }
            }
            Note::Settled => self.take(Input::Settled),
            Note::DevicesOverdue => self.notice(),
            Note::CutOverdue { turn } => {
                if self.cut.as_ref().is_some_and(|cut| cut.is_of(turn)) {
                    self.conclude();
                }
            }
        }
    }
}
