//! What the state machine wants done, done.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::{debug, info, warn};

use super::{Conductor, Held, Turn};
use crate::command::Command;
use crate::config::Policy;
use crate::event::{EchoState, Event, TurnReport};
use crate::reply::history::End;
use crate::reply::model::LanguageModel;
use crate::reply::ready::Ready;
use crate::speak::chime::Chime;
use crate::turn::TurnId;
use crate::turn::responder::{Job, Note, respond};
use crate::turn::state::Action;
use crate::turn::transcription::{parts, transcribe_all};

impl Conductor {
    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::DropHeldAudio => {
                self.held = Held::default();
                self.ahead = None;
            }
            Action::DropJudged => self.held.drop_judged(),
            Action::KeepJudged => self.held.keep_judged(),
            Action::Cancel(id) => self.cancel(id),
            Action::Transcribe(id) => self.transcribe(id),
            Action::Take(id) => self.next = self.next.max(TurnId(id.0 + 1)),
            Action::Reply(_) => self.reply(),
            Action::LetSound(_) => {
                if let Some(gate) = self.turn.as_mut().and_then(|t| t.gate.take()) {
                    let _ = gate.send(self.company.player.line());
                }
            }
            Action::Sounding(on) => {
                let deaf = self.manners.policy == Policy::Off;
                self.company.ear.ignore(on && deaf);
                self.company.ear.eager(on && !deaf);
            }
            Action::Duck(turn) => self.duck(turn),
            Action::Restore(turn) => self.restore(turn),
            Action::Judge(turn) => self.judge(turn),
            Action::Interrupt(id) => self.interrupt(id),
            // Both may come twice: for the beginning of what was said, and for the whole.
            Action::Hold(turn) => {
                self.company.player.pause(true);
                self.bus.emit(Event::Held { turn });
                // Who has it wait may want something else.
                if !self.by_order {
                    let length = self.manners.attention.follow_up(Instant::now());
                    self.window_opened(length);
                }
            }
            Action::GoOn(turn) => {
                self.company.player.pause(false);
                self.bus.emit(Event::WentOn { turn });
            }
            Action::Finish(id) => self.finish(id),
            Action::Called { chime, .. } => {
                self.turn = None;
                self.attend(chime, false);
            }
            Action::Attend => self.attend(true, true),
            Action::Overheard(_) => {
                self.turn = None;
                self.bus.emit(Event::Overheard);
            }
            Action::NothingSaid(turn) => {
                self.turn = None;
                self.bus.emit(Event::NothingSaid { turn });
            }
            Action::Stuck(turn) => {
                let seconds = self.manners.patience.as_secs();
                let what = format!("turn {turn} made no progress for {seconds} s and was given up");
                warn!("{what}");
                self.bus.emit(Event::Failed { what });
                if self.manners.chimes {
                    self.company.player.chime(Chime::Failed);
                }
            }
            Action::Settle => {
                let (notes, tail) = (self.notes_in.clone(), self.manners.tail);
                tokio::spawn(async move {
                    tokio::time::sleep(tail).await;
                    let _ = notes.send(Note::Settled).await;
                });
            }
        }
    }

    /// Somebody wants something: says that it is heard, and waits.
    fn attend(&mut self, chime: bool, pushed: bool) {
        if chime && self.manners.chimes {
            self.company.player.chime(Chime::Listening);
        }
        if self.manners.attention.is_asleep() {
            self.bus.emit(Event::Awake);
        }
        self.bus.emit(Event::Called);
        let length = self.manners.attention.called(pushed, Instant::now());
        // Who speaks already is heard as well.
        self.began_in_window = true;
        self.held.in_window |= !self.held.utterances.is_empty();
        self.window_opened(length);
    }

    fn window_opened(&mut self, length: Option<Duration>) {
        if let Some(length) = length {
            let ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
            self.bus.emit(Event::WindowOpened { ms });
        }
    }

    fn transcribe(&mut self, id: TurnId) {
        let Some(timing) = self.held.timing.take() else {
            return;
        };
        self.next = self.next.max(TurnId(id.0 + 1));
        let awake = !self.manners.attention.is_asleep();
        let announced = (self.held.in_window && awake) || self.open();
        if announced {
            self.bus.emit(Event::TurnStarted { turn: id });
        }
        self.by_order = false;
        let mut turn = Turn::new(id, timing, announced);
        turn.asked_until = self.held.utterances.last().map_or(0, |u| u.until);
        self.held.asked = self.held.utterances.len();
        if self.take_words(&mut turn) {
            self.turn = Some(turn);
            return;
        }
        let known = self.held.known.take().or(self.held.amended.take());
        let parts = parts(self.held.sound(), self.manners.longest);
        let (worker, notes, flag) = (
            Arc::clone(&self.company.transcriber),
            self.notes_in.clone(),
            Arc::clone(&turn.abort),
        );
        turn.task = Some(tokio::spawn(async move {
            let result = match known {
                Some(transcript) => Ok(transcript),
                None => transcribe_all(&worker, parts, false, flag).await,
            };
            let _ = notes
                .send(Note::Transcribed {
                    turn: id,
                    result,
                    at: Instant::now(),
                })
                .await;
        }));
        self.turn = Some(turn);
    }

    fn reply(&mut self) {
        if self.take_reply() {
            return;
        }
        let Some(turn) = self.turn.as_mut() else {
            return;
        };
        let (gate, opened) = oneshot::channel();
        turn.gate = Some(gate);
        let (model, messages): (Arc<dyn LanguageModel>, _) = match turn.answer.take() {
            Some(answer) => (Arc::new(Ready(answer)), Vec::new()),
            None => (
                Arc::clone(&self.company.model),
                self.company.history.begin(&turn.wanted),
            ),
        };
        turn.task = Some(tokio::spawn(respond(Job {
            turn: turn.id,
            messages,
            language: turn.language.clone(),
            name: self.manners.name.written().to_owned(),
            model,
            synthesizer: self.company.synthesizer.clone(),
            abort: Arc::clone(&turn.abort),
            gate: opened,
            notes: self.notes_in.clone(),
        })));
    }

    /// Ends all that the turn has under way, and gives it to whoever reports it.
    pub(super) fn end_turn(&mut self) -> Option<Turn> {
        self.probe.stop();
        let turn = self.turn.take()?;
        turn.abort.store(true, Ordering::Relaxed);
        if let Some(task) = &turn.task {
            task.abort();
        }
        Some(turn)
    }

    /// Gives back the loudspeaker as it was before somebody spoke over the reply.
    pub(super) fn undo_sound(&self) {
        self.company.player.duck(0.0);
        self.company.player.pause(false);
    }

    fn cancel(&mut self, id: TurnId) {
        self.ahead = None;
        let Some(turn) = self.end_turn() else { return };
        if !turn.queued.is_empty() {
            self.company.player.flush();
            self.undo_sound();
            let spoken = turn.queued[..turn.played.min(turn.queued.len())].join(" ");
            self.remember(&turn, &spoken, End::Interrupted);
        }
        if turn.announced {
            self.bus.emit(Event::TurnCancelled { turn: id });
        }
    }

    /// A command is no part of the conversation.
    pub(super) fn remember(&mut self, turn: &Turn, spoken: &str, end: End) {
        if turn.command.is_none() && !turn.said_only && !turn.forgotten {
            let kept = self.company.history.record(&turn.wanted, spoken, end);
            if let (Some(keeper), Some((asked, said))) = (&self.company.keeper, kept) {
                keeper.add(asked, said);
            }
            // Where the conversation differs from what the model wrote, or has been shortened, it is read anew: now, while
            // nobody waits.
            self.company.model.prepare(self.company.history.so_far());
        }
    }

    fn finish(&mut self, id: TurnId) {
        self.probe.stop();
        let Some(turn) = self.turn.take() else { return };
        self.undo_sound();
        let reply = turn.queued.join(" ");
        // A clause that tells of a failure is no part of the conversation: the model would take it for its own words.
        let told = usize::from(turn.told && !turn.queued.is_empty());
        let spoken = &turn.queued[..turn.queued.len() - told];
        if turn.failure.is_none() || !spoken.is_empty() {
            let end = match turn.failure {
                None => End::Whole,
                Some(_) => End::BrokeOff,
            };
            let spoken = spoken.join(" ");
            self.remember(&turn, &spoken, end);
        }
        self.report(id, turn, reply, false);
    }

    /// Tells observers of a turn that is over, and opens the window in which its listener may go on.
    pub(super) fn report(&mut self, id: TurnId, turn: Turn, reply: String, interrupted: bool) {
        let stages = turn.timing.stages();
        info!(
            turn = id.0,
            clauses = turn.queued.len(),
            voice_to_voice_ms = stages.first_played,
            interrupted,
            "turn finished"
        );
        let gaps_ms = turn.gaps.found();
        debug!(
            turn = id.0,
            ?stages,
            ?gaps_ms,
            "stages in ms after the end of speech"
        );
        if !turn.queued.is_empty() {
            let echo = self.company.ear.echo();
            self.bus.emit(Event::Echo(EchoState {
                active: echo.active,
                erle_db: echo.erle_db,
                delay_ms: echo.delay_ms,
            }));
        }
        if !reply.is_empty() {
            // Of a reply that was stopped more may still ring than was heard.
            self.last_spoken = turn.queued.join(" ");
        }
        let told = matches!(turn.command, None | Some(Command::Time | Command::Date));
        if !reply.is_empty() && told {
            self.last_reply.clone_from(&reply);
        }
        let ordered = turn.ordered;
        self.bus.emit(Event::TurnFinished(TurnReport {
            turn: id,
            transcript: turn.transcript,
            reply,
            interrupted,
            failure: turn.failure,
            stages,
            speech_end: turn.timing.speech_end(),
            gaps_ms,
        }));
        let length = match turn.command {
            Some(Command::NeverMind) => None,
            // Who gave the order need not be in the room.
            _ if ordered => None,
            _ => self.manners.attention.follow_up(Instant::now()),
        };
        // Who goes on while the reply ends has the window without asking.
        self.began_in_window |= length.is_some();
        self.window_opened(length);
    }
}
