//! What is prepared in a pause, before it is known whether the speaker has finished: the words, the reply, its first clause.
//!
//! A call of the name is looked at twice; the reply begins to be prepared after the first look.
//!
//! The ear ends an utterance when it knows the words before its pause. Words that sound whole are told to it only when there
//! is something to say: an end that is decided sooner makes nothing quicker, and cuts off who only paused.
//!
//! *Invariant*: nothing of it sounds, is obeyed, shown as an answer or remembered. The endpoint takes it over, or it is
//! dropped, which ends all of it but the reading of the words before a pause that stands (`continuing.rs`). It lies outside of the state machine: to that, a turn begins at the endpoint, and what is
//! ready by then is merely ready sooner.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::debug;

use super::words::{Circumstances, Meant, level_db};
use super::{Conductor, Turn};
use crate::command::Command;
use crate::event::Event;
use crate::listen::Pause;
use crate::listen::continuing::LEAST;
use crate::listen::ending::{Ending, ending};
use crate::listen::transcribe::{Stretch, TranscribeError, Transcript};
use crate::reply::model::Message;
use crate::speak::player::Line;
use crate::turn::TurnId;
use crate::turn::responder::{Job, Note, respond};
use crate::turn::state::State;
use crate::turn::timing::Stage;

/// A pause that lasted so long, in ms, is no gap between two sounds of a word: it may be cut there.
const STANDS_MS: u32 = 128;

/// Work that ends when it is dropped.
pub(super) struct Task {
    abort: Arc<AtomicBool>,
    /// None once it has been given away.
    handle: Option<JoinHandle<()>>,
}

/// What is prepared in one pause.
pub(super) struct Ahead {
    /// The number of the pause.
    pause: u64,
    /// What was said before it, in samples.
    samples: usize,
    /// The turn that it becomes when the pause turns out to be the end.
    pub(super) id: TurnId,
    /// When the pause was noticed.
    noticed: Instant,
    /// How loud it was said, in dB.
    level: f32,
    woken: Option<bool>,
    transcribing: Option<Task>,
    /// The words, once they are known.
    transcribed: Option<Note>,
    /// What the words say, until the ear is told.
    untold: Option<Ending>,
    reply: Option<Prepared>,
}

/// A reply whose first clause waits at the gate.
struct Prepared {
    wanted: String,
    language: String,
    messages: Vec<Message>,
    task: Option<Task>,
    gate: Option<oneshot::Sender<Line>>,
    /// What it has told so far.
    notes: Vec<Note>,
    /// Its first clause can sound, or there will be none.
    speaks: bool,
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            self.abort.store(true, Ordering::Relaxed);
            handle.abort();
        }
    }
}

impl Task {
    fn new(abort: Arc<AtomicBool>, handle: JoinHandle<()>) -> Self {
        let handle = Some(handle);
        Self { abort, handle }
    }

    /// Hands the work over to `turn`, which ends it from now on.
    fn give(mut self, turn: &mut Turn) {
        turn.abort = Arc::clone(&self.abort);
        turn.task = self.handle.take();
    }
}

impl Ahead {
    /// How it was said.
    fn circumstances(&self, conductor: &Conductor) -> Circumstances {
        Circumstances {
            level: self.level,
            in_window: conductor.began_in_window,
            over_reply: conductor.began_over,
            woken: self.woken,
            several: false,
        }
    }
}

