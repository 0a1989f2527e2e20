//! Simulated rooms for `hearken bench echo`: what a microphone hears of a loudspeaker that clips a little, after a delay
//! and with reverberation, by a clock of its own. Pure, and the same in every run.

use hearken::audio::EAR_RATE;
use hearken::audio::resample::resample;
use realfft::RealFftPlanner;

const RATE: f64 = EAR_RATE as f64;

/// The loudspeaker cuts off what is above this share of the loudest sample.
const CLIP: f32 = 0.8;
/// The microphone's own noise, in full scale: 70 dB below.
const NOISE: f32 = 3e-4;
/// Reverberation of 0.4 s is as strong as the direct sound; shorter is weaker in proportion.
const EVEN_RT60_MS: f64 = 400.0;

/// A room with a loudspeaker and a microphone.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// From the output callback to the microphone's sample, in ms.
    pub delay_ms: u32,
    /// Within so many ms the reverberation falls by 60 dB.
    pub rt60_ms: u32,
    /// How much slower the microphone's clock is, in parts per million: 0 or 100 of either sign.
    pub drift_ppm: i32,
}

/// The rooms of the bench: all delays, reverberations and clocks that are promised.
pub const ROOMS: [Room; 8] = [
    Room::new(10, 80, 0),
    Room::new(25, 150, 100),
    Room::new(40, 120, 0),
    Room::new(60, 250, -100),
    Room::new(90, 200, 100),
    Room::new(130, 400, 0),
    Room::new(180, 300, 100),
    Room::new(250, 400, -100),
];

impl Room {
    const fn new(delay_ms: u32, rt60_ms: u32, drift_ppm: i32) -> Self {
        Self {
            delay_ms,
            rt60_ms,
            drift_ppm,
        }
    }

    /// What the microphone hears of `played` (at the ear's rate), about half as loud.
    pub fn echo(&self, played: &[f32]) -> anyhow::Result<Vec<f32>> {
        let peak = played.iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
        let limit = peak * CLIP;
        let clipped: Vec<f32> = played.iter().map(|s| s.clamp(-limit, limit)).collect();
        let mut heard = convolved(&clipped, &self.response())?;
        if self.drift_ppm != 0 {
            let to = (10_000 + self.drift_ppm.signum()) as u32;
            heard = resample(&heard, 10_000, to)?;
        }
        heard.resize(played.len(), 0.0);
        let mut noise = Noise(u64::from(self.delay_ms) + 7);
        heard.iter_mut().for_each(|s| *s += NOISE * noise.next());
        Ok(heard)
    }

    /// The impulse response: the direct sound after the delay, and a tail of noise.
    fn response(&self) -> Vec<f32> {
        let samples = |ms: u32| (f64::from(ms) * RATE / 1000.0) as usize;
        let (delay, tail) = (samples(self.delay_ms), samples(self.rt60_ms));
        let mut noise = Noise(u64::from(self.rt60_ms) * 1000 + u64::from(self.delay_ms));
        let mut response = vec![0.0; delay + tail + 1];
        // The first reflection comes 2 ms after the direct sound.
        for n in samples(2)..tail {
            let fall = 10f32.powf(-3.0 * n as f32 / tail as f32);
            response[delay + n] = noise.next() * fall;
        }
        let energy: f32 = response.iter().map(|s| s * s).sum();
        let wanted = (f64::from(self.rt60_ms) / EVEN_RT60_MS) as f32;
        let scale = 0.5 * (wanted / energy.max(1e-9)).sqrt();
        response.iter_mut().for_each(|s| *s *= scale);
        response[delay] = 0.5;
        response
    }
}

/// White noise, root mean square about 1, the same in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        1.732 * ((self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
    }
}

/// `sound` through a filter, as long as both together.
fn convolved(sound: &[f32], response: &[f32]) -> anyhow::Result<Vec<f32>> {
    let length = sound.len() + response.len();
    let size = length.next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, backward) = (
        planner.plan_fft_forward(size),
        planner.plan_fft_inverse(size),
    );
    let spectrum = |samples: &[f32]| {
        let mut padded = samples.to_vec();
        padded.resize(size, 0.0);
        let mut out = forward.make_output_vec();
        forward.process(&mut padded, &mut out).map(|()| out)
    };
    let (mut product, other) = (spectrum(sound)?, spectrum(response)?);
    for (a, b) in product.iter_mut().zip(&other) {
        *a *= b;
    }
    let mut out = backward.make_output_vec();
    backward.process(&mut product, &mut out)?;
    out.truncate(length);
    out.iter_mut().for_each(|s| *s /= size as f32);
    Ok(out)
}
