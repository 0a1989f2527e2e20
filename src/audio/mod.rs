//! Air to samples and back. The only folder that knows devices.
//!
//! Two backends implement the traits below: [`hardware`] (cpal in, rodio out; the default) and [`mod@file`] (WAV in
//! and out). Everything beyond this folder is mono `f32` in -1.0..=1.0: [`EAR_RATE`] for what is heard, the
//! speaker's own rate for what is played.

pub mod absent;
pub mod devices;
pub mod far_end;
pub mod file;
pub mod hardware;
pub mod lasting;
pub mod loudness;
pub mod resample;
pub mod ring;
pub mod wav;

use std::time::Duration;

use self::far_end::FarEnd;

/// The rate of everything that is listened to, in Hz: what Silero VAD and whisper were trained on.
pub const EAR_RATE: u32 = 16_000;

/// Where heard samples come from. Owned and read by the ear thread alone.
pub trait Microphone: Send {
    /// Appends what has arrived since the last call (mono, [`EAR_RATE`]), waiting at most `patience` for the first
    /// sample. Appending nothing is not an error: it means that nothing came in time.
    ///
    /// # Errors
    /// [`MicrophoneError::Ended`] when a recording is over, any other when the device is gone.
    fn read(&mut self, out: &mut Vec<f32>, patience: Duration) -> Result<(), MicrophoneError>;

    /// Whether samples come with the clock and are kept for a while, so that who has nothing to do may look later.
    fn keeps_time(&self) -> bool {
        true
    }

    /// Whether a device that failed is looked for by further reads, so that an error is no end.
    fn comes_back(&self) -> bool {
        false
    }

    /// Closes the device until the next read; whether there is one to be closed. What is said meanwhile is heard by nobody.
    fn close(&mut self) -> bool {
        false
    }

    /// Samples (at [`EAR_RATE`]) lost so far because the ear did not keep up. Monotonic.
    fn dropped(&self) -> u64 {
        0
    }
}

/// Where spoken samples go. Owned and fed by the player thread alone.
///
/// Positions count mono samples at [`Speaker::rate`] since the speaker was opened.
pub trait Speaker: Send {
    /// The rate at which [`Speaker::write`] wants its samples, in Hz.
    fn rate(&self) -> u32;

    /// Takes as many of `samples` as fit now, without waiting, and returns how many that was. With none, it only says
    /// whether the device is still there: ask so while waiting for [`Speaker::played`].
    ///
    /// # Errors
    /// When the device is gone.
    fn write(&mut self, samples: &[f32]) -> Result<usize, SpeakerError>;

    /// The position after the last sample that [`Speaker::write`] took.
    fn written(&self) -> u64;

    /// The position up to which samples were handed to the device (or discarded by [`Speaker::flush`]).
    fn played(&self) -> u64;

    /// Discards everything written and not yet played. No sample of it is handed to the device later than one
    /// callback after this returns.
    fn flush(&mut self);

    /// How loud everything is played from now on: a factor, 1.0 leaves samples below 0.9 of full scale as they are and bends louder ones. Takes effect within one
    /// callback, also on what is written already, with a ramp and without going beyond full scale
    /// ([`loudness::Loudness`]).
    fn set_gain(&mut self, gain: f32);

    /// While true, nothing more is handed to the device and nothing is lost; [`Speaker::flush`] discards all the same.
    /// A speaker that cannot hold back plays what it was given: a paused player gives it no more.
    fn pause(&mut self, paused: bool) {
        let _ = paused;
    }

    /// Whether there is a device at all; without one, [`Speaker::write`] says at once that it is gone.
    fn is_there(&self) -> bool {
        true
    }

    /// What is really played, silence included, for echo cancellation. Given out once; `None` when this speaker keeps
    /// no time that a microphone could hear it in.
    fn far_end(&mut self) -> Option<FarEnd> {
        None
    }
}

/// Opens the loudspeaker, each time anew.
pub type OpenSpeaker =
    std::sync::Arc<dyn Fn() -> Result<Box<dyn Speaker>, SpeakerError> + Send + Sync>;

/// Why there is nothing to hear.
#[derive(Debug, thiserror::Error)]
pub enum MicrophoneError {
    /// The recording is over. Stop listening; nothing is wrong.
    #[error("the recording is over")]
    Ended,
    /// No such device, or none at all. Ask the user to name another or to plug one in.
    #[error("no microphone {name:?}: {advice}")]
    NotFound {
        /// What was asked for; `default` when nothing was.
        name: String,
        /// What to do about it, one sentence.
        advice: String,
    },
    /// The device exists and cannot be opened now (in use, refused). Trying later may help.
    #[error("the microphone {name:?} cannot be opened: {reason}")]
    Busy {
        /// The device.
        name: String,
        /// The operating system's words.
        reason: String,
    },
    /// The device was there and went away. Open it again, or another.
    #[error("the microphone is gone: {0}")]
    Lost(String),
}

/// Why nothing can be played.
#[derive(Debug, thiserror::Error)]
pub enum SpeakerError {
    /// No such device, or none at all.
    #[error("no loudspeaker {name:?}: {advice}")]
    NotFound {
        /// What was asked for; `default` when nothing was.
        name: String,
        /// What to do about it, one sentence.
        advice: String,
    },
    /// The device exists and cannot be opened now.
    #[error("the loudspeaker {name:?} cannot be opened: {reason}")]
    Busy {
        /// The device.
        name: String,
        /// The operating system's words.
        reason: String,
    },
    /// The device was there and went away.
    #[error("the loudspeaker is gone: {0}")]
    Lost(String),
    /// A file backend could not write (full disk, no permission).
    #[error("cannot write {path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// The operating system's words.
        reason: String,
    },
}