impl Conductor {
    /// Whoever speaks is silent for a moment.
    pub(super) fn paused(&mut self, pause: Pause) {
        self.ahead = None;
        // What is read now has all of it.
        self.draft.stop();
        // Over a reply, and after a question, it is judged otherwise.
        let waits = matches!(self.state, State::Idle | State::Listening);
        if !waits || !self.held.utterances.is_empty() {
            return;
        }
        let needless = pause.woken == Some(false) && !self.began_in_window && !self.open();
        if needless {
            return;
        }
        let id = self.next;
        self.next = TurnId(id.0 + 1);
        let level = level_db([&pause.samples[..]]);
        let abort = Arc::new(AtomicBool::new(false));
        let (worker, notes, flag) = (
            Arc::clone(&self.company.transcriber),
            self.notes_in.clone(),
            Arc::clone(&abort),
        );
        let samples = pause.samples.len();
        let stretch = self.stretch(true);
        let handle = tokio::spawn(async move {
            let (first, told) = oneshot::channel();
            let foretold = async {
                if let Ok(transcript) = told.await {
                    let note = Note::Foretold {
                        turn: id,
                        transcript,
                    };
                    let _ = notes.send(note).await;
                }
            };
            let reading = worker.transcribe_stretch(stretch, pause.samples, first, flag);
            let (result, ()) = tokio::join!(reading, foretold);
            let at = Instant::now();
            let note = Note::Transcribed {
                turn: id,
                result,
                at,
            };
            let _ = notes.send(note).await;
        });
        self.ahead = Some(Ahead {
            pause: pause.number,
            samples,
            id,
            noticed: Instant::now(),
            level,
            woken: pause.woken,
            transcribing: Some(Task::new(abort, handle)),
            transcribed: None,
            untold: None,
            reply: None,
        });
    }

    /// Whoever paused for `silent_ms` goes on. The words before a pause that was one stand, and are read to their end.
    pub(super) fn resumed(&mut self, silent_ms: u32) {
        let Some(mut ahead) = self.ahead.take() else {
            return;
        };
        if silent_ms >= STANDS_MS && ahead.samples >= LEAST {
            self.stands = ahead.samples;
            self.reading_on = ahead.transcribing.take();
        }
    }

    /// What is being said up to now; `pauses`: up to a pause.
    pub(super) fn stretch(&self, pauses: bool) -> Stretch {
        Stretch {
            utterance: self.speech_at,
            stands: self.stands,
            pauses,
        }
    }

    /// Keeps a note of what is being prepared until the endpoint; gives back one that is for a turn that is alive.
    pub(super) fn keep_ahead(&mut self, note: Note) -> Option<Note> {
        let alive = self.turn.as_ref().map(|turn| turn.id);
        let Some(ahead) = self.ahead.as_mut().filter(|a| note.turn() == Some(a.id)) else {
            return Some(note);
        };
        match note {
            Note::Transcribed { .. } if alive == Some(ahead.id) => return Some(note),
            Note::Transcribed { result, at, .. } => self.foreseen(result, at),
            Note::Foretold { transcript, .. } => self.foretold(transcript),
            other => {
                let Some(prepared) = &mut ahead.reply else {
                    return Some(other);
                };
                prepared.speaks |=
                    matches!(other, Note::ClauseReady { .. } | Note::ReplyEnded { .. });
                prepared.notes.push(other);
                self.tell_ear();
            }
        }
        None
    }

    /// The words up to the pause are read, and looked at again.
    fn foretold(&mut self, transcript: Transcript) {
        let may = self.cut.is_none() && self.company.model.is_local();
        let Some(ahead) = self.ahead.as_ref().filter(|_| may) else {
            return;
        };
        let id = ahead.id;
        if let Meant::Wanted {
            wanted,
            command: None,
        } = self.meant(&transcript, &ahead.circumstances(self))
        {
            self.prepare(id, wanted, transcript.language);
        }
    }

    /// Tells the ear what the words say, unless their reply has nothing to say yet.
    fn tell_ear(&mut self) {
        let Some(ahead) = self.ahead.as_mut() else {
            return;
        };
        let silent = ahead.reply.as_ref().is_some_and(|reply| !reply.speaks);
        if silent && ahead.untold != Some(Ending::Open) {
            return;
        }
        if let Some(words) = ahead.untold.take() {
            self.company.ear.words(ahead.pause, words);
        }
    }

