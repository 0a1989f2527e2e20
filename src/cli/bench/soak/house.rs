//! A microphone that can be unplugged, and a loudspeaker that plays at once, holds, or is gone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hearken::audio::{Microphone, MicrophoneError, OpenSpeaker, Speaker, SpeakerError};

/// The loudspeaker's rate, in Hz.
const RATE: u32 = 48_000;
/// It takes no more before it has been played, in samples.
const ROOM: u64 = 4_800;
/// Where it holds, so much is heard: half a second.
const HELD: u64 = RATE as u64 / 2;
/// Who is unplugged is asked again after this.
const PAUSE: Duration = Duration::from_millis(5);

/// What can be done to the devices.
#[derive(Clone, Default)]
pub struct Handles {
    pub unplugged: Arc<AtomicBool>,
    pub loudspeaker: Loudspeaker,
}

/// The microphone.
pub struct House {
    inner: Box<dyn Microphone>,
    pub handles: Handles,
    told: bool,
}

impl House {
    pub fn new(inner: Box<dyn Microphone>) -> Self {
        Self {
            inner,
            handles: Handles::default(),
            told: false,
        }
    }
}

impl Microphone for House {
    fn read(&mut self, out: &mut Vec<f32>, patience: Duration) -> Result<(), MicrophoneError> {
        if !self.handles.unplugged.load(Ordering::Relaxed) {
            self.told = false;
            return self.inner.read(out, patience);
        }
        if !std::mem::replace(&mut self.told, true) {
            return Err(MicrophoneError::Lost("unplugged".into()));
        }
        std::thread::sleep(PAUSE);
        Ok(())
    }

    fn keeps_time(&self) -> bool {
        self.inner.keeps_time()
    }

    fn comes_back(&self) -> bool {
        true
    }

    fn dropped(&self) -> u64 {
        self.inner.dropped()
    }
}

#[derive(Default)]
struct Desk {
    written: u64,
    played: u64,
    /// It plays no further than this.
    until: Option<u64>,
    gone: bool,
    paused: bool,
}

/// The loudspeaker. Clones are the same.
#[derive(Clone, Default)]
pub struct Loudspeaker(Arc<Mutex<Desk>>);

impl Loudspeaker {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is played from now on comes to a halt after half a second, or all of it is played.
    pub fn hold(&self, yes: bool) {
        let mut desk = self.desk();
        desk.until = yes.then_some(desk.written + HELD);
    }

    pub fn unplug(&self, yes: bool) {
        self.desk().gone = yes;
    }

    /// How it is opened when it is there again.
    pub fn reopened(&self) -> OpenSpeaker {
        let same = self.clone();
        Arc::new(move || match same.desk().gone {
            true => Err(SpeakerError::Lost("unplugged".into())),
            false => Ok(Box::new(same.clone()) as Box<dyn Speaker>),
        })
    }
}

impl Speaker for Loudspeaker {
    fn rate(&self) -> u32 {
        RATE
    }

    fn write(&mut self, samples: &[f32]) -> Result<usize, SpeakerError> {
        let mut desk = self.desk();
        if desk.gone {
            return Err(SpeakerError::Lost("unplugged".into()));
        }
        let taken = (samples.len() as u64).min(ROOM - (desk.written - desk.played));
        desk.written += taken;
        if !desk.paused {
            desk.played = desk.until.map_or(desk.written, |until| {
                desk.written.min(until.max(desk.played))
            });
        }
        Ok(taken as usize)
    }

    fn written(&self) -> u64 {
        self.desk().written
    }

    fn played(&self) -> u64 {
        self.desk().played
    }

    fn flush(&mut self) {
        let mut desk = self.desk();
        desk.played = desk.written;
    }

    fn set_gain(&mut self, _: f32) {}

    fn pause(&mut self, paused: bool) {
        self.desk().paused = paused;
    }
}
