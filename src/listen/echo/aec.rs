//! Sonora's AEC3 (WebRTC's canceller in Rust) with the settings that hearken needs, block by block.
//!
//! Runs on the `ear` thread. Sonora counts samples as 16-bit integers do; here they are -1.0 to 1.0.

use sonora_aec3::block::Block;
use sonora_aec3::block_processor::BlockProcessor;
use sonora_aec3::config::EchoCanceller3Config;

use crate::audio::EAR_RATE;

/// Samples per block: 4 ms.
pub const BLOCK: usize = 64;

/// What comes out is so many samples later than what went in.
pub const DELAY: usize = 64;

/// Full scale as sonora counts it.
const FULL_SCALE: f32 = 32_768.0;

/// From here on the microphone is overdriven.
const OVERDRIVEN: f32 = 0.998;

/// An echo canceller.
pub struct Aec {
    processor: BlockProcessor,
    near: Block,
    far: Block,
}

impl Aec {
    /// One that knows nothing of the room yet.
    pub fn new() -> Self {
        Self {
            processor: BlockProcessor::new(&settings(), EAR_RATE as usize, 1, 1),
            near: Block::new(1, 1),
            far: Block::new(1, 1),
        }
    }

    /// Takes the echo of `far` (and of what was played before) out of `near`; the result is [`DELAY`] samples late.
    pub fn process(&mut self, near: &mut [f32; BLOCK], far: &[f32; BLOCK]) {
        let overdriven = near.iter().any(|sample| sample.abs() >= OVERDRIVEN);
        scale(far, self.far.view_mut(0, 0));
        scale(near, self.near.view_mut(0, 0));
        self.processor.buffer_render(&self.far);
        self.processor
            .process_capture(false, overdriven, None, &mut self.near);
        for (sample, cleaned) in near.iter_mut().zip(self.near.view(0, 0)) {
            *sample = cleaned / FULL_SCALE;
        }
    }

    /// How long the echo takes from the reference to the microphone, in ms; steps of 4.
    pub fn delay_ms(&self) -> f32 {
        self.processor.get_metrics().delay_ms as f32
    }
}

fn scale(samples: &[f32], out: &mut [f32]) {
    for (sample, out) in samples.iter().zip(out) {
        *out = sample * FULL_SCALE;
    }
}

fn settings() -> EchoCanceller3Config {
    let mut settings = EchoCanceller3Config::default();
    settings.validate();
    settings
}
