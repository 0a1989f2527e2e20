//! The ear: from the microphone to utterances, on the thread `ear`, which owns microphone and detector.
//!
//! The microphone is always open and always read, also while hearken speaks: a microphone that opens late loses the
//! first word, and so does a detector that warms up late. What hearken itself says is taken out first (`echo.rs`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::Heard;
use super::echo::gate::{Gated, Standing};
use super::echo::{Canceller, Cleaned, EchoReport, EchoSettings};
use super::ending::Ending;
use super::endpoint::EndpointSettings;
use super::segment::Segmenter;
use super::turn_end::TurnEndDetector;
use super::vad::{FRAME, SpeechDetector};
use super::wake::WakeDetector;
use crate::audio::far_end::FarEnd;
use crate::audio::{EAR_RATE, Microphone, MicrophoneError};
use crate::config::Listen;

/// What of the configuration concerns the ear.
pub type EarSettings = EndpointSettings;

impl From<&Listen> for EndpointSettings {
    fn from(listen: &Listen) -> Self {
        Self {
            threshold: listen.vad_threshold,
            onset_ms: listen.onset_ms,
            pre_roll_ms: listen.pre_roll_ms,
            hangover_ms: listen.hangover_ms,
            max_utterance_ms: listen.max_utterance_ms,
        }
    }
}

/// The ear waits so long for samples before it looks whether it is to stop.
const PATIENCE: Duration = Duration::from_millis(100);
/// While nobody speaks or is waited for, the ear looks only so often (96 ms, three of the detector's frames, in one go): a detector that
/// is woken for each frame finds nothing of its model in the processor's caches, and costs twice as much. The pre-roll
/// holds what was said meanwhile.
const NAP: Duration = Duration::from_millis(96);
/// While nobody takes what was heard, the ear looks so often whether it is to stop.
const RETRY: Duration = Duration::from_millis(10);
/// An ear that breaks more often than this within a minute is not begun anew.
const MOST_BREAKS: usize = 3;
const BREAKS_WITHIN: Duration = Duration::from_secs(60);
/// A microphone whose driver hangs is left behind after this.
const DEADLINE: Duration = Duration::from_secs(2);

/// Starts ears; the running one is an [`EarHandle`].
pub struct Ear;

/// A running ear. Dropping it stops the thread and waits for it, 2 s at most.
pub struct EarHandle {
    shared: Arc<Shared>,
    standing: Arc<Standing>,
    thread: Option<JoinHandle<()>>,
    /// Closes when the thread ends.
    ended: Receiver<()>,
}

#[derive(Default)]
struct Shared {
    ignore: AtomicBool,
    eager: AtomicBool,
    keen: AtomicBool,
    stop: AtomicBool,
    muted: AtomicBool,
    /// How often the thread has gone round.
    rounds: AtomicU64,
    /// When the microphone first brought something, in ms since 1970; 0 before.
    brought_ms: AtomicU64,
    /// Another loudspeaker plays from now on, or none.
    far_end: Mutex<Option<Option<FarEnd>>>,
    /// It is to hear by other means.
    change: Mutex<Option<EarChange>>,
    /// See [`Words`].
    words: AtomicU64,
    /// Bits of an `f32`.
    level: AtomicU32,
}

/// What the words say that were spoken before a pause, in one atomic value: nothing is 0.
struct Words;

impl Words {
    fn put(number: u64, ending: Ending) -> u64 {
        let ending = match ending {
            Ending::Whole => 1,
            Ending::Unclear => 2,
            Ending::Open => 3,
        };
        number << 2 | ending
    }

    fn take(value: u64) -> Option<(u64, Ending)> {
        let ending = match value & 3 {
            1 => Ending::Whole,
            2 => Ending::Unclear,
            3 => Ending::Open,
            _ => return None,
        };
        Some((value >> 2, ending))
    }
}

/// What tells the ear where speech begins and ends.
pub struct Detectors {
    /// Tells speech from other sound.
    pub vad: Box<dyn SpeechDetector>,
    /// Hears a wake word; without one, words alone tell.
    pub wake: Option<Box<dyn WakeDetector>>,
    /// Tells whether a speaker has finished; without one, silence alone tells.
    pub turn_end: Option<Box<dyn TurnEndDetector>>,
}

