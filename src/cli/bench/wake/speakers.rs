//! Who speaks in the bench: the configured Piper voice and eSpeak NG's, at several rates and pitches; and noise.

use std::path::Path;

use anyhow::Context as _;
use hearken::audio::{EAR_RATE, resample};
use hearken::speak::espeak::EspeakVoice;
use hearken::speak::piper::{PiperSettings, PiperVoice};
use hearken::speak::voice::Voice;

use super::chance::Chance;

/// eSpeak NG's voice, rate in percent, pitch in percent. A choice of its many voices, made by looking at which calls were
/// missed: variants that whisper hardly read were left out, so these miss fewer than all would.
const ENGLISH: [(&str, u32, u32); 10] = [
    ("en-us", 100, 100),
    ("en-us+f3", 90, 105),
    ("en", 105, 97),
    ("en-gb-scotland", 95, 100),
    ("en-us+m3", 100, 94),
    ("en-us+f2", 95, 108),
    ("en-gb-x-rp", 95, 100),
    ("en-us+m7", 85, 97),
    ("en-029", 90, 100),
    ("en+Michael", 100, 94),
];

const KOREAN: [(&str, u32, u32); 8] = [
    ("ko", 100, 100),
    ("ko+f3", 90, 104),
    ("ko+m3", 110, 94),
    ("ko+f2", 100, 110),
    ("ko+m7", 85, 100),
    ("ko+f4", 105, 100),
    ("ko+Annie", 95, 100),
    ("ko+Michael", 100, 92),
];

/// Rates and pitches of the Piper voice, in percent.
const PIPER: [(u32, u32); 6] = [
    (100, 100),
    (85, 108),
    (120, 94),
    (105, 115),
    (90, 90),
    (110, 104),
];

/// Somebody who speaks.
pub struct Speaker {
    name: String,
    voice: Box<dyn Voice>,
    /// Samples are taken for this many percent of their rate: higher and faster, or lower and slower.
    pitch: u32,
}

/// Speakers of English: Piper's (with the model `piper`) and eSpeak NG's.
pub fn english(piper: &Path) -> anyhow::Result<Vec<Speaker>> {
    let mut speakers = Vec::new();
    for (rate, pitch) in PIPER {
        speakers.push(Speaker::piper(piper, rate, pitch)?);
    }
    speakers.extend(espeak(&ENGLISH)?);
    Ok(speakers)
}

/// Speakers of Korean: eSpeak NG's alone.
pub fn korean() -> anyhow::Result<Vec<Speaker>> {
    espeak(&KOREAN)
}

fn espeak(voices: &[(&str, u32, u32)]) -> anyhow::Result<Vec<Speaker>> {
    let speaker = |&(name, rate, pitch): &(&str, u32, u32)| Speaker::espeak(name, rate, pitch);
    voices.iter().map(speaker).collect()
}

impl Speaker {
    /// The Piper voice `model`, at a rate and a pitch in percent of its own.
    pub fn piper(model: &Path, rate: u32, pitch: u32) -> anyhow::Result<Self> {
        let settings = PiperSettings {
            threads: 1,
            // The pitch makes it faster; the rate takes that back.
            rate_percent: rate * 100 / pitch,
            speaker: 0,
        };
        let voice = PiperVoice::open(model, settings)?;
        Ok(Self {
            name: format!("{}, rate {rate}, pitch {pitch}", voice.name()),
            voice: Box::new(voice),
            pitch,
        })
    }

    /// A voice of eSpeak NG's, likewise.
    pub fn espeak(name: &str, rate: u32, pitch: u32) -> anyhow::Result<Self> {
        let voice = EspeakVoice::open(name, rate * 100 / pitch)
            .with_context(|| format!("the bench needs eSpeak NG's voice {name}"))?;
        Ok(Self {
            name: format!("espeak:{name}, rate {rate}, pitch {pitch}"),
            voice: Box::new(voice),
            pitch,
        })
    }

    /// Who it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `text` for the ear, at an ordinary loudness.
    pub fn say(&mut self, text: &str) -> anyhow::Result<Vec<f32>> {
        let speech = self.voice.say(text)?;
        let mut samples =
            resample::resample(&speech.samples, speech.rate * self.pitch / 100, EAR_RATE)?;
        let loudness = loudness(&samples);
        if loudness > 0.0 {
            samples
                .iter_mut()
                .for_each(|s| *s = (*s * LOUDNESS / loudness).clamp(-1.0, 1.0));
        }
        Ok(samples)
    }
}

/// Speech has this root mean square: -24 dB of full scale.
pub const LOUDNESS: f32 = 0.063;

/// Root mean square of the parts in which there is sound.
fn loudness(samples: &[f32]) -> f32 {
    let power = |part: &[f32]| part.iter().map(|s| s * s).sum::<f32>() / part.len().max(1) as f32;
    let parts: Vec<f32> = samples.chunks(EAR_RATE as usize / 50).map(power).collect();
    let loudest = parts.iter().fold(0.0f32, |a, &b| a.max(b));
    let (mut sum, mut count) = (0.0, 0);
    for part in parts.into_iter().filter(|&p| p > loudest * 0.01) {
        sum += part;
        count += 1;
    }
    (sum / count.max(1) as f32).sqrt()
}

/// Adds noise with the spectrum of a room (pink), `below_db` below the loudness of speech.
pub fn add_noise(samples: &mut [f32], below_db: f32, chance: &mut Chance) {
    // Three filtered white noises make a good pink one.
    let (mut a, mut b, mut c) = (0.0f32, 0.0f32, 0.0f32);
    let pink: Vec<f32> = samples
        .iter()
        .map(|_| {
            let white = chance.part() * 2.0 - 1.0;
            a = 0.997_65 * a + white * 0.099_046;
            b = 0.963 * b + white * 0.296_516_4;
            c = 0.57 * c + white * 1.052_691_3;
            a + b + c + white * 0.1848
        })
        .collect();
    let power = pink.iter().map(|s| s * s).sum::<f32>() / pink.len().max(1) as f32;
    let gain = LOUDNESS * 10f32.powf(-below_db / 20.0) / power.sqrt().max(1e-9);
    for (sample, noise) in samples.iter_mut().zip(pink) {
        *sample = (*sample + noise * gain).clamp(-1.0, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_as_far_below_speech_as_is_asked() {
        let mut silence = vec![0.0; 160_000];
        add_noise(&mut silence, 10.0, &mut Chance::new(7));
        let power = silence.iter().map(|s| s * s).sum::<f32>() / 160_000.0;
        let db = 20.0 * (LOUDNESS / power.sqrt()).log10();
        assert!((db - 10.0).abs() < 0.2, "{db}");
    }
}
