//! A microphone that plays recordings and a loudspeaker that is a WAV file: `hearken converse`, and what tests use.
//!
//! Each runs on the thread of whoever owns it, like the hardware. With [`Pace::RealTime`] they keep the clock's time,
//! so that everything beyond them behaves as it would on a device; with [`Pace::AsFast`] a conversation takes only as
//! long as the thinking does.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::far_end::{FarEnd, Tap};
use super::loudness::Loudness;
use super::wav::{WavError, Writer};
use super::{EAR_RATE, Microphone, MicrophoneError, Speaker, SpeakerError};

/// How fast a file backend's time goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As the clock does.
    RealTime,
    /// As fast as the other side takes it.
    AsFast,
}

/// Silence after a recording, unless set otherwise: longer than any sensible hangover, so that the utterance ends.
/// With [`Pace::RealTime`] another recording may cut it short, and the end of all may not.
pub const TAIL: Duration = Duration::from_secs(2);

/// At most so much comes from one [`Microphone::read`]: 32 ms, like a device.
const BLOCK: usize = 512;

/// With [`Pace::RealTime`], the ear is asked again after this.
const TICK: Duration = Duration::from_millis(5);

enum Fed {
    /// Samples, and who wants to know when the first of them was said.
    Recording(Vec<f32>, Option<oneshot::Sender<Instant>>),
    End,
}

/// What a [`FileMicrophone`] hears next. Clones feed the same microphone.
#[derive(Clone)]
pub struct FileMicrophoneFeed {
    sender: Sender<Fed>,
}

impl FileMicrophoneFeed {
    /// Somebody says this, after all that was fed before. Mono, 16 kHz. Never waits.
    pub fn play(&self, samples: Vec<f32>) {
        // A microphone that is gone hears nothing: no fault of the feed's.
        let _ = self.sender.send(Fed::Recording(samples, None));
    }

    /// As [`FileMicrophoneFeed::play`]; what it gives tells when the first of the samples was said. With
    /// [`Pace::RealTime`] that is to the sample, and sample `n` was said `n` sixteen-thousandths of a second later.
    pub fn play_timed(&self, samples: Vec<f32>) -> oneshot::Receiver<Instant> {
        let (told, begun) = oneshot::channel();
        let _ = self.sender.send(Fed::Recording(samples, Some(told)));
        begun
    }

    /// After all that was fed before, the recording is over: the ear reads [`MicrophoneError::Ended`].
    pub fn end(&self) {
        let _ = self.sender.send(Fed::End);
    }
}

/// A microphone in front of which recordings are played.
pub struct FileMicrophone {
    pace: Pace,
    receiver: Receiver<Fed>,
    current: VecDeque<f32>,
    tail: Duration,
    /// Samples of silence that still follow the last recording.
    tail_left: usize,
    /// Set at the first read, so that nothing is heard before somebody listens.
    started: Option<Instant>,
    /// Samples given since then.
    given: u64,
    over: bool,
}

impl FileMicrophone {
    /// A microphone and what feeds it. When the last feed is dropped, the recording is over as if it had been ended.
    pub fn new(pace: Pace) -> (Self, FileMicrophoneFeed) {
        // Unbounded: it holds recordings that the feeder has in memory anyway, a few of them, and the feeder must
        // never wait for the ear.
        let (sender, receiver) = channel();
        let microphone = Self {
            pace,
            receiver,
            current: VecDeque::new(),
            tail: TAIL,
            tail_left: 0,
            started: None,
            given: 0,
            over: false,
        };
        (microphone, FileMicrophoneFeed { sender })
    }

    /// Sets the silence after each recording, in place of [`TAIL`]; it must outlast the endpoint's hangover.
    pub fn set_tail(&mut self, tail: Duration) {
        self.tail = tail;
    }

    fn accept(&mut self, fed: Fed) {
        match fed {
            Fed::Recording(samples, told) => {
                if let Some(told) = told {
                    let began = self.started.map(|at| at + seconds(self.given));
                    // Who has asked may be gone.
                    let _ = told.send(began.unwrap_or_else(Instant::now));
                }
                self.current = samples.into();
                self.tail_left = (self.tail.as_secs_f64() * f64::from(EAR_RATE)) as usize;
            }
            Fed::End => self.over = true,
        }
    }

