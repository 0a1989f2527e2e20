//! The conductor: the one owner of the conversation's state. A tokio task that turns what the ear, the transcriber,
//! the reply and the player report into inputs of the state machine, and carries its actions out.

mod act;
mod after;
mod ahead;
mod carried;
mod change;
mod devices;
mod draft;
mod held;
mod life;
mod orders;
mod over;
mod progress;
mod told;
mod words;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use self::ahead::{Ahead, Task};
use self::draft::Draft;
use self::held::Held;
use self::life::{Life, SIGN_OF_LIFE};
use self::orders::Saying;
pub use self::over::Extent;
use self::over::{Cut, Probe};
use super::TurnId;
use super::attention::Attention;
use super::baton::Baton;
use super::carried::Carried;
use super::order::Order;
use super::responder::Note;
use super::state::{Input, Over, State};
use super::timing::{Gaps, Timing};
use crate::audio::{EAR_RATE, MicrophoneError, OpenSpeaker, Speaker, SpeakerError};
use crate::command::Command;
use crate::config::Policy;
use crate::daemon::change::Change;
use crate::event::{Bus, Event};
use crate::listen::Heard;
use crate::listen::ear::EarHandle;
use crate::listen::name::Name;
use crate::listen::worker::Worker;
use crate::memory::conversation::Keeper;
use crate::onnx::OnnxError;
use crate::reply::history::History;
use crate::reply::model::LanguageModel;
use crate::service::manager::Supervisor;
use crate::speak::player::{Line, Played, PlayerHandle};
use crate::speak::worker::Synthesizer;
use crate::work::Work;

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
    /// Keeps it beyond the process.
    pub keeper: Option<Keeper>,
    /// Where a conversation may lie that nobody adds to.
    pub left_file: Option<PathBuf>,
    /// What is ordered from outside.
    pub orders: mpsc::Receiver<Order>,
    /// The player has a loudspeaker; without one another is looked for as soon as it says so.
    pub loudspeaker: bool,
    /// Opens a loudspeaker in place of one that is gone; without it, that is the end.
    pub open_speaker: Option<OpenSpeaker>,
    /// What says beyond the process that the microphone is to stay closed.
    pub mute_file: Option<PathBuf>,
    /// Is told that hearken hears, and that the conversation goes on.
    pub supervisor: Option<Box<dyn Supervisor>>,
}

/// How the conversation is held.
#[derive(Debug, Clone)]
pub struct Manners {
    /// What hearken is called.
    pub name: Name,
    /// Its name in the configuration.
    pub configured_name: String,
    /// Where a name that is said is kept; nowhere when `None`.
    pub name_file: Option<PathBuf>,
    /// What the model is told it is; `{name}` stands for the name.
    pub instructions: String,
    /// What is meant for hearken.
    pub attention: Attention,
    /// The language that is taken for spoken before anything was heard, ISO 639-1.
    pub language: String,
    /// What stops a reply; never [`Policy::Auto`].
    pub policy: Policy,
    /// So much quieter hearken is while it is judged, in dB.
    pub duck_db: f32,
    /// Loudness at the beginning, 0 to 150.
    pub volume_percent: u32,
    /// Speed of speech at the beginning, 50 to 200.
    pub rate_percent: u32,
    /// How long after its last sample a reply still rings in the devices and the room.
    pub tail: Duration,
    /// A turn that shows no progress for so long is given up.
    pub patience: Duration,
    /// The most that is transcribed in one go, in samples at 16 kHz. Who speaks longer is transcribed in several.
    pub longest: usize,
    /// Whether the name alone, failures, and the microphone that is closed or opened chime.
    pub chimes: bool,
}

/// A reply that is held is given up after this.
const HELD: Duration = Duration::from_secs(600);