    /// The words up to the pause are known.
    fn foreseen(&mut self, result: Result<Transcript, TranscribeError>, at: Instant) {
        let Some(ahead) = self.ahead.as_mut() else {
            return;
        };
        let words = match &result {
            Ok(t) if !t.text.is_empty() => ending(&t.text, &t.language),
            // Nobody will know more of it.
            Ok(_) | Err(_) => Ending::Unclear,
        };
        ahead.untold = Some(words);
        let transcript = result.as_ref().ok().filter(|t| !t.text.is_empty()).cloned();
        // How far the reply before it came is not known yet, and part of the prompt.
        let transcript = transcript.filter(|_| self.cut.is_none());
        let wish = transcript.and_then(|transcript| self.wish(transcript));
        let Some(ahead) = self.ahead.as_mut() else {
            return;
        };
        let begun = ahead.reply.as_ref();
        let begun = begun.map(|reply| (reply.wanted.clone(), reply.language.clone()));
        if begun.is_some() && begun != wish {
            // The first look had heard something else. What its reply still tells is not this turn's.
            ahead.reply = None;
            ahead.id = self.next;
            self.next = TurnId(ahead.id.0 + 1);
        }
        let id = ahead.id;
        ahead.transcribed = Some(Note::Transcribed {
            turn: id,
            result,
            at,
        });
        let silent = ahead.reply.is_none();
        if let Some((wanted, language)) = wish.filter(|_| silent && self.model_may_know()) {
            self.prepare(id, wanted, language);
        }
        self.tell_ear();
    }

    /// Whether the model may be told what is said before all is said: a call that turns out to be none, "Samantha, who lives next door",
    /// does not leave this computer.
    pub(super) fn model_may_know(&self) -> bool {
        self.company.model.is_local() || self.began_in_window || self.open()
    }

    /// What the model is to be asked, and the language of it; `None` of what is for somebody else, or a command.
    fn wish(&self, transcript: Transcript) -> Option<(String, String)> {
        let circumstances = self.ahead.as_ref()?.circumstances(self);
        // Asleep it says nothing of what may turn out to be somebody else's.
        if self.manners.attention.is_asleep() {
            return None;
        }
        let Meant::Wanted { wanted, command } = self.meant(&transcript, &circumstances) else {
            return None;
        };
        self.bus.emit(Event::Partial {
            text: self.manners.name.addressed(&transcript.text).to_owned(),
        });
        matches!(command, None | Some(Command::GoOn)).then_some((wanted, transcript.language))
    }

    /// Begins the reply that the words would get.
    fn prepare(&mut self, id: TurnId, wanted: String, language: String) {
        let messages = self.company.history.begin(&wanted);
        let (gate, opened) = oneshot::channel();
        let abort = Arc::new(AtomicBool::new(false));
        let handle = tokio::spawn(respond(Job {
            turn: id,
            messages: messages.clone(),
            language: language.clone(),
            name: self.manners.name.written().to_owned(),
            model: Arc::clone(&self.company.model),
            synthesizer: self.company.synthesizer.clone(),
            abort: Arc::clone(&abort),
            gate: opened,
            notes: self.notes_in.clone(),
        }));
        debug!(turn = id.0, "a reply is prepared");
        if let Some(ahead) = self.ahead.as_mut() {
            ahead.reply = Some(Prepared {
                wanted,
                language,
                messages,
                task: Some(Task::new(abort, handle)),
                gate: Some(gate),
                notes: Vec::new(),
                speaks: false,
            });
        }
    }

    /// The pause was the end: `turn` has what is known of its words, or waits for them.
    pub(super) fn take_words(&mut self, turn: &mut Turn) -> bool {
        let Some(ahead) = self.ahead.as_mut().filter(|a| a.id == turn.id) else {
            return false;
        };
        turn.timing.mark(Stage::Pause, ahead.noticed);
        if let Some(task) = ahead.transcribing.take() {
            task.give(turn);
        }
        self.replay.extend(ahead.transcribed.take());
        true
    }

    /// The reply to `turn`, where it has been prepared for these very words.
    pub(super) fn take_reply(&mut self) -> bool {
        let (Some(turn), Some(ahead)) = (self.turn.as_mut(), self.ahead.take()) else {
            return false;
        };
        let Some(mut prepared) = ahead.reply.filter(|_| ahead.id == turn.id) else {
            return false;
        };
        let same = turn.answer.is_none()
            && (&prepared.wanted, &prepared.language) == (&turn.wanted, &turn.language)
            && prepared.messages == self.company.history.begin(&turn.wanted);
        let (Some(task), true) = (prepared.task.take(), same) else {
            return false;
        };
        task.give(turn);
        turn.gate = prepared.gate.take();
        self.replay.append(&mut prepared.notes.into());
        true
    }
}