    fn read_as_fast(
        &mut self,
        out: &mut Vec<f32>,
        patience: Duration,
    ) -> Result<(), MicrophoneError> {
        while self.current.is_empty() && self.tail_left == 0 {
            if self.over {
                return Err(MicrophoneError::Ended);
            }
            match self.receiver.recv_timeout(patience) {
                Ok(fed) => self.accept(fed),
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => self.over = true,
            }
        }
        let sound = BLOCK.min(self.current.len());
        out.extend(self.current.drain(..sound));
        if sound == 0 {
            let silence = BLOCK.min(self.tail_left);
            out.resize(out.len() + silence, 0.0);
            self.tail_left -= silence;
        }
        Ok(())
    }

    fn read_in_time(
        &mut self,
        out: &mut Vec<f32>,
        patience: Duration,
    ) -> Result<(), MicrophoneError> {
        let started = *self.started.get_or_insert_with(Instant::now);
        if self.due(started) == 0 {
            std::thread::sleep(TICK.min(patience));
        }
        let before = out.len();
        let mut due = self.due(started);
        while due > 0 {
            while self.current.is_empty() && !self.over {
                match self.receiver.try_recv() {
                    Ok(fed) => self.accept(fed),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => self.over = true,
                }
            }
            if self.current.is_empty() {
                // The silence after the last recording is heard before the end, so that the utterance ends.
                let silence = if self.over {
                    due.min(self.tail_left)
                } else {
                    due
                };
                if silence == 0 {
                    return if out.len() > before {
                        Ok(())
                    } else {
                        Err(MicrophoneError::Ended)
                    };
                }
                out.resize(out.len() + silence, 0.0);
                self.tail_left = self.tail_left.saturating_sub(silence);
                self.given += silence as u64;
                return Ok(());
            }
            let sound = due.min(self.current.len());
            out.extend(self.current.drain(..sound));
            self.given += sound as u64;
            due -= sound;
        }
        Ok(())
    }

    /// Samples that the clock has made since the last read.
    fn due(&self, started: Instant) -> usize {
        let now = (started.elapsed().as_secs_f64() * f64::from(EAR_RATE)) as u64;
        now.saturating_sub(self.given) as usize
    }
}

/// How long so many samples last.
fn seconds(samples: u64) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(EAR_RATE))
}

impl Microphone for FileMicrophone {
    fn read(&mut self, out: &mut Vec<f32>, patience: Duration) -> Result<(), MicrophoneError> {
        match self.pace {
            Pace::AsFast => self.read_as_fast(out, patience),
            Pace::RealTime => self.read_in_time(out, patience),
        }
    }

    fn keeps_time(&self) -> bool {
        self.pace == Pace::RealTime
    }
}

/// A loudspeaker that writes what it plays into a WAV file.
///
/// The file is a good WAV at any moment, whatever happens to the program. With [`Pace::AsFast`] it holds the replies
/// one after the other, and what was written is played; with [`Pace::RealTime`] it holds what one would have heard,
/// silence included, from the moment it was opened.
pub struct WavSpeaker {
    rate: u32,
    pace: Pace,
    /// Behind a cell because asking for the position makes time go on.
    state: RefCell<State>,
}

struct State {
    file: Writer,
    opened: Instant,
    /// Written and not yet played (real time only).
    queue: VecDeque<f32>,
    written: u64,
    played: u64,
    /// Samples in the file.
    in_file: u64,
    loudness: Loudness,
    gain: f32,
    paused: bool,
    /// In real time only: what is played faster than any clock was in no room.
    tap: Option<Tap>,
    far_end: Option<FarEnd>,
    /// The last error, until somebody hears of it.
    error: Option<WavError>,
}

/// With [`Pace::RealTime`], so much is taken ahead of the clock: what a device takes.
const AHEAD: Duration = Duration::from_millis(300);

