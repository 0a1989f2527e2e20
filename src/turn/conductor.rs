//! The conductor: the one owner of the conversation's state. A tokio task that turns what the ear, the transcriber,
//! the reply and the player report into inputs of the state machine, and carries its actions out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::TurnId;
use super::responder::{Failure, Job, Note, respond};
use super::state::{Action, Input, State};
use super::timing::{Stage, Timing};
use super::transcription::{parts, transcribe_all};
use crate::audio::{EAR_RATE, MicrophoneError, SpeakerError};
use crate::event::{Bus, Event, TurnReport};
use crate::listen::ear::EarHandle;
use crate::listen::transcribe::{TranscribeError, Transcript};
use crate::listen::worker::Worker;
use crate::listen::{Heard, Utterance};
use crate::onnx::OnnxError;
use crate::reply::history::History;
use crate::reply::model::LanguageModel;
use crate::speak::chime::Chime;
use crate::speak::player::{Played, PlayerHandle};
use crate::speak::worker::Synthesizer;

/// Utterances of an unanswered turn are kept up to this, in samples: five minutes.
const MOST_HELD: usize = 300 * EAR_RATE as usize;

/// Everything a conversation is held with. The conductor owns the handles; the threads own the devices and models.
pub struct Company {
    /// What the ear heard.
    pub heard: mpsc::Receiver<Heard>,
    /// The ear itself, to make it deaf.
    pub ear: EarHandle,
    /// Makes words of utterances.
    pub transcriber: Arc<Worker>,
    /// Writes replies.
    pub model: Arc<dyn LanguageModel>,
    /// Says clauses.
    pub synthesizer: Synthesizer,
    /// Plays them.
    pub player: PlayerHandle,
    /// What the player did.
    pub played: mpsc::Receiver<Played>,
    /// What was said so far.
    pub history: History,
}

/// How the conversation is held.
#[derive(Debug, Clone)]
pub struct Manners {
    /// How long after its last sample a reply still rings in the devices and the room.
    pub tail: Duration,
    /// A turn that shows no progress for so long is given up.
    pub patience: Duration,
    /// The most that is transcribed in one go, in samples at 16 kHz. Who speaks longer is transcribed in several.
    pub longest: usize,
    /// Whether failures chime.
    pub chimes: bool,
}

