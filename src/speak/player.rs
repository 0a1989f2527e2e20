//! The thread `player`: feeds the loudspeaker, clause after clause, and tells what was heard.
//!
//! Handles only send; the thread alone owns the [`Speaker`]. Everything it decides is in `playback.rs`, which
//! knows no thread; here are the channels, the waiting and the end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::chime::Chime;
use super::playback::{Manner, Playback, Sound};
use super::voice::Speech;
use crate::audio::{Speaker, SpeakerError};

/// How long the thread sleeps between two looks at the loudspeaker while something plays. Short against the
/// 100 ms or so that a loudspeaker buffers, long enough to cost nothing.
const TICK: Duration = Duration::from_millis(5);

/// The same while nothing plays: a loudness that was set must not wait for the next sound.
const IDLE: Duration = Duration::from_millis(100);

/// Reports that may wait for their reader. When it is full the player holds further reports back and takes no new
/// sound until they are delivered: none is lost.
const REPORTS: usize = 64;

/// A clause to be played.
#[derive(Debug, Clone, PartialEq)]
pub struct PlayItem {
    /// The turn it belongs to.
    pub tag: u64,
    /// Its place in the turn.
    pub clause: usize,
    /// Its sound.
    pub speech: Speech,
    /// Its words as the conversation should remember them.
    pub text: String,
}

/// What became of the sound. Each [`PlayItem`] ends in exactly one `Finished` or `Stopped`.
#[derive(Debug)]
pub enum Played {
    /// The first sample of a clause was handed to the device.
    Started {
        /// The turn.
        tag: u64,
        /// The clause.
        clause: usize,
        /// When that was seen, at most a few ms after it was.
        at: Instant,
    },
    /// The last sample of a clause was handed to the device.
    Finished {
        /// The turn.
        tag: u64,
        /// The clause.
        clause: usize,
    },
    /// A clause was cut off, by a flush or by the loss of the loudspeaker.
    Stopped {
        /// The turn.
        tag: u64,
        /// The clause.
        clause: usize,
        /// How much of its sound was heard, 0.0 (nothing) to 1.0.
        fraction: f32,
        /// The words that this is, whole words only (see [`heard`]).
        heard: String,
    },
    /// All that was to be played has ended.
    Idle,
    /// The loudspeaker is gone. Everything is stopped, and so is all that follows, until [`PlayerHandle::replace`].
    Lost(SpeakerError),
}

/// How the player plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayerSettings {
    /// Loudness, 0 to 150; 100 leaves samples as they are.
    pub volume_percent: u32,
}

/// What handles send, each with the number of flushes before it.
enum Command {
    Play(u64, Sound),
    Replace(Box<dyn Speaker>),
}

/// What handles and the thread share.
struct Shared {
    /// Counts flushes: what was sent before the latest is dropped.
    flushes: AtomicU64,
    volume_percent: AtomicU32,
    /// Bits of an `f32`, in dB, at most 0.
    duck_db: AtomicU32,
    paused: AtomicBool,
}

/// The player has ended, because its thread could not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the player has ended")]
pub struct PlayerGone;

/// Starts players.
#[derive(Debug)]
pub struct Player;

/// Sends to a player. When the last handle is dropped, what still plays is discarded and the thread ends.
#[derive(Clone)]
pub struct PlayerHandle {
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
    thread: Thread,
}

