//! What the canceller is to do, and how much later that makes the sound.

use sonora_ns::config::OVERLAP_SIZE;

use super::aec;

/// What of the microphone's sound is changed before anybody listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EchoSettings {
    /// Whether hearken's own voice is taken out.
    pub cancellation: bool,
    /// Whether steady noise is lowered.
    pub noise_suppression: bool,
    /// Whether faint voices are raised.
    pub gain_control: bool,
}

impl EchoSettings {
    /// Everything stays as it was heard, to the sample.
    pub const OFF: Self = Self {
        cancellation: false,
        noise_suppression: false,
        gain_control: false,
    };

    /// How many samples later the stages give what they take.
    pub(super) fn delay(self) -> usize {
        let noise = if self.noise_suppression {
            OVERLAP_SIZE
        } else {
            0
        };
        self.cancellation_delay() + noise
    }

    /// The same of the canceller alone.
    pub(super) fn cancellation_delay(self) -> usize {
        if self.cancellation { aec::DELAY } else { 0 }
    }
}

impl From<&crate::config::Echo> for EchoSettings {
    fn from(echo: &crate::config::Echo) -> Self {
        Self {
            cancellation: echo.cancellation,
            noise_suppression: echo.noise_suppression,
            gain_control: echo.gain_control,
        }
    }
}
