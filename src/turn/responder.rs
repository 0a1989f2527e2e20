//! One turn's reply: tokens to clauses to sound, each stage at work on the next piece while the one after it plays.
//!
//! A tokio task per turn. Dropping the task ends the model's stream and the waiting; the turn's abort flag ends a
//! synthesis that is under way. It decides nothing about who talks: the first clause waits at the gate until the
//! state machine lets it sound.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use futures_util::{FutureExt, StreamExt};
use tokio::sync::{mpsc, oneshot};

use super::TurnId;
use super::conductor::Extent;
use super::timing::Stage;
use crate::reply::clause::Splitter;
use crate::reply::failure;
use crate::reply::label;
use crate::reply::model::{LanguageModel, Message, ModelError};
use crate::speak::player::{Line, PlayItem};
use crate::speak::spoken;
use crate::speak::voice::VoiceError;
use crate::speak::worker::Synthesizer;

/// What a reply's task, or a transcription's, tells the conductor.
#[derive(Debug)]
pub enum Note {
    /// A stage was reached.
    Reached {
        /// The turn.
        turn: TurnId,
        /// The stage.
        stage: Stage,
        /// When.
        at: Instant,
    },
    /// The utterance became words, or failed to.
    Transcribed {
        /// The turn.
        turn: TurnId,
        /// The words.
        result: Result<
            crate::listen::transcribe::Transcript,
            crate::listen::transcribe::TranscribeError,
        >,
        /// When.
        at: Instant,
    },
    /// What was said before a pause became words that are looked at again before they are believed.
    Foretold {
        /// The turn that is prepared.
        turn: TurnId,
        /// The words.
        transcript: crate::listen::transcribe::Transcript,
    },
    /// What is said over the reply, as far as it is known, became words.
    Probed {
        /// The turn whose reply it is.
        turn: TurnId,
        /// Which of the transcriptions over this and earlier replies.
        number: u64,
        /// The whole utterance, not its beginning.
        whole: bool,
        /// How much of it was heard.
        extent: Extent,
        /// The words.
        result: Result<
            crate::listen::transcribe::Transcript,
            crate::listen::transcribe::TranscribeError,
        >,
    },
    /// What somebody has said so far became words; they still speak.
    Drafted {
        /// Which of the readings.
        number: u64,
        /// The words.
        result: Result<
            crate::listen::transcribe::Transcript,
            crate::listen::transcribe::TranscribeError,
        >,
    },
    /// The first clause can sound and waits at the gate.
    ClauseReady {
        /// The turn.
        turn: TurnId,
    },
    /// A clause goes to the player now; clauses count from 0.
    ClauseQueued {
        /// The turn.
        turn: TurnId,
        /// The clause as the model wrote it.
        text: String,
    },
    /// Every clause has gone to the player, or nothing more comes.
    ReplyEnded {
        /// The turn.
        turn: TurnId,
        /// How many; those that the conductor knows of where the reply broke.
        clauses: usize,
        /// What went wrong, if anything did.
        failure: Option<Failure>,
    },
    /// The tail after a reply is over.
    Settled,
    /// Devices that went a while ago have had their time to come back.
    DevicesOverdue,
    /// The player has had its time to say how far a reply came that was stopped.
    CutOverdue {
        /// Whose reply it was.
        turn: TurnId,
    },
}

impl Note {
    /// The turn that it is about.
    pub fn turn(&self) -> Option<TurnId> {
        match self {
            Self::Reached { turn, .. }
            | Self::Transcribed { turn, .. }
            | Self::Foretold { turn, .. }
            | Self::Probed { turn, .. }
            | Self::ClauseReady { turn }
            | Self::ClauseQueued { turn, .. }
            | Self::ReplyEnded { turn, .. }
            | Self::CutOverdue { turn } => Some(*turn),
            Self::Drafted { .. } | Self::Settled | Self::DevicesOverdue => None,
        }
    }
}

/// Why a reply is not whole.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The model failed; the person hears a sentence about it.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The voice failed; the person hears a chime.
    #[error(transparent)]
    Voice(#[from] VoiceError),
    /// A bug; the person hears a chime.
    #[error("the reply broke; this is a bug in hearken, please report it")]
    Broke,
    /// The model wrote nothing that can be said; the person hears a sentence about it.
    #[error("the language model wrote nothing that can be said")]
    Empty,
}

/// What a reply needs.
pub struct Job {
    /// The turn.
    pub turn: TurnId,
    /// The conversation, ending with the person's words.
    pub messages: Vec<Message>,
    /// ISO 639-1 code of the language of those words.
    pub language: String,
    /// What hearken is called.
    pub name: String,
    /// Who writes.
    pub model: Arc<dyn LanguageModel>,
    /// Who says it.
    pub synthesizer: Synthesizer,
    /// Set when the turn is given up.
    pub abort: Arc<AtomicBool>,
    /// Opens when the first clause may sound, and says where.
    pub gate: oneshot::Receiver<Line>,
    /// Where notes go.
    pub notes: mpsc::Sender<Note>,
}

/// Writes, says and plays the reply. Where a bug ends that, the reply has ended, and is said to have failed.
pub async fn respond(job: Job) {
    let (turn, notes) = (job.turn, job.notes.clone());
    if AssertUnwindSafe(answer(job)).catch_unwind().await.is_err() {
        let _ = notes
            .send(Note::ReplyEnded {
                turn,
                clauses: 0,
                failure: Some(Failure::Broke),
            })
            .await;
    }
}

