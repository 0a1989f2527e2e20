//! What people say, as WAV files that are made once for each repetition and kept in the build folder: synthesized voices, recordings of
//! people, and made sounds, all of one loudness.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use hearken::audio::wav;
use sha2::{Digest, Sha256};

use super::format::Say;
use super::sounds;

/// Recordings of people, with their words: Debian's pocketsphinx-testdata.
const RECORDINGS: &str = "/usr/share/pocketsphinx/test/data";
/// An ordinary voice in the room: its speech, without its pauses, in dB of full scale.
const VOICE_DB: f64 = -25.0;
/// What is so far below the loudest 20 ms is a pause, in dB.
const PAUSE_DB: f64 = 30.0;
/// Nothing is louder than this, whatever it is raised by.
const PEAK: f32 = 0.98;
/// Kept before and after what sounds, in ms.
const MARGIN_MS: usize = 20;

/// Something to play into the room.
#[derive(Debug, Clone)]
pub struct Utterance {
    /// The file.
    pub path: PathBuf,
    /// From its first to its last sound, in ms.
    pub length_ms: u64,
}

/// The folder of what was synthesized.
pub struct Speech {
    folder: PathBuf,
    hearken: PathBuf,
    /// Two voices at work at the same time would write the same file.
    one_at_a_time: Mutex<()>,
}

impl Speech {
    /// Keeps files in `folder`; `hearken` is the program whose voice is used.
    pub fn new(folder: PathBuf, hearken: &Path) -> Self {
        std::fs::create_dir_all(&folder).unwrap();
        Self {
            folder,
            hearken: hearken.into(),
            one_at_a_time: Mutex::default(),
        }
    }

    /// What is said the `number`th time, from 1 on: hearken's voice says nothing twice alike, and what is heard well once may be
    /// heard badly the next time.
    pub fn take(&self, number: usize) -> Take<'_> {
        Take {
            speech: self,
            number,
        }
    }

    fn of(&self, say: &Say, number: usize) -> Result<Utterance, String> {
        let _alone = self.one_at_a_time.lock().unwrap();
        let what = (&say.text, &say.voice, &say.recording, say.sound);
        let how = (say.length_ms, say.level_db, VOICE_DB, number);
        let name = Sha256::digest(format!("{what:?} {how:?}"));
        let name: String = name.iter().take(8).map(|b| format!("{b:02x}")).collect();
        let path = self.folder.join(format!("{name}.wav"));
        if !path.exists() {
            let (samples, rate) = self.make(say)?;
            let samples = level(trim(&samples, rate), rate, VOICE_DB + say.level_db);
            // Whole or not at all: a run may be broken off.
            let unfinished = path.with_extension("unfinished");
            wav::write(&unfinished, &samples, rate).map_err(|e| e.to_string())?;
            std::fs::rename(&unfinished, &path).map_err(|e| e.to_string())?;
        }
        let recording = wav::read(&path).map_err(|e| e.to_string())?;
        let length_ms = recording.samples.len() as u64 * 1000 / u64::from(recording.rate);
        Ok(Utterance { path, length_ms })
    }

    fn make(&self, say: &Say) -> Result<(Vec<f32>, u32), String> {
        if let Some(sound) = say.sound {
            return Ok((sounds::make(sound, say.length_ms), sounds::RATE));
        }
        if let Some(name) = &say.recording {
            return recording(&Path::new(RECORDINGS).join(name));
        }
        let text = say.text.as_deref().unwrap_or_default();
        let raw = self.folder.join("raw.wav");
        let spoken = match say.voice.split_once(':') {
            Some(("espeak", voice)) => espeak(voice, text, &raw)?,
            _ => self.joe(&say.voice, text, &raw)?,
        };
        let _ = std::fs::remove_file(&raw);
        Ok(spoken)
    }

    /// hearken's own voice. Played faster by so many percent and spoken slower by as many, it is another person's:
    /// higher, with a smaller head.
    fn joe(&self, voice: &str, text: &str, raw: &Path) -> Result<(Vec<f32>, u32), String> {
        let percent = match voice.split_once('@') {
            Some(("joe", percent)) => percent.parse().ok(),
            None if voice == "joe" => Some(100),
            _ => None,
        };
        let percent: u32 = percent.ok_or(format!("there is no voice {voice}"))?;
        let mut command = Command::new(&self.hearken);
        command
            .env("HEARKEN_CONFIG", "/dev/null")
            .args(["say", "--voice=joe", "--set"])
            .arg(format!("speak.rate_percent={}", 10_000 / percent))
            .arg("--out")
            .arg(raw)
            .arg(text);
        finish(command)?;
        let recording = wav::read(raw).map_err(|e| e.to_string())?;
        Ok((recording.samples, recording.rate * percent / 100))
    }
}