/// Other means to hear by.
pub struct EarChange {
    /// Another microphone.
    pub microphone: Option<Box<dyn Microphone>>,
    /// Other detectors, and how they are used.
    pub detectors: Option<(Detectors, EarSettings)>,
}

impl Ear {
    /// Starts the thread `ear`, which reads `mic` until it ends, fails, or the handle is dropped, and tells `out` what
    /// it hears. When `out` is full the ear waits, and the microphone's ring counts what is lost; nothing of what was
    /// heard is. What sounds at `far_end` is taken out as `echo` says; sample indices stay the microphone's.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn spawn(
        mic: Box<dyn Microphone>,
        detectors: Detectors,
        far_end: Option<FarEnd>,
        echo: EchoSettings,
        settings: EarSettings,
        out: Sender<Heard>,
    ) -> std::io::Result<EarHandle> {
        let shared = Arc::new(Shared::default());
        let (ending, ended) = channel();
        let canceller = Canceller::new(echo, far_end);
        let standing = canceller.standing();
        let mut listening = Listening {
            mic,
            canceller,
            segmenter: segmenter(detectors, &standing, &settings),
            out,
            shared: Arc::clone(&shared),
            mute: Mute::Off,
            missing: false,
        };
        let thread = thread::Builder::new().name("ear".into()).spawn(move || {
            // A bug in a detector or in the canceller costs what is being said, and not the ear.
            let mut breaks = Vec::new();
            while catch_unwind(AssertUnwindSafe(|| listening.run())).is_err() {
                breaks.push(Instant::now());
                breaks.retain(|at| at.elapsed() < BREAKS_WITHIN);
                if breaks.len() > MOST_BREAKS {
                    break;
                }
                listening.mend();
            }
            // The microphone's driver may hang here too.
            drop(listening);
            drop(ending);
        })?;
        Ok(EarHandle {
            shared,
            standing,
            thread: Some(thread),
            ended,
        })
    }
}

fn segmenter(detectors: Detectors, standing: &Arc<Standing>, settings: &EarSettings) -> Segmenter {
    let gated = Gated::new(detectors.vad, Arc::clone(standing));
    Segmenter::new(Box::new(gated), settings)
        .with_wake(detectors.wake)
        .with_turn_end(detectors.turn_end)
        .telling_pauses()
}

impl EarHandle {
    /// Hears by other means from now on. What is being said is dismissed.
    pub fn change(&self, change: EarChange) {
        let mut slot = self.shared.change.lock();
        let slot = slot.as_deref_mut().unwrap_or_else(|e| e.get_mut());
        // What the ear has not taken yet still holds.
        let before = slot.take();
        let (microphone, detectors) = before.map_or((None, None), |b| (b.microphone, b.detectors));
        *slot = Some(EarChange {
            microphone: change.microphone.or(microphone),
            detectors: change.detectors.or(detectors),
        });
    }

    /// While true (hearken speaks), what the microphone brings is read and dropped. What was being said is dismissed,
    /// and the pre-roll begins anew when it is false again.
    pub fn ignore(&self, ignore: bool) {
        self.shared.ignore.store(ignore, Ordering::Release);
    }

    /// While true (hearken speaks and may be interrupted), the ear tells a beginning sooner and sends
    /// [`Heard::Partial`]s.
    pub fn eager(&self, eager: bool) {
        self.shared.eager.store(eager, Ordering::Release);
    }

    /// While true (what is said is probably for hearken), pauses are told sooner.
    pub fn keen(&self, keen: bool) {
        self.shared.keen.store(keen, Ordering::Release);
    }

    /// While true, the microphone is closed: nothing is captured, and nothing of it is heard later. [`Heard::Muted`] says
    /// when it is so.
    pub fn mute(&self, muted: bool) {
        self.shared.muted.store(muted, Ordering::Release);
    }

    /// Another loudspeaker plays from now on, or none: what is known of the room is forgotten.
    pub fn far_end(&self, far_end: Option<FarEnd>) {
        let mut slot = self.shared.far_end.lock();
        *slot.as_deref_mut().unwrap_or_else(|e| e.get_mut()) = Some(far_end);
    }

    /// What the words say that were spoken before pause `number`: whether they are finished.
    pub fn words(&self, number: u64, ending: Ending) {
        let words = Words::put(number, ending);
        self.shared.words.store(words, Ordering::Release);
    }

