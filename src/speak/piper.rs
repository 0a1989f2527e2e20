//! A Piper voice. On the thread `voice`.
//!
//! piper-rs runs the model; what it is given differs from what piper-rs would make of a text, so that it sounds as
//! Piper's own program does:
//!
//! - **Punctuation.** piper-rs leaves it out and joins clauses without a space, so that "Hello, world! How are you?"
//!   has neither pause nor question. Here each clause keeps its mark, and the space after a comma, colon or semicolon.
//! - **Sentences.** Each is one inference, as in Piper; piper-rs makes one of all.
//! - **The PAD after BOS.** piper-rs leaves it out. Its ids are always BOS, (phoneme, PAD)…, EOS, an even number,
//!   Piper's BOS, PAD, (phoneme, PAD)…, EOS an odd one, so they cannot be equal. With a PAD as the first phoneme there
//!   is one PAD too many rather than one too few. Measured on 15 sentences with the joe voice: without it the first
//!   50 ms of speech are 18 % weaker than Piper's, with it 1 %; the rest differs less than two takes of Piper do.
//! - **Decomposed characters** (NFD), which the ids are for.

use std::path::Path;

use piper_rs::{ModelConfig, Piper};
use unicode_normalization::UnicodeNormalization;

use super::espeak_engine;
use super::sentence;
use super::voice::{Speech, Voice, VoiceError};
use crate::onnx::{self, Lengths, OnnxError};

/// The phoneme that stands for nothing; Piper puts it between all others.
const PAD: char = '_';

/// Symbols without which no sentence can be written.
const NEEDED: [char; 3] = [PAD, '^', '$'];

/// Characters that are synthesized at once at most: bounds memory and the wait for the first sample of a text without
/// punctuation. About 25 s of speech.
const AT_ONCE: usize = 400;

/// Phonemes that are synthesized at once at most, for text that is longer said than written.
const PHONEMES_AT_ONCE: usize = 900;

/// Quieter than this is silence before the first sound, in full scale (-48 dB).
const SILENCE: f32 = 0.004;

/// So much of the silence before the first sound is kept, in ms: soft beginnings lie in it.
const LEAD_MS: u32 = 25;

/// The first and last ms of a clause rise and fall, so that no cut clicks.
const FADE_MS: u32 = 2;

/// How a Piper voice speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PiperSettings {
    /// Threads for the model, at least 1.
    pub threads: usize,
    /// Speed of speech, 50 to 200; 100 is the voice's own.
    pub rate_percent: u32,
    /// Which speaker of a voice with several; 0 otherwise.
    pub speaker: i64,
}

impl Default for PiperSettings {
    fn default() -> Self {
        Self {
            threads: 1,
            rate_percent: 100,
            speaker: 0,
        }
    }
}

/// A Piper voice, loaded and warm.
pub struct PiperVoice {
    name: String,
    piper: Piper,
    /// eSpeak NG's name of the language, such as `en-us`.
    language: String,
    speaker: i64,
    /// How long its sounds are: the voice's own, and at the present speed.
    own_length_scale: f32,
    length_scale: f32,
    rate: u32,
    /// Noise of sound and of durations when not the voice's own; 0 makes takes alike.
    noise: Option<f32>,
}

impl PiperVoice {
    /// Loads `onnx` and the JSON beside it (same name with `.json` after it), and says a word to warm up.
    /// [`onnx::init`] must have succeeded before.
    ///
    /// # Errors
    /// [`VoiceError::Model`] when either is missing or unusable, or when eSpeak NG does not know the language.
    pub fn open(onnx: &Path, settings: PiperSettings) -> Result<Self, VoiceError> {
        let config = read_config(onnx)?;
        let failed = |reason: String| model_error(onnx, reason);
        if settings.speaker < 0 || settings.speaker >= i64::from(config.num_speakers.max(1)) {
            return Err(failed(format!(
                "it has no speaker {}, only {}",
                settings.speaker, config.num_speakers
            )));
        }
        let session = onnx::session(onnx, settings.threads, Lengths::Any).map_err(|e| match e {
            OnnxError::Model { reason, .. } | OnnxError::Runtime { reason, .. } => failed(reason),
        })?;
        let mut voice = Self {
            name: onnx
                .file_stem()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
            language: config.espeak.voice.clone(),
            speaker: settings.speaker,
            own_length_scale: config.inference.length_scale,
            length_scale: config.inference.length_scale,
            rate: config.audio.sample_rate,
            piper: Piper::from_session(session, config),
            noise: None,
        };
        voice.set_rate(settings.rate_percent);
        match voice.say("Hello, ready now.") {
            Ok(speech) if !speech.samples.is_empty() => Ok(voice),
            Ok(_) => Err(failed("it is no Piper voice: it says nothing".into())),
            Err(VoiceError::Failed(reason)) => Err(failed(reason)),
            Err(other) => Err(other),
        }
    }