impl WavSpeaker {
    /// Creates the file at `rate` Hz, or empties the one that is there.
    ///
    /// # Errors
    /// [`SpeakerError::File`].
    pub fn create(path: &Path, rate: u32, pace: Pace) -> Result<Self, SpeakerError> {
        let file = Writer::create(path, rate).map_err(file_error)?;
        let (tap, far_end) = match pace {
            Pace::RealTime => {
                let (tap, far_end) = Tap::new(rate);
                (Some(tap), Some(far_end))
            }
            Pace::AsFast => (None, None),
        };
        let state = State {
            loudness: Loudness::new(rate),
            gain: 1.0,
            paused: false,
            tap,
            far_end,
            file,
            opened: Instant::now(),
            queue: VecDeque::new(),
            written: 0,
            played: 0,
            in_file: 0,
            error: None,
        };
        Ok(Self {
            rate,
            pace,
            state: RefCell::new(state),
        })
    }
}

impl State {
    /// Plays up to now: queued samples first, then silence.
    fn catch_up(&mut self, rate: u32) {
        let now = (self.opened.elapsed().as_secs_f64() * f64::from(rate)) as u64;
        let due = now.saturating_sub(self.in_file) as usize;
        if due == 0 || self.error.is_some() {
            return;
        }
        let sound = match self.paused {
            true => 0,
            false => due.min(self.queue.len()),
        };
        let mut block: Vec<f32> = self.queue.drain(..sound).collect();
        block.resize(due, 0.0);
        self.played += sound as u64;
        self.in_file = now;
        self.put(&block);
    }

    fn put(&mut self, samples: &[f32]) {
        let loud = samples.iter().map(|s| self.loudness.apply(*s, self.gain));
        let played: Vec<f32> = loud.collect();
        if let Some(tap) = &mut self.tap {
            played.iter().for_each(|sample| tap.push(*sample));
        }
        let result = self.file.write(&played).and_then(|()| self.file.flush());
        if let Err(error) = result {
            self.error = Some(error);
        }
    }
}

impl Speaker for WavSpeaker {
    fn rate(&self) -> u32 {
        self.rate
    }

    fn write(&mut self, samples: &[f32]) -> Result<usize, SpeakerError> {
        let state = self.state.get_mut();
        let count = match self.pace {
            Pace::AsFast => {
                state.put(samples);
                state.played += samples.len() as u64;
                samples.len()
            }
            Pace::RealTime => {
                state.catch_up(self.rate);
                let room = (AHEAD.as_secs_f64() * f64::from(self.rate)) as usize;
                let count = samples.len().min(room.saturating_sub(state.queue.len()));
                state.queue.extend(&samples[..count]);
                count
            }
        };
        if let Some(error) = state.error.take() {
            return Err(file_error(error));
        }
        state.written += count as u64;
        Ok(count)
    }

    fn written(&self) -> u64 {
        self.state.borrow().written
    }

    fn played(&self) -> u64 {
        let mut state = self.state.borrow_mut();
        if self.pace == Pace::RealTime {
            state.catch_up(self.rate);
            if state.error.is_some() {
                // Nothing more will be played; the next write says why.
                return state.written;
            }
        }
        state.played
    }

    fn flush(&mut self) {
        let state = self.state.get_mut();
        if self.pace == Pace::RealTime {
            state.catch_up(self.rate);
            state.queue.clear();
        }
        state.played = state.written;
    }

    fn set_gain(&mut self, gain: f32) {
        let state = self.state.get_mut();
        if self.pace == Pace::RealTime {
            state.catch_up(self.rate);
        }
        state.gain = gain;
    }

    fn pause(&mut self, paused: bool) {
        let state = self.state.get_mut();
        if self.pace == Pace::RealTime {
            state.catch_up(self.rate);
        }
        state.paused = paused;
    }

    fn far_end(&mut self) -> Option<FarEnd> {
        self.state.get_mut().far_end.take()
    }
}

impl Drop for WavSpeaker {
    fn drop(&mut self) {
        if self.pace == Pace::RealTime {
            self.state.get_mut().catch_up(self.rate);
        }
    }
}

fn file_error(error: WavError) -> SpeakerError {
    match error {
        WavError::Unwritable { path, reason } => SpeakerError::File { path, reason },
        other => SpeakerError::Lost(other.to_string()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