impl Player {
    /// Moves `speaker` to a thread of its own. The receiver gets a report of all that happens.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn spawn(
        speaker: Box<dyn Speaker>,
        settings: PlayerSettings,
    ) -> std::io::Result<(PlayerHandle, mpsc::Receiver<Played>)> {
        // One clause waits while another is written; whoever brings a third waits in `play`.
        let (commands, inbox) = mpsc::channel(1);
        let (outbox, reports) = mpsc::channel(REPORTS);
        let shared = Arc::new(Shared {
            flushes: AtomicU64::new(0),
            volume_percent: AtomicU32::new(settings.volume_percent),
            duck_db: AtomicU32::new(0.0f32.to_bits()),
            paused: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        let joined = std::thread::Builder::new()
            .name("player".into())
            .spawn(move || serve(speaker, &theirs, inbox, &outbox))?;
        let handle = PlayerHandle {
            commands,
            shared,
            thread: joined.thread().clone(),
        };
        Ok((handle, reports))
    }
}

/// One reply's way to the player: after the next flush nothing sounds that is sent along it, however late it comes.
#[derive(Clone)]
pub struct Line {
    player: PlayerHandle,
    /// How many flushes there had been when it began.
    flushes: u64,
}

impl Line {
    /// As [`PlayerHandle::play`].
    ///
    /// # Errors
    /// [`PlayerGone`] when the thread has ended.
    pub async fn play(&self, item: PlayItem) -> Result<(), PlayerGone> {
        let command = Command::Play(self.flushes, Sound::Clause(item));
        self.player.send(command).await
    }
}

impl PlayerHandle {
    /// A way to the player that ends with the next flush.
    pub fn line(&self) -> Line {
        Line {
            player: self.clone(),
            flushes: self.shared.flushes.load(Ordering::Acquire),
        }
    }

    /// Plays a clause after all that was sent before it. Waits while the player has one to write and one in hand.
    /// A flush during the wait stops it like any other.
    ///
    /// # Errors
    /// [`PlayerGone`] when the thread has ended.
    pub async fn play(&self, item: PlayItem) -> Result<(), PlayerGone> {
        self.line().play(item).await
    }

    /// Plays a chime after what is being written now. A chime that would have to wait longer is left out: late, it
    /// says nothing. Returns whether it will be played.
    pub fn chime(&self, chime: Chime) -> bool {
        let flushes = self.shared.flushes.load(Ordering::Acquire);
        let sent = self
            .commands
            .try_send(Command::Play(flushes, Sound::Chime(chime)))
            .is_ok();
        self.thread.unpark();
        sent
    }

    /// Discards all that was sent so far, played or not, and returns at once. What was cut off is reported as
    /// `Stopped`, then comes `Idle`.
    pub fn flush(&self) {
        self.shared.flushes.fetch_add(1, Ordering::AcqRel);
        self.thread.unpark();
    }

    /// Sets the loudness, 0 to 150; takes effect at once, with a ramp.
    pub fn set_volume(&self, percent: u32) {
        self.shared
            .volume_percent
            .store(percent.min(150), Ordering::Relaxed);
        self.thread.unpark();
    }

    /// Lowers everything by `db` (positive is quieter, 0 ends it), at once: falling takes 15 ms at most, rising 150 ms.
    pub fn duck(&self, db: f32) {
        let db = if db.is_finite() { db.abs() } else { 0.0 };
        self.shared.duck_db.store(db.to_bits(), Ordering::Relaxed);
        self.thread.unpark();
    }

    /// While true, nothing is played, at once, and nothing is lost: what was cut off in the middle goes on there when it
    /// is false again. A flush discards as ever, and what comes after it waits too. A chime waits as well.
    pub fn pause(&self, paused: bool) {
        self.shared.paused.store(paused, Ordering::Release);
        self.thread.unpark();
    }

    /// Gives the player another loudspeaker in place of the present or lost one. What plays is stopped.
    ///
    /// # Errors
    /// [`PlayerGone`] when the thread has ended.
    pub async fn replace(&self, speaker: Box<dyn Speaker>) -> Result<(), PlayerGone> {
        self.send(Command::Replace(speaker)).await
    }

    async fn send(&self, command: Command) -> Result<(), PlayerGone> {
        let sent = self.commands.send(command).await;
        self.thread.unpark();
        sent.map_err(|_| PlayerGone)
    }
}

/// The thread: take what there is room for, write, look, report, wait.
fn serve(
    speaker: Box<dyn Speaker>,
    shared: &Shared,
    mut inbox: mpsc::Receiver<Command>,
    outbox: &mpsc::Sender<Played>,
) {
    let mut playback = Playback::new(speaker);
    let mut flushes = 0;
    loop {
        let delivered = deliver(&mut playback, outbox);
        let command = match delivered && playback.has_room() {
            true => inbox.try_recv().ok(),
            false => None,
        };
        let latest = shared.flushes.load(Ordering::Acquire);
        if latest != flushes {
            flushes = latest;
            playback.flush();
        }
        let took = command.is_some();
        if !took && inbox.is_closed() && inbox.is_empty() {
            playback.flush();
            return;
        }
        let step = || {
            match command {
                Some(Command::Play(sent, sound)) if sent == latest => playback.play(sound),
                Some(Command::Play(_, sound)) => playback.refuse(sound),
                Some(Command::Replace(speaker)) => playback.replace(speaker),
                None => {}
            }
            playback.step(manner(shared), Instant::now());
        };
        // A bug costs what is being played: another loudspeaker is looked for, which begins with nothing.
        if catch_unwind(AssertUnwindSafe(step)).is_err() {
            playback.lose(SpeakerError::Lost("the player broke".into()));
        }
        if !took {
            // Handles wake it; the last one that is dropped does not.
            std::thread::park_timeout(if playback.is_idle() { IDLE } else { TICK });
        }
    }
}

/// What handles have asked for.
fn manner(shared: &Shared) -> Manner {
    let volume = shared.volume_percent.load(Ordering::Relaxed) as f32 / 100.0;
    let db = f32::from_bits(shared.duck_db.load(Ordering::Relaxed));
    Manner {
        gain: volume * 10f32.powf(-db / 20.0),
        paused: shared.paused.load(Ordering::Acquire),
    }
}

/// Hands out reports as far as their reader has room; whether none is left. Without a reader they are dropped.
fn deliver(playback: &mut Playback, outbox: &mpsc::Sender<Played>) -> bool {
    while !playback.reports.is_empty() {
        match outbox.try_reserve() {
            Ok(permit) => {
                if let Some(report) = playback.reports.pop_front() {
                    permit.send(report);
                }
            }
            Err(mpsc::error::TrySendError::Full(())) => {
                std::thread::park_timeout(TICK);
                return false;
            }
            Err(mpsc::error::TrySendError::Closed(())) => playback.reports.clear(),
        }
    }
    true
}

/// The whole words of `text` that a listener has heard when `fraction` (0 to 1) of its sound was played. Sound is
/// taken to be spread evenly over the characters, which is what can be known without alignments.
pub fn heard(text: &str, fraction: f32) -> String {
    if fraction >= 1.0 {
        return text.to_owned();
    }
    let total = text.chars().count() as f32;
    let limit = (total * fraction.max(0.0)) as usize;
    let mut end = 0;
    let mut seen = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        seen += word.trim_end().chars().count();
        if seen > limit {
            break;
        }
        seen += word.chars().count() - word.trim_end().chars().count();
        end += word.len();
    }
    text[..end].trim_end().to_owned()
}