    /// How often the thread has looked for sound: several times a second while it lives, with a microphone or without.
    pub fn rounds(&self) -> u64 {
        self.shared.rounds.load(Ordering::Relaxed)
    }

    /// When the microphone brought its first sample, in ms since 1970.
    pub fn first_heard_ms(&self) -> Option<u64> {
        Some(self.shared.brought_ms.load(Ordering::Relaxed)).filter(|ms| *ms > 0)
    }

    /// How things stand with the echo.
    pub fn echo(&self) -> EchoReport {
        self.standing.report()
    }

    /// Loudness of the last frame, for meters: root mean square, 0 to 1.
    pub fn level(&self) -> f32 {
        f32::from_bits(self.shared.level.load(Ordering::Relaxed))
    }

    /// Asks the thread to end, which it does within 0.1 s or so. Returns at once.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for EarHandle {
    fn drop(&mut self) {
        self.stop();
        match (self.ended.recv_timeout(DEADLINE), self.thread.take()) {
            (Err(RecvTimeoutError::Timeout), _) => {
                tracing::warn!("the microphone does not answer; it is left behind");
            }
            (_, Some(thread)) => {
                if thread.join().is_err() {
                    tracing::error!("the ear broke");
                }
            }
            (_, None) => {}
        }
    }
}

struct Listening {
    mic: Box<dyn Microphone>,
    canceller: Canceller,
    segmenter: Segmenter,
    out: Sender<Heard>,
    shared: Arc<Shared>,
    mute: Mute,
    /// The microphone has failed and is not back.
    missing: bool,
}

/// Whether somebody wished not to be heard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mute {
    Off,
    /// The device is closed.
    Closed,
    /// There is no device that could be closed: what comes is dropped.
    Dropping,
}

impl Listening {
    fn run(&mut self) {
        let (mut samples, mut heard) = (Vec::new(), Vec::new());
        let mut cleaned = Cleaned::default();
        let mut dropped = self.mic.dropped();
        while !self.stopped() {
            self.shared.rounds.fetch_add(1, Ordering::Relaxed);
            let far_end = self.shared.far_end.lock().ok().and_then(|mut f| f.take());
            if let Some(far_end) = far_end {
                self.canceller.set_far_end(far_end);
            }
            let change = self.shared.change.lock().ok().and_then(|mut c| c.take());
            if let Some(change) = change {
                self.change(change, &mut heard);
                dropped = self.mic.dropped();
            }
            self.mute_or_not(&mut heard);
            if !self.tell(&mut heard) {
                return;
            }
            if self.mute == Mute::Closed {
                thread::park_timeout(PATIENCE);
                continue;
            }
            if self.may_nap() {
                thread::park_timeout(NAP);
            }
            samples.clear();
            let read = self.mic.read(&mut samples, PATIENCE);
            if !samples.is_empty() && self.shared.brought_ms.load(Ordering::Relaxed) == 0 {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let ms = now.map_or(1, |now| now.as_millis() as u64);
                self.shared.brought_ms.store(ms, Ordering::Relaxed);
            }
            if self.mute == Mute::Dropping {
                samples.clear();
            }
            if self.missing && read.is_ok() && !samples.is_empty() {
                self.missing = false;
                self.canceller.place_anew();
                heard.push(Heard::Found);
            }
            let now = self.mic.dropped();
            if now != dropped {
                let ms = (now - dropped) * 1000 / u64::from(EAR_RATE);
                tracing::warn!("{ms} ms of sound were lost: the machine is too busy to listen");
                self.canceller
                    .gap(usize::try_from(now - dropped).unwrap_or(usize::MAX));
                dropped = now;
            }
            self.segmenter
                .set_eager(self.shared.eager.load(Ordering::Acquire));
            self.segmenter
                .set_keen(self.shared.keen.load(Ordering::Acquire));
            let words = Words::take(self.shared.words.swap(0, Ordering::AcqRel));
            if let Some((number, ending)) = words {
                self.segmenter.words(number, ending, &mut heard);
            }
            let ended = matches!(read, Err(MicrophoneError::Ended));
            // Piece by piece, so that the gate in front of the detector is that of the piece.
            let mut result = Ok(());
            let mut pieces = samples.chunks(FRAME).map(Some).collect::<Vec<_>>();
            pieces.extend(ended.then_some(None));
            let mut backlog = samples.len();
            for piece in pieces {
                cleaned.clear();
                backlog -= piece.map_or(0, <[f32]>::len);
                self.canceller.set_backlog(backlog);
                match piece {
                    Some(piece) => self.canceller.process(piece, &mut cleaned),
                    None => self.canceller.finish(&mut cleaned),
                }
                if self.shared.ignore.load(Ordering::Acquire) {
                    self.segmenter.skip(&cleaned.suppressed, &mut heard);
                } else if result.is_ok() {
                    let Cleaned { suppressed, linear } = &cleaned;
                    result = self.segmenter.hear_both(suppressed, linear, &mut heard);
                }
            }
            let level = self.segmenter.level().to_bits();
            self.shared.level.store(level, Ordering::Relaxed);
            let last = match (result, read) {
                (Err(error), _) => Some(Heard::Deaf(error)),
                (Ok(()), Ok(())) => None,
                (Ok(()), Err(MicrophoneError::Ended)) => {
                    let finished = match self.shared.ignore.load(Ordering::Acquire) {
                        true => Ok(()),
                        false => self.segmenter.finish(&mut heard),
                    };
                    Some(finished.map_or_else(Heard::Deaf, |()| Heard::Ended))
                }
                (Ok(()), Err(error)) => {
                    self.segmenter.skip(&[], &mut heard);
                    if self.mic.comes_back() {
                        if !std::mem::replace(&mut self.missing, true) {
                            heard.push(Heard::Missing(error));
                        }
                        None
                    } else {
                        Some(Heard::Lost(error))
                    }
                }
            };
            let over = last.is_some();
            heard.extend(last);
            if !self.tell(&mut heard) || over {
                return;
            }
        }
    }