async fn answer(job: Job) {
    let Job {
        turn,
        messages,
        language,
        name,
        model,
        synthesizer,
        abort,
        gate,
        notes,
    } = job;
    // Two clauses wait at most: the voice is one ahead of the player, the model one ahead of the voice. When it is
    // full the model's stream is not read, which is no harm: the server goes on writing into its socket.
    let (clauses_in, clauses_out) = mpsc::channel::<String>(1);
    let writing = write(turn, model, messages, &language, clauses_in, &notes);
    let mut saying = Saying {
        turn,
        language: &language,
        name: &name,
        synthesizer,
        abort,
        notes: &notes,
        way: Way::Shut(Some(gate)),
        count: 0,
    };
    let (written, said) = tokio::join!(writing, saying.all(clauses_out));
    let failure = match (written, said) {
        (_, Err(Stop::Voice(error))) => Some(Failure::Voice(error)),
        (_, Err(Stop::NotWanted)) => None,
        (Err(failure), Ok(())) => Some(failure),
        // Signs alone, which no voice reads, or nothing at all: silence would leave the person waiting.
        (Ok(()), Ok(())) if saying.count == 0 => {
            match saying.clause(failure::nothing_written(&language)).await {
                Err(Stop::Voice(error)) => Some(Failure::Voice(error)),
                Ok(()) | Err(Stop::NotWanted) => Some(Failure::Empty),
            }
        }
        (Ok(()), Ok(())) => None,
    };
    let clauses = saying.count;
    let ended = Note::ReplyEnded {
        turn,
        clauses,
        failure,
    };
    let _ = notes.send(ended).await;
}

/// The model's stream, cut into clauses. A failure becomes a last clause that says what is wrong.
async fn write(
    turn: TurnId,
    model: Arc<dyn LanguageModel>,
    messages: Vec<Message>,
    language: &str,
    clauses: mpsc::Sender<String>,
    notes: &mpsc::Sender<Note>,
) -> Result<(), Failure> {
    let mut stream = model.reply(messages);
    let mut splitter = Splitter::new();
    let mut any = false;
    let mut failed = None;
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(text) => {
                reached(notes, turn, Stage::FirstToken).await;
                for clause in splitter.push(&text) {
                    if !any {
                        reached(notes, turn, Stage::FirstClause).await;
                    }
                    any = true;
                    if clauses.send(clause).await.is_err() {
                        return Ok(());
                    }
                }
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    for clause in splitter.finish() {
        if !any {
            reached(notes, turn, Stage::FirstClause).await;
        }
        any = true;
        if clauses.send(clause).await.is_err() {
            return Ok(());
        }
    }
    let Some(error) = failed else {
        return Ok(());
    };
    let sentence = failure::spoken(&error, language);
    let _ = clauses.send(sentence.to_owned()).await;
    Err(Failure::Model(error))
}

async fn reached(notes: &mpsc::Sender<Note>, turn: TurnId, stage: Stage) {
    let _ = notes
        .send(Note::Reached {
            turn,
            stage,
            at: Instant::now(),
        })
        .await;
}

/// Why no further clause is said.
enum Stop {
    Voice(VoiceError),
    /// The turn is over, or the player is.
    NotWanted,
}

/// The way to the player.
enum Way {
    /// Until the first clause has passed the gate.
    Shut(Option<oneshot::Receiver<Line>>),
    Open(Line),
}

struct Saying<'a> {
    turn: TurnId,
    language: &'a str,
    name: &'a str,
    synthesizer: Synthesizer,
    abort: Arc<AtomicBool>,
    notes: &'a mpsc::Sender<Note>,
    way: Way,
    /// Clauses that have gone to the player.
    count: usize,
}

impl Saying<'_> {
    /// Says clauses as they come.
    async fn all(&mut self, mut clauses: mpsc::Receiver<String>) -> Result<(), Stop> {
        while let Some(text) = clauses.recv().await {
            let text = match self.count {
                0 => label::without(&text, self.name),
                _ => &text,
            };
            self.clause(text).await?;
        }
        Ok(())
    }

    /// Synthesizes a clause and hands it to the player; one without any sound is passed over.
    async fn clause(&mut self, text: &str) -> Result<(), Stop> {
        let said = spoken::form(text, self.language);
        let abort = Arc::clone(&self.abort);
        let speech = self.synthesizer.say(said, self.language, abort).await;
        let speech = speech.map_err(Stop::Voice)?;
        if speech.samples.is_empty() {
            return Ok(());
        }
        let line = self.line().await?;
        let (turn, text) = (self.turn, text.to_owned());
        let queued = Note::ClauseQueued {
            turn,
            text: text.clone(),
        };
        let _ = self.notes.send(queued).await;
        let clause = self.count;
        let item = PlayItem {
            tag: turn.0,
            clause,
            speech,
            text,
        };
        line.play(item).await.map_err(|_| Stop::NotWanted)?;
        self.count += 1;
        Ok(())
    }

    /// The way to the player; the first clause waits here until it may sound.
    async fn line(&mut self) -> Result<Line, Stop> {
        let line = match &mut self.way {
            Way::Open(line) => return Ok(line.clone()),
            Way::Shut(gate) => {
                reached(self.notes, self.turn, Stage::FirstSample).await;
                let _ = self.notes.send(Note::ClauseReady { turn: self.turn }).await;
                let gate = gate.take().ok_or(Stop::NotWanted)?;
                gate.await.map_err(|_| Stop::NotWanted)?
            }
        };
        self.way = Way::Open(line.clone());
        Ok(line)
    }
}