    /// Makes every take of a sentence alike, for tests and measurements: no noise in sound or durations.
    pub fn without_noise(mut self) -> Self {
        self.noise = Some(0.0);
        self
    }

    /// eSpeak NG's name of its language, such as `en-us`.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// One sentence, as the model gives it.
    fn infer(&mut self, phonemes: &str) -> Result<Vec<f32>, VoiceError> {
        let (mut samples, _) = self
            .piper
            .create(
                phonemes,
                true,
                Some(self.speaker),
                Some(self.length_scale),
                self.noise,
                self.noise,
            )
            .map_err(|e| VoiceError::Failed(first_line(&e.to_string())))?;
        let mut peak = 1.0f32;
        for sample in &mut samples {
            if !sample.is_finite() {
                *sample = 0.0;
            }
            peak = peak.max(sample.abs());
        }
        if peak > 1.0 {
            samples.iter_mut().for_each(|sample| *sample /= peak);
        }
        Ok(samples)
    }
}

impl Voice for PiperVoice {
    fn say(&mut self, text: &str) -> Result<Speech, VoiceError> {
        let mut samples = Vec::new();
        for piece in sentence::split(text, AT_ONCE) {
            if !sentence::is_speakable(piece) {
                continue;
            }
            for phonemes in phonemes(piece, &self.language)? {
                let sound = self.infer(&phonemes)?;
                let skip = if samples.is_empty() {
                    lead(&sound, self.rate)
                } else {
                    0
                };
                samples.extend_from_slice(&sound[skip..]);
            }
        }
        fade(&mut samples, self.rate);
        Ok(Speech {
            samples,
            rate: self.rate,
        })
    }