    /// Begins anew after something broke: what was being said is dismissed.
    fn mend(&mut self) {
        let mut heard = Vec::new();
        self.segmenter.skip(&[], &mut heard);
        self.canceller.place_anew();
        self.tell(&mut heard);
    }

    /// Hears by other means.
    fn change(&mut self, change: EarChange, heard: &mut Vec<Heard>) {
        self.segmenter.skip(&[], heard);
        if let Some(microphone) = change.microphone {
            // The old one is closed first: some cards serve one at a time.
            self.mic.close();
            self.mic = microphone;
            self.canceller.place_anew();
        }
        if let Some((detectors, settings)) = change.detectors {
            self.segmenter = segmenter(detectors, &self.canceller.standing(), &settings);
        }
    }

    /// Closes the microphone, or lets it be opened, as it is wished.
    fn mute_or_not(&mut self, heard: &mut Vec<Heard>) {
        let wished = self.shared.muted.load(Ordering::Acquire);
        if wished == (self.mute != Mute::Off) {
            return;
        }
        self.mute = match (wished, wished && self.mic.close()) {
            (false, _) => Mute::Off,
            (true, true) => Mute::Closed,
            (true, false) => Mute::Dropping,
        };
        self.segmenter.skip(&[], heard);
        self.canceller.place_anew();
        self.shared.level.store(0, Ordering::Relaxed);
        heard.push(Heard::Muted(wished));
    }

    /// Whether all was taken.
    fn tell(&self, heard: &mut Vec<Heard>) -> bool {
        for event in heard.drain(..) {
            if let Heard::Partial(_) = event {
                // The next one says the same and more.
                let _ = self.out.try_send(event);
            } else if !tell(&self.out, &self.shared, event) {
                return false;
            }
        }
        true
    }

    /// Whether nobody speaks, neither a person nor hearken, and nobody waits for somebody to.
    fn may_nap(&self) -> bool {
        let shared = &self.shared;
        let awaited = [&shared.ignore, &shared.eager, &shared.keen]
            .iter()
            .any(|flag| flag.load(Ordering::Acquire));
        let far_sounds = self.canceller.report().far_active;
        !awaited && !far_sounds && self.mic.keeps_time() && self.segmenter.is_idle()
    }

    fn stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Acquire)
    }
}

/// Whether it was taken. Waits while the channel is full, until the ear is stopped.
fn tell(out: &Sender<Heard>, shared: &Shared, mut event: Heard) -> bool {
    loop {
        event = match out.try_send(event) {
            Ok(()) => return true,
            Err(TrySendError::Closed(_)) => return false,
            Err(TrySendError::Full(event)) => event,
        };
        if shared.stop.load(Ordering::Acquire) {
            return false;
        }
        thread::park_timeout(RETRY);
    }
}