/// Why the conversation ended although nobody asked for it.
#[derive(Debug, thiserror::Error)]
pub enum Ending {
    /// The microphone failed.
    #[error(transparent)]
    Microphone(#[from] MicrophoneError),
    /// The loudspeaker failed.
    #[error(transparent)]
    Speaker(#[from] SpeakerError),
    /// The voice activity detector failed; another try will not help.
    #[error(transparent)]
    Detector(#[from] OnnxError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    NoThread(#[from] std::io::Error),
    /// A thread is gone. This is a bug.
    #[error("the {0} thread ended by itself; this is a bug in hearken, please report it")]
    Thread(&'static str),
}

/// The turn that is alive.
struct Turn {
    id: TurnId,
    timing: Timing,
    abort: Arc<AtomicBool>,
    task: Option<JoinHandle<()>>,
    gate: Option<oneshot::Sender<()>>,
    transcript: String,
    language: String,
    /// Clauses handed to the player.
    queued: Vec<String>,
    /// How many of them have been played to the end.
    played: usize,
    failure: Option<String>,
    /// The last clause tells of the failure.
    told: bool,
}

/// Holds one conversation until `shutdown`, the end of the recordings, or the loss of a device.
///
/// # Errors
/// [`Ending`].
pub async fn converse(
    company: Company,
    manners: Manners,
    bus: Bus,
    shutdown: CancellationToken,
) -> Result<(), Ending> {
    // Notes from the turn's own tasks. Full means that the conductor is behind; the task waits, nothing is lost.
    let (notes_in, notes) = mpsc::channel(16);
    let conductor = Conductor {
        company,
        manners,
        bus,
        notes_in,
        state: State::Idle,
        next: TurnId(1),
        held: Vec::new(),
        turn: None,
        arrived: None,
        recordings_over: false,
    };
    conductor.run(notes, shutdown).await
}

struct Conductor {
    company: Company,
    manners: Manners,
    bus: Bus,
    notes_in: mpsc::Sender<Note>,
    state: State,
    next: TurnId,
    /// The utterances that have not been answered, oldest first.
    held: Vec<Vec<f32>>,
    turn: Option<Turn>,
    /// The utterance that [`Input::Utterance`] is about, its samples already in `held`.
    arrived: Option<Timing>,
    recordings_over: bool,
}

impl Conductor {
    async fn run(
        mut self,
        mut notes: mpsc::Receiver<Note>,
        shutdown: CancellationToken,
    ) -> Result<(), Ending> {
        self.bus.emit(Event::Ready);
        loop {
            let watchdog = tokio::time::sleep(self.manners.patience);
            let alive = self.state.turn();
            // Notes before what was played: a clause is announced before the player can report on it.
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {
                    self.take(Input::Shutdown);
                    self.company.player.flush();
                    return Ok(());
                }
                Some(note) = notes.recv() => self.note(note),
                heard = self.company.heard.recv(), if !self.recordings_over => self.heard(heard)?,
                played = self.company.played.recv() => self.played(played)?,
                () = watchdog, if alive.is_some() => {
                    if let Some(turn) = alive {
                        self.take(Input::WatchdogBit { turn });
                    }
                }
            }
            if self.recordings_over && self.state == State::Idle {
                self.bus.emit(Event::Ended);
                return Ok(());
            }
        }
    }

    fn heard(&mut self, heard: Option<Heard>) -> Result<(), Ending> {
        match heard {
            Some(Heard::SpeechStarted { .. }) => {
                self.bus.emit(Event::SpeechStarted);
                self.take(Input::SpeechStarted);
            }
            Some(Heard::SpeechDismissed) => self.take(Input::SpeechDismissed),
            Some(Heard::Utterance(utterance)) => self.utterance(utterance),
            Some(Heard::Ended) => self.recordings_over = true,
            Some(Heard::Deaf(error)) => {
                self.take(Input::Shutdown);
                return Err(error.into());
            }
            Some(Heard::Lost(error)) => {
                self.take(Input::Shutdown);
                return Err(error.into());
            }
            None => return Err(Ending::Thread("ear")),
        }
        Ok(())
    }

    fn utterance(&mut self, utterance: Utterance) {
        let hangover = utterance.endpoint.saturating_sub(utterance.speech_end);
        let hangover = Duration::from_secs_f64(hangover as f64 / f64::from(EAR_RATE));
        self.held.push(utterance.samples);
        while self.held.iter().map(Vec::len).sum::<usize>() > MOST_HELD && self.held.len() > 1 {
            warn!("somebody has spoken for minutes without an end; the oldest is dropped");
            self.held.remove(0);
        }
        self.arrived = Some(Timing::new(hangover, utterance.decided));
        self.take(Input::Utterance);
        if self.arrived.take().is_some() {
            // It came just before the microphone was ignored, and can become no turn.
            self.held.clear();
        }
    }

    fn played(&mut self, played: Option<Played>) -> Result<(), Ending> {
        match played {
            Some(Played::Started { tag, clause, at }) => {
                if let Some(turn) = self.turn.as_mut().filter(|t| t.id.0 == tag) {
                    turn.timing.mark(Stage::FirstPlayed, at);
                    if let Some(text) = turn.queued.get(clause) {
                        self.bus.emit(Event::ClauseStarted {
                            turn: turn.id,
                            text: text.clone(),
                        });
                    }
                }
            }
            Some(Played::Finished { tag, .. }) => {
                if let Some(turn) = self.turn.as_mut().filter(|t| t.id.0 == tag) {
                    turn.played += 1;
                }
                self.take(Input::ClausePlayed { turn: TurnId(tag) });
            }
            Some(Played::Stopped { .. } | Played::Idle) => {}
            Some(Played::Lost(error)) => {
                self.take(Input::Shutdown);
                return Err(error.into());
            }
            None => return Err(Ending::Thread("player")),
        }
        Ok(())
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Reached { turn, stage, at } => {
                if let Some(turn) = self.turn.as_mut().filter(|t| t.id == turn) {
                    turn.timing.mark(stage, at);
                }
            }
            Note::Transcribed { turn, result, at } => self.transcribed(turn, result, at),
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
                    if let Some(failure) = failure {
                        let what = failure.to_string();
                        warn!(turn = turn.0, "{what}");
                        alive.told = !matches!(failure, Failure::Voice(_));
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
        }
    }

    fn transcribed(
        &mut self,
        turn: TurnId,
        result: Result<Transcript, TranscribeError>,
        at: Instant,
    ) {
        let Some(alive) = self.turn.as_mut().filter(|t| t.id == turn) else {
            return;
        };
        alive.timing.mark(Stage::Text, at);
        let words = match result {
            Ok(transcript) => {
                if let Some(refused) = transcript.refused {
                    debug!(
                        turn = turn.0,
                        ?refused,
                        "what whisper wrote is not taken for words"
                    );
                }
                alive.transcript = transcript.text;
                alive.language = transcript.language;
                !alive.transcript.is_empty()
            }
            Err(error) => {
                warn!(turn = turn.0, "{error}");
                self.bus.emit(Event::Failed {
                    what: error.to_string(),
                });
                if self.manners.chimes {
                    self.company.player.chime(Chime::Failed);
                }
                false
            }
        };
        if words {
            self.bus.emit(Event::Transcribed {
                turn,
                text: alive.transcript.clone(),
                language: alive.language.clone(),
            });
        }
        self.take(Input::Transcribed { turn, words });
    }

    /// The one place where the state changes.
    fn take(&mut self, input: Input) {
        let (state, actions) = self.state.step(input, self.next);
        if state != self.state {
            debug!(?input, from = ?self.state, to = ?state, "turn");
        }
        let waits = |state| matches!(state, State::Idle | State::Listening);
        let turn_over = waits(state) && !waits(self.state);
        self.state = state;
        for action in actions {
            self.act(action);
        }
        if turn_over {
            self.bus.emit(Event::Listening);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::DropHeldAudio => self.held.clear(),
            Action::Cancel(id) => self.cancel(id),
            Action::Transcribe(id) => self.transcribe(id),
            Action::Reply(_) => self.reply(),
            Action::LetSound(_) => {
                if let Some(gate) = self.turn.as_mut().and_then(|t| t.gate.take()) {
                    let _ = gate.send(());
                }
            }
            Action::IgnoreMicrophone(ignore) => self.company.ear.ignore(ignore),
            Action::Finish(id) => self.finish(id),
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

    fn transcribe(&mut self, id: TurnId) {
        let Some(timing) = self.arrived.take() else {
            return;
        };
        self.next = TurnId(id.0 + 1);
        self.bus.emit(Event::TurnStarted { turn: id });
        let abort = Arc::new(AtomicBool::new(false));
        let parts = parts(&self.held, self.manners.longest);
        let (worker, notes, flag) = (
            Arc::clone(&self.company.transcriber),
            self.notes_in.clone(),
            Arc::clone(&abort),
        );
        let task = tokio::spawn(async move {
            let result = transcribe_all(&worker, parts, flag).await;
            let _ = notes
                .send(Note::Transcribed {
                    turn: id,
                    result,
                    at: Instant::now(),
                })
                .await;
        });
        self.turn = Some(Turn {
            id,
            timing,
            abort,
            task: Some(task),
            gate: None,
            transcript: String::new(),
            language: String::new(),
            queued: Vec::new(),
            played: 0,
            failure: None,
            told: false,
        });
    }

    fn reply(&mut self) {
        let Some(turn) = self.turn.as_mut() else {
            return;
        };
        let (gate, opened) = oneshot::channel();
        turn.gate = Some(gate);
        turn.task = Some(tokio::spawn(respond(Job {
            turn: turn.id,
            messages: self.company.history.begin(&turn.transcript),
            language: turn.language.clone(),
            model: Arc::clone(&self.company.model),
            synthesizer: self.company.synthesizer.clone(),
            player: self.company.player.clone(),
            abort: Arc::clone(&turn.abort),
            gate: opened,
            notes: self.notes_in.clone(),
        })));
    }

    fn cancel(&mut self, id: TurnId) {
        let Some(turn) = self.turn.take() else { return };
        turn.abort.store(true, Ordering::Relaxed);
        if let Some(task) = &turn.task {
            task.abort();
        }
        if !turn.queued.is_empty() {
            self.company.player.flush();
            let spoken = turn.queued[..turn.played.min(turn.queued.len())].join(" ");
            self.company
                .history
                .record(&turn.transcript, &spoken, false);
        }
        self.bus.emit(Event::TurnCancelled { turn: id });
    }

    fn finish(&mut self, id: TurnId) {
        let Some(turn) = self.turn.take() else { return };
        let reply = turn.queued.join(" ");
        // A clause that tells of a failure is no part of the conversation: the model would take it for its own words.
        let told = usize::from(turn.told && !turn.queued.is_empty());
        let spoken = &turn.queued[..turn.queued.len() - told];
        if turn.failure.is_none() || !spoken.is_empty() {
            let (heard, complete) = (&turn.transcript, turn.failure.is_none());
            self.company
                .history
                .record(heard, &spoken.join(" "), complete);
        }
        let stages = turn.timing.stages();
        info!(
            turn = id.0,
            clauses = turn.queued.len(),
            voice_to_voice_ms = stages.first_played,
            "turn finished"
        );
        self.bus.emit(Event::TurnFinished(TurnReport {
            turn: id,
            transcript: turn.transcript,
            reply,
            failure: turn.failure,
            stages,
        }));
    }
}
