//! The ear: from the microphone to utterances, on the thread `ear`, which owns microphone and detector.
//!
//! The microphone is always open and always read, also while hearken speaks: a microphone that opens late loses the
//! first word, and so does a detector that warms up late.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::Heard;
use super::endpoint::EndpointSettings;
use super::segment::Segmenter;
use super::vad::SpeechDetector;
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
/// While nobody takes what was heard, the ear looks so often whether it is to stop.
const RETRY: Duration = Duration::from_millis(10);
/// A microphone whose driver hangs is left behind after this.
const DEADLINE: Duration = Duration::from_secs(2);

/// Starts ears; the running one is an [`EarHandle`].
pub struct Ear;

/// A running ear. Dropping it stops the thread and waits for it, 2 s at most.
pub struct EarHandle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Closes when the thread ends.
    ended: Receiver<()>,
}

#[derive(Default)]
struct Shared {
    ignore: AtomicBool,
    stop: AtomicBool,
    /// Bits of an `f32`.
    level: AtomicU32,
}

impl Ear {
    /// Starts the thread `ear`, which reads `mic` until it ends, fails, or the handle is dropped, and tells `out` what
    /// it hears. When `out` is full the ear waits, and the microphone's ring counts what is lost; nothing of what was
    /// heard is.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn spawn(
        mic: Box<dyn Microphone>,
        vad: Box<dyn SpeechDetector>,
        settings: EarSettings,
        out: Sender<Heard>,
    ) -> std::io::Result<EarHandle> {
        let shared = Arc::new(Shared::default());
        let (ending, ended) = channel();
        let mut listening = Listening {
            mic,
            segmenter: Segmenter::new(vad, &settings),
            out,
            shared: Arc::clone(&shared),
        };
        let thread = thread::Builder::new().name("ear".into()).spawn(move || {
            listening.run();
            // The microphone's driver may hang here too.
            drop(listening);
            drop(ending);
        })?;
        Ok(EarHandle {
            shared,
            thread: Some(thread),
            ended,
        })
    }
}

impl EarHandle {
    /// While true (hearken speaks), what the microphone brings is read and dropped. What was being said is dismissed,
    /// and the pre-roll begins anew when it is false again.
    pub fn ignore(&self, ignore: bool) {
        self.shared.ignore.store(ignore, Ordering::Release);
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
    segmenter: Segmenter,
    out: Sender<Heard>,
    shared: Arc<Shared>,
}

impl Listening {
    fn run(&mut self) {
        let (mut samples, mut heard) = (Vec::new(), Vec::new());
        let mut dropped = self.mic.dropped();
        while !self.stopped() {
            samples.clear();
            let read = self.mic.read(&mut samples, PATIENCE);
            let now = self.mic.dropped();
            if now != dropped {
                let ms = (now - dropped) * 1000 / u64::from(EAR_RATE);
                tracing::warn!("{ms} ms of sound were lost: the machine is too busy to listen");
                dropped = now;
            }
            let result = if self.shared.ignore.load(Ordering::Acquire) {
                self.segmenter.skip(&samples, &mut heard);
                Ok(())
            } else {
                self.segmenter.hear(&samples, &mut heard)
            };
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
                    Some(Heard::Lost(error))
                }
            };
            let over = last.is_some();
            heard.extend(last);
            for event in heard.drain(..) {
                if !tell(&self.out, &self.shared, event) {
                    return;
                }
            }
            if over {
                return;
            }
        }
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
