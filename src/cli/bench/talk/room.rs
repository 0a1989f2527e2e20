//! A microphone in a quiet room: there is a very faint noise under everything, because silence is never nothing.

use std::time::Duration;

use hearken::audio::file::FileMicrophone;
use hearken::audio::{Microphone, MicrophoneError};

use crate::cli::bench::wake::chance::Chance;

/// Root mean square of the noise: 65 dB below full scale.
const NOISE: f32 = 5.6e-4;

/// A file microphone with noise.
pub struct Room {
    microphone: FileMicrophone,
    chance: Chance,
}

impl Room {
    /// The same `seed` gives the same noise.
    pub fn new(microphone: FileMicrophone, seed: u64) -> Self {
        Self {
            microphone,
            chance: Chance::new(seed),
        }
    }
}

impl Microphone for Room {
    fn read(&mut self, out: &mut Vec<f32>, patience: Duration) -> Result<(), MicrophoneError> {
        let before = out.len();
        self.microphone.read(out, patience)?;
        for sample in &mut out[before..] {
            // Evenly from -1 to 1 has a root mean square of one by the root of three.
            let white = (self.chance.part() * 2.0 - 1.0) * 3f32.sqrt();
            *sample = (*sample + white * NOISE).clamp(-1.0, 1.0);
        }
        Ok(())
    }

    fn keeps_time(&self) -> bool {
        self.microphone.keeps_time()
    }

    fn dropped(&self) -> u64 {
        self.microphone.dropped()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use hearken::audio::file::Pace;

    #[test]
    fn silence_has_the_noise_of_a_room() {
        let (microphone, feed) = FileMicrophone::new(Pace::AsFast);
        feed.play(vec![0.0; 16_000]);
        let mut room = Room::new(microphone, 1);
        let mut heard = Vec::new();
        while heard.len() < 16_000 {
            room.read(&mut heard, Duration::ZERO).unwrap();
        }
        let power = heard.iter().map(|s| s * s).sum::<f32>() / heard.len() as f32;
        let db = 10.0 * power.log10();
        assert!((db + 65.0).abs() < 0.5, "{db}");
    }
}