/// Why the conversation ended although nobody asked for it.
#[derive(Debug, thiserror::Error)]
pub enum Ending {
    /// The microphone failed.
    #[error(transparent)]
    Microphone(#[from] MicrophoneError),
    /// The loudspeaker failed.
    #[error(transparent)]
    Speaker(#[from] SpeakerError),
    /// The voice activity detector failed, and so did the one in its place.
    #[error(transparent)]
    Detector(#[from] OnnxError),
    /// The configured name cannot be one.
    #[error("name: {0}")]
    Name(crate::listen::name::NameError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    NoThread(#[from] std::io::Error),
    /// A part does not come back from what it was called off from.
    #[error(
        "{0} hangs: it did not end what it was told to drop; hearken ends, so that it can be started anew"
    )]
    Hangs(&'static str),
    /// A part broke, and cannot be begun anew.
    #[error(
        "{0} broke and cannot be begun anew, and the log says why; hearken ends, so that it can be started anew"
    )]
    WornOut(&'static str),
    /// A thread is gone. This is a bug.
    #[error("the {0} thread ended by itself; this is a bug in hearken, please report it")]
    Thread(&'static str),
}

/// How the conversation ended in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody wished it, or the recordings are over.
    Ended,
    /// Another program goes on with it.
    HandedOver,
}

/// The turn that is alive.
struct Turn {
    id: TurnId,
    timing: Timing,
    abort: Arc<AtomicBool>,
    task: Option<JoinHandle<()>>,
    gate: Option<oneshot::Sender<Line>>,
    /// The last sample of the question, as an index since the ear began.
    asked_until: u64,
    /// Observers know of it: it began in a window, or turned out to be for hearken.
    announced: bool,
    transcript: String,
    /// A program wanted it, and nobody in the room: whoever speaks meanwhile need not speak to hearken.
    ordered: bool,
    /// It is something that hearken was told to say: no part of the conversation.
    said_only: bool,
    /// The conversation is to be forgotten, this turn with it.
    forgotten: bool,
    /// What is wanted: the transcript without the name.
    wanted: String,
    /// The command that it is.
    command: Option<Command>,
    /// What is said without asking the model.
    answer: Option<String>,
    language: String,
    /// Clauses handed to the player.
    queued: Vec<String>,
    /// How many of them have been played to the end.
    played: usize,
    /// Silences between clauses.
    gaps: Gaps,
    failure: Option<String>,
    /// The last clause tells of the failure.
    told: bool,
}

impl Turn {
    fn new(id: TurnId, timing: Timing, announced: bool) -> Self {
        Self {
            id,
            asked_until: 0,
            timing,
            abort: Arc::new(AtomicBool::new(false)),
            task: None,
            gate: None,
            announced,
            transcript: String::new(),
            ordered: false,
            said_only: false,
            forgotten: false,
            wanted: String::new(),
            command: None,
            answer: None,
            language: String::new(),
            queued: Vec::new(),
            played: 0,
            gaps: Gaps::default(),
            failure: None,
            told: false,
        }
    }
}

/// Holds one conversation, or goes on with one that was `carried` here, until `shutdown`, the end of the recordings, the
/// loss of a device, or until another program goes on.
///
/// # Errors
/// [`Ending`].
pub async fn converse(
    company: Company,
    manners: Manners,
    carried: Option<Carried>,
    bus: Bus,
    shutdown: CancellationToken,
) -> Result<Outcome, Ending> {
    // Notes from the turn's own tasks. Full means that the conductor is behind; the task waits, nothing is lost.
    let (notes_in, notes) = mpsc::channel(16);
    let (speakers_in, speakers) = mpsc::channel(1);
    let language = manners.language.clone();
    let mut conductor = Conductor {
        volume_percent: manners.volume_percent,
        rate_percent: manners.rate_percent,
        loudspeaker: company.loudspeaker,
        company,
        manners,
        bus,
        notes_in,
        state: State::Idle,
        next: TurnId(1),
        held: Held::default(),
        turn: None,
        speech_began: Instant::now(),
        speech_at: 0,
        passed_over: None,
        began_in_window: false,
        began_over: false,
        last_level: None,
        last_spoken: String::new(),
        last_reply: String::new(),
        probe: Probe::default(),
        cut: None,
        deferred: None,
        ahead: None,
        stands: 0,
        reading_on: None,
        draft: Draft::default(),
        replay: VecDeque::new(),
        name_unkept: false,
        recordings_over: false,
        language,
        to_say: VecDeque::new(),
        by_order: false,
        hushing: false,
        successor: None,
        deaf_since_ms: None,
        changes: VecDeque::new(),
        muting: VecDeque::new(),
        muted: false,
        missing: None,
        sound_waits: None,
        noticed: None,
        returned: None,
        speakers_in,
        search: 0,
    };
    if let Some(carried) = carried {
        conductor.go_on(carried);
    }
    conductor.take_name();
    conductor.run(notes, speakers, shutdown).await
}

struct Conductor {
    company: Company,
    manners: Manners,
    bus: Bus,
    notes_in: mpsc::Sender<Note>,
    state: State,
    next: TurnId,
    held: Held,
    turn: Option<Turn>,
    /// When the speech that is going on, or went on last, began.
    speech_began: Instant,
    /// The same as an index of samples since the ear began.
    speech_at: u64,
    /// Such an index of what was nothing, or no interruption: it goes on with no question.
    passed_over: Option<u64>,
    /// It began when no name was needed.
    began_in_window: bool,
    /// It began while a reply sounded, or right after.
    began_over: bool,
    /// How loud the last utterance was that was for hearken, in dB.
    last_level: Option<f32>,
    /// What hearken said last.
    last_spoken: String,
    /// The last of it that told something, for "say that again".
    last_reply: String,
    /// The judgement of what is said over a reply.
    probe: Probe,
    /// A reply that was stopped, until the player has said how far it came.
    cut: Option<Cut>,
    /// What was said next became words before that.
    deferred: Option<Note>,
    /// What is prepared in a pause.
    ahead: Option<Ahead>,
    /// What was read of the first so many samples of what is being said stands.
    stands: usize,
    /// It is still being read.
    reading_on: Option<Task>,
    /// What is read while somebody speaks.
    draft: Draft,
    /// What was prepared told this before its turn began, oldest first.
    replay: VecDeque<Note>,
    /// The name could not be kept in its file.
    name_unkept: bool,
    volume_percent: u32,
    rate_percent: u32,
    recordings_over: bool,
    /// The language that was heard last, ISO 639-1.
    language: String,
    /// What waits to be said or answered until nobody speaks, oldest first.
    to_say: VecDeque<Saying>,
    /// What sounds, or sounded last, was ordered by a program.
    by_order: bool,
    /// A reply is being stopped, and nobody has spoken.
    hushing: bool,
    /// The program that goes on, as soon as nothing goes on here.
    successor: Option<(oneshot::Sender<Carried>, Arc<Baton>)>,
    /// When the program before this one stopped listening, in ms since 1970, until that is told.
    deaf_since_ms: Option<u64>,
    /// Changes that wait until nothing goes on.
    changes: VecDeque<(Box<Change>, oneshot::Sender<()>)>,
    /// Who waits until the microphone is closed or opened.
    muting: VecDeque<(bool, oneshot::Sender<()>)>,
    muted: bool,
    /// Since when the microphone is gone.
    missing: Option<Instant>,
    /// Whether there is a loudspeaker.
    loudspeaker: bool,
    /// The turn whose first clause waits for a loudspeaker.
    sound_waits: Option<TurnId>,
    /// When it was last said aloud that a device is gone.
    noticed: Option<Instant>,
    /// When the loudspeaker was found that had been gone.
    returned: Option<Instant>,
    speakers_in: mpsc::Sender<(u64, Box<dyn Speaker>)>,
    /// The number of the search for a loudspeaker: what an earlier one finds is not wanted any more.
    search: u64,
}

impl Conductor {
    async fn run(
        mut self,
        mut notes: mpsc::Receiver<Note>,
        mut speakers: mpsc::Receiver<(u64, Box<dyn Speaker>)>,
        shutdown: CancellationToken,
    ) -> Result<Outcome, Ending> {
        self.bus.emit(Event::Ready);
        let (mut progress, mut reached) = (self.progress(), Instant::now());
        let mut life = Life::new(self.company.ear.rounds());
        let mut signs = tokio::time::interval(SIGN_OF_LIFE);
        signs.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            while let Some(note) = self.replay.pop_front() {
                self.note(note);
            }
            self.change_what_waits().await?;
            self.say_what_waits();
            if self.hand_over() {
                return Ok(Outcome::HandedOver);
            }
            self.company.ear.keen(self.began_in_window || self.open());
            let held = self.is_held();
            let patience = if held { HELD } else { self.manners.patience };
            // Talk in the room is no progress.
            let now = self.progress();
            if now != progress {
                (progress, reached) = (now, Instant::now());
            }
            let watchdog = tokio::time::sleep_until((reached + patience).into());
            let alive = self.state.turn();
            let window = self.window_end();
            let closing = tokio::time::sleep_until(window.unwrap_or_else(Instant::now).into());
            // What is heard first: who goes on speaking is not answered yet. Notes before what was played: a clause is
            // announced before the player can report on it. Orders last, for programs may give them without end.
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {
                    self.conclude();
                    self.take(Input::Shutdown);
                    self.company.player.flush();
                    return Ok(Outcome::Ended);
                }
                _ = signs.tick(), if self.company.supervisor.is_some() => self.show_life(&mut life),
                heard = self.company.heard.recv(), if !self.recordings_over => self.heard(heard)?,
                Some(note) = notes.recv() => self.note(note),
                played = self.company.played.recv() => self.played(played)?,
                Some((search, speaker)) = speakers.recv() => {
                    if search == self.search {
                        self.loudspeaker_found(speaker).await?;
                    }
                }
                () = closing, if window.is_some() => self.close_window(),
                () = watchdog, if alive.is_some() => {
                    if let Some(turn) = alive {
                        // Before its own work is called off.
                        let hangs = self.part(|work| work.hangs(patience));
                        match held {
                            true => self.abandon(turn),
                            false => self.take(Input::WatchdogBit { turn }),
                        }
                        self.unless(hangs.map(Ending::Hangs))?;
                    }
                }
                Some(order) = self.company.orders.recv() => self.order(order),
            }
            self.unless(self.part(Work::is_worn_out).map(Ending::WornOut))?;
            if self.recordings_over && self.state == State::Idle && self.cut.is_none() {
                self.bus.emit(Event::Ended);
                return Ok(Outcome::Ended);
            }
        }
    }

    /// What stops the reply that sounds. What a program has it say is no answer to anybody in the room: over that only the
    /// name and stop words count. While a reply is held nothing sounds that somebody could speak over: what began in a window is for hearken,
    /// and of the rest again only the name and stop words. `in_window`: what is judged began in one.
    fn policy(&self, in_window: bool) -> Policy {
        let ours = in_window || self.open();
        match self.manners.policy {
            Policy::Speech | Policy::Name if self.by_order => Policy::Name,
            Policy::Speech | Policy::Name if self.is_held() && ours => Policy::Speech,
            Policy::Speech if self.is_held() => Policy::Name,
            policy => policy,
        }
    }

    /// Nobody has a reply go on that has been held for long. Whoever speaks at that moment speaks to somebody else.
    fn abandon(&mut self, turn: TurnId) {
        if let Some(turn) = self.turn.as_mut() {
            // No window follows.
            turn.ordered = true;
        }
        self.hushing = true;
        self.take(Input::Abandoned { turn });
        self.hushing = false;
    }

    /// Whether a reply waits to go on.
    fn is_held(&self) -> bool {
        matches!(self.state, State::Speaking(speaking) if speaking.held)
    }

    /// Whether everything that is said now is for hearken.
    fn open(&self) -> bool {
        self.manners.attention.is_open(Instant::now())
    }

    /// Whether an utterance that was spoken over the reply, or after the question, is being judged.
    fn judging_whole(&self) -> bool {
        match self.state {
            State::Speaking(speaking) => matches!(speaking.over, Over::Judging { .. }),
            State::Thinking(thinking) => thinking.unjudged > 0,
            _ => false,
        }
    }

    /// When the window closes, unless somebody is being heard who began in it.
    fn window_end(&self) -> Option<Instant> {
        match self.state {
            State::Idle => self.manners.attention.closes(),
            _ if self.is_held() => self.manners.attention.closes(),
            _ => None,
        }
    }

    fn close_window(&mut self) {
        if self.manners.attention.close() {
            self.bus.emit(Event::WindowClosed);
        }
    }

    /// The one place where the state changes.
    fn take(&mut self, input: Input) {
        // The turn that was prepared is the one that begins.
        let prepared = self.ahead.as_ref().filter(|_| input == Input::Utterance);
        let next = prepared.map_or(self.next, |ahead| ahead.id);
        let (state, actions) = self.state.step(input, next);
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
}