/// One time of several that the same is said.
#[derive(Clone, Copy)]
pub struct Take<'a> {
    speech: &'a Speech,
    number: usize,
}

impl Take<'_> {
    /// The file of what is said.
    ///
    /// # Errors
    /// When a program that synthesizes is missing or fails, or a recording is not there.
    pub fn of(&self, say: &Say) -> Result<Utterance, String> {
        self.speech.of(say, self.number)
    }
}

fn espeak(voice: &str, text: &str, raw: &Path) -> Result<(Vec<f32>, u32), String> {
    let mut command = Command::new("espeak-ng");
    command
        .args(["-s", "150", "-v", voice, "-w"])
        .arg(raw)
        .arg(text);
    finish(command)?;
    let recording = wav::read(raw).map_err(|e| e.to_string())?;
    Ok((recording.samples, recording.rate))
}

fn finish(mut command: Command) -> Result<(), String> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("{program}: {e}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(format!("{program}: {said}"));
    }
    Ok(())
}

/// A person's recording: a WAV file, or raw 16-bit samples at 16 kHz.
fn recording(path: &Path) -> Result<(Vec<f32>, u32), String> {
    let missing = |e: &dyn std::fmt::Display| {
        format!("{}: {e}; install pocketsphinx-testdata", path.display())
    };
    if path.extension().is_some_and(|e| e == "wav") {
        let recording = wav::read(path).map_err(|e| missing(&e))?;
        return Ok((recording.samples, recording.rate));
    }
    let bytes = std::fs::read(path).map_err(|e| missing(&e))?;
    let samples = bytes
        .chunks_exact(2)
        .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32768.0);
    Ok((samples.collect(), 16_000))
}

/// The power of each 20 ms, and its length in samples.
fn frames(samples: &[f32], rate: u32) -> (Vec<f32>, usize) {
    let frame = (rate / 50).max(1) as usize;
    let power = |frame: &[f32]| frame.iter().map(|s| s * s).sum::<f32>() / frame.len() as f32;
    (samples.chunks(frame).map(power).collect(), frame)
}

/// What power is still sound.
fn threshold(powers: &[f32]) -> f32 {
    let loudest = powers.iter().copied().fold(0.0, f32::max);
    loudest * 10_f32.powf(-PAUSE_DB as f32 / 10.0)
}

/// Without the silence at both ends.
pub fn trim(samples: &[f32], rate: u32) -> &[f32] {
    let (powers, frame) = frames(samples, rate);
    let limit = threshold(&powers);
    let sounds = |power: &f32| *power > limit;
    let (Some(first), Some(last)) = (
        powers.iter().position(sounds),
        powers.iter().rposition(sounds),
    ) else {
        return samples;
    };
    let margin = MARGIN_MS * rate as usize / 1000;
    let from = (first * frame).saturating_sub(margin);
    let to = ((last + 1) * frame + margin).min(samples.len());
    &samples[from..to]
}

/// With the mean power of its sounding part at `db` of full scale.
pub fn level(samples: &[f32], rate: u32, db: f64) -> Vec<f32> {
    let (powers, _) = frames(samples, rate);
    let limit = threshold(&powers);
    let loud: Vec<f32> = powers.into_iter().filter(|power| *power > limit).collect();
    let mean = loud.iter().sum::<f32>() / loud.len().max(1) as f32;
    let gain = (10_f64.powf(db / 10.0) / f64::from(mean.max(1e-12))).sqrt() as f32;
    let scaled = samples
        .iter()
        .map(|sample| (sample * gain).clamp(-PEAK, PEAK));
    scaled.collect()
}