    fn set_rate(&mut self, percent: u32) {
        self.length_scale = self.own_length_scale * 100.0 / percent.clamp(50, 200) as f32;
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// What the model is given for `text`, one string a sentence: a PAD, then IPA with punctuation, decomposed.
///
/// # Errors
/// [`VoiceError::Failed`] when eSpeak NG has no data or not this language.
pub fn phonemes(text: &str, language: &str) -> Result<Vec<String>, VoiceError> {
    let clauses =
        espeak_engine::clauses(text, language).map_err(|e| VoiceError::Failed(e.to_string()))?;
    let mut sentences = Vec::new();
    let mut sentence = String::new();
    let mut length = 0;
    for clause in clauses {
        let words = without_switches(&clause.phonemes);
        for word in words.split_inclusive(' ') {
            let count = word.nfd().count();
            if length > 0 && length + count > PHONEMES_AT_ONCE {
                finish(&mut sentence, &mut sentences);
                length = 0;
            }
            sentence.push_str(word);
            length += count;
        }
        match clause.end {
            Some(mark @ ('.' | '?' | '!')) => {
                sentence.push(mark);
                finish(&mut sentence, &mut sentences);
                length = 0;
            }
            Some(mark) => {
                sentence.push(mark);
                sentence.push(' ');
            }
            None => sentence.push(' '),
        }
    }
    finish(&mut sentence, &mut sentences);
    Ok(sentences)
}

/// Moves a sentence to the others, unless there is nothing in it to say.
fn finish(sentence: &mut String, sentences: &mut Vec<String>) {
    let done = std::mem::take(sentence);
    if sentence::is_speakable(&done) {
        sentences.push(std::iter::once(PAD).chain(done.trim_end().nfd()).collect());
    }
}

/// `phonemes` without eSpeak NG's notes on changes of language, such as `(en)`.
fn without_switches(phonemes: &str) -> String {
    let mut inside = false;
    phonemes
        .chars()
        .filter(|&c| {
            let was_inside = inside;
            inside = match c {
                '(' => true,
                ')' => false,
                _ => inside,
            };
            !inside && !was_inside && c != ')'
        })
        .collect()
}

/// How many samples at the start are silence that need not be heard.
fn lead(samples: &[f32], rate: u32) -> usize {
    let first = samples
        .iter()
        .position(|x| x.abs() > SILENCE)
        .unwrap_or_default();
    first.saturating_sub((rate * LEAD_MS / 1000) as usize)
}

/// Lets the ends rise from and fall to nothing.
fn fade(samples: &mut [f32], rate: u32) {
    let length = ((rate * FADE_MS / 1000) as usize).min(samples.len() / 2);
    let last = samples.len().saturating_sub(1);
    for i in 0..length {
        let gain = i as f32 / length as f32;
        samples[i] *= gain;
        samples[last - i] *= gain;
    }
}

/// eSpeak NG's name of the language of the voice in `onnx`, from the JSON beside it.
///
/// # Errors
/// [`VoiceError::Model`] when the JSON is missing or unusable.
pub fn language(onnx: &Path) -> Result<String, VoiceError> {
    Ok(read_config(onnx)?.espeak.voice)
}

/// Reads and checks the JSON beside `onnx`.
fn read_config(onnx: &Path) -> Result<ModelConfig, VoiceError> {
    let mut path = onnx.as_os_str().to_owned();
    path.push(".json");
    let path = Path::new(&path);
    let failed = |reason: String| model_error(path, reason);
    if !onnx.is_file() {
        return Err(model_error(onnx, "there is no such file".into()));
    }
    let text = std::fs::read(path).map_err(|e| {
        failed(format!(
            "a Piper voice needs this file beside its .onnx, and it cannot be read: {e}"
        ))
    })?;
    let value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|e| failed(format!("it is not valid JSON: {e}")))?;
    let kind = value["phoneme_type"].as_str().unwrap_or("espeak");
    if kind != "espeak" {
        return Err(failed(format!(
            "it wants {kind:?} phonemes, and only \"espeak\" ones are supported"
        )));
    }
    let config: ModelConfig = serde_json::from_value(value)
        .map_err(|e| failed(format!("it is no configuration of a Piper voice: {e}")))?;
    for symbol in NEEDED {
        if config.phoneme_id_map.get(&symbol).is_none_or(Vec::is_empty) {
            return Err(failed(format!("it has no phoneme id for {symbol:?}")));
        }
    }
    let rate = config.audio.sample_rate;
    if !(8_000..=96_000).contains(&rate) {
        return Err(failed(format!(
            "its sample rate, {rate} Hz, is outside 8000 to 96000"
        )));
    }
    let scale = config.inference.length_scale;
    if !(0.1..=10.0).contains(&scale) {
        return Err(failed(format!(
            "its length scale, {scale}, is outside 0.1 to 10"
        )));
    }
    Ok(config)
}

fn model_error(path: &Path, reason: String) -> VoiceError {
    VoiceError::Model {
        path: path.display().to_string(),
        reason: first_line(&reason),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What Piper 1.8.0's own program makes of these texts, without its ids' first PAD.
    #[test]
    fn phonemes_are_pipers() {
        for (text, expected) in [
            ("Hello, world!", vec!["həlˈoʊ, wˈɜːld!"]),
            ("Hello there", vec!["həlˈoʊ ðˈɛɹ"]),
            (
                "Is it 3.5 or 4?",
                vec!["ɪz ɪt θɹˈiː pɔɪnt fˈaɪv ɔːɹ fˈɔːɹ?"],
            ),
            ("He said (quietly) yes.", vec!["hiː sˈɛd kwˈaɪətli jˈɛs."]),
            ("“Quoted,” she said.", vec!["kwˈoʊɾᵻd, ʃiː sˈɛd."]),
            ("I like 안녕 a lot.", vec!["aɪ lˈaɪk ˈɐnnjʌŋ ɐ lˈɑːt."]),
            (
                "One. Two! Three? Four",
                vec!["wˌʌn.", "tˈuː!", "θɹˈiː?", "fˈɔːɹ"],
            ),
            ("What?! Really?!", vec!["wˌʌt?", "ɹˈiəli?"]),
            (
                "Bonjour mon ami, déjà vu.",
                vec!["bɔːnʒˈʊɹ mˈɑːn ˈɑːmi, dˌeɪʒɑː vˈuː."],
            ),
            (
                "they talked: about what; about it.",
                vec!["ðeɪ tˈɔːkt: ɐbˌaʊt wˈʌt; ɐbˈaʊt ɪt."],
            ),
        ] {
            let said: Vec<String> = phonemes(text, "en-us").unwrap();
            let expected: Vec<String> = expected
                .iter()
                .map(|s| std::iter::once(PAD).chain(s.nfd()).collect())
                .collect();
            assert_eq!(said, expected, "{text}");
        }
    }

    #[test]
    fn a_text_that_never_ends_is_cut() {
        let sentences = phonemes(&"antidisestablishmentarianism ".repeat(300), "en-us").unwrap();
        assert!(sentences.len() > 3);
        assert!(
            sentences
                .iter()
                .all(|s| s.chars().count() < PHONEMES_AT_ONCE + 200)
        );
    }

    #[test]
    fn notes_on_language_go_and_nothing_else() {
        assert_eq!(without_switches("aɪ (ko)ˈɐn(en-us) ɐ"), "aɪ ˈɐn ɐ");
        assert_eq!(without_switches("a)b"), "ab");
    }

    #[test]
    fn keeps_a_little_of_the_silence_before_the_first_sound() {
        let mut sound = vec![0.001; 2_000];
        sound.extend([0.5; 100]);
        assert_eq!(lead(&sound, 22_050), 2_000 - 551);
        assert_eq!(lead(&[0.5; 10], 22_050), 0);
        assert_eq!(lead(&[], 22_050), 0);
        assert_eq!(lead(&[0.0; 10], 22_050), 0);
    }

    #[test]
    fn ends_are_faded_and_the_middle_is_not() {
        let mut sound = vec![0.5; 1_000];
        fade(&mut sound, 22_050);
        assert_eq!((sound[0], sound[999], sound[500]), (0.0, 0.0, 0.5));
        fade(&mut [], 22_050);
        fade(&mut [1.0], 22_050);
    }
}
