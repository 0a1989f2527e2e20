//! Which voice says what: the configured one, and eSpeak NG for a script that it cannot read. On the thread `voice`.

use std::collections::HashMap;
use std::path::Path;

use super::espeak::EspeakVoice;
use super::piper::{PiperSettings, PiperVoice};
use super::voice::{Speech, Voice, VoiceError};
use crate::audio::resample;
use crate::config::Config;
use crate::onnx::{self, OnnxError};
use crate::weights::{Role, Store, WeightsError};

/// Prefix of a voice setting that names an eSpeak NG language instead of weights.
const ESPEAK_PREFIX: &str = "espeak:";

/// The name of ONNX Runtime in the catalogue of weights.
const RUNTIME: &str = "onnxruntime";

/// Threads that a voice gets when none are set: one is quick enough (real-time factor 0.06), and leaves the others to
/// the language model, which is still writing while the voice speaks.
const THREADS: usize = 1;

/// Why there is no voice. Every kind is permanent until the user does what its source says.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file is missing. Tell the user to pull it.
    #[error("nothing can be said aloud")]
    Weights(#[from] WeightsError),
    /// ONNX Runtime cannot be loaded.
    #[error("nothing can be said aloud")]
    Runtime(#[from] OnnxError),
    /// The voice itself cannot be used.
    #[error("nothing can be said aloud")]
    Voice(#[from] VoiceError),
}

/// Opens the voice of `config.speak`, warm: the first clause is as quick as the second.
///
/// # Errors
/// See [`OpenError`]; the sentence for the user is in its source.
pub fn open(config: &Config, store: &Store) -> Result<Box<dyn Voice>, OpenError> {
    let speak = &config.speak;
    let main: Box<dyn Voice>;
    let language;
    if let Some(name) = speak.voice.strip_prefix(ESPEAK_PREFIX) {
        main = Box::new(EspeakVoice::open(name, speak.rate_percent)?);
        language = name.to_owned();
    } else {
        let model = store.locate(&speak.voice, Role::Voice)?;
        onnx::init(&store.locate(RUNTIME, Role::Runtime)?)?;
        let voice = PiperVoice::open(
            &model,
            PiperSettings {
                threads: threads(speak.threads),
                rate_percent: speak.rate_percent,
                speaker: 0,
            },
        )?;
        language = voice.language().to_owned();
        main = Box::new(voice);
    }
    Ok(Box::new(Voices::new(main, &language, speak.rate_percent)))
}

/// The threads that a setting means; 0 chooses.
pub fn threads(setting: usize) -> usize {
    if setting == 0 { THREADS } else { setting }
}

/// The language of a voice setting as ISO 639-1, as far as it can be known without opening the voice: what
/// [`super::spoken::form`] wants. Falls back to `en`.
pub fn language(voice: &str, model: Option<&Path>) -> String {
    let name = match voice.strip_prefix(ESPEAK_PREFIX) {
        Some(name) => name.to_owned(),
        None => model
            .and_then(|model| super::piper::language(model).ok())
            .unwrap_or_else(|| "en".into()),
    };
    base(&name).to_owned()
}

/// The language of a text in `main` (ISO 639-1): another one when the text is wholly or mostly in a script that
/// `main` is not written in. A foreign letter counts twice, because foreign text names things in Latin letters more
/// often than the other way round, and says more in a letter.
pub fn language_of<'a>(text: &str, main: &'a str) -> &'a str {
    let mut counts: Vec<(&'static str, usize)> = Vec::new();
    let mut own = 0;
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        match foreign(c, main) {
            None => own += 1,
            Some(language) => match counts.iter_mut().find(|(known, _)| *known == language) {
                Some((_, count)) => *count += 1,
                None => counts.push((language, 1)),
            },
        }
    }
    match counts.into_iter().max_by_key(|&(_, count)| count) {
        Some((language, count)) if 2 * count > own => language,
        _ => main,
    }
}

/// Routes each run of text to a voice that can read it.
pub struct Voices {
    main: Box<dyn Voice>,
    /// What the main voice speaks, ISO 639-1.
    language: String,
    rate_percent: u32,
    /// Opened when first needed; `None` where eSpeak NG has no such language, and the main voice has to do.
    others: HashMap<String, Option<EspeakVoice>>,
}

impl Voices {
    /// `main` for `language` (eSpeak NG's name or ISO 639-1), and eSpeak NG at `rate_percent` for the others.
    pub fn new(main: Box<dyn Voice>, language: &str, rate_percent: u32) -> Self {
        Self {
            main,
            language: base(language).to_owned(),
            rate_percent,
            others: HashMap::new(),
        }
    }

    fn run(&mut self, language: Option<&str>, text: &str) -> Result<Speech, VoiceError> {
        let Some(language) = language else {
            return self.main.say(text);
        };
        let rate_percent = self.rate_percent;
        let other = self.others.entry(language.to_owned()).or_insert_with(|| {
            EspeakVoice::open(language, rate_percent)
                .inspect_err(|error| tracing::warn!("no voice for {language}: {error}"))
                .ok()
        });
        match other {
            Some(voice) => voice.say(text),
            None => self.main.say(text),
        }
    }
}

impl Voice for Voices {
    fn say(&mut self, text: &str) -> Result<Speech, VoiceError> {
        self.say_in(text, "")
    }

    /// A run in another script is said in that script's language. For the rest, which the main voice could read letter
    /// by letter, `language` decides: German is not for an English voice.
    fn say_in(&mut self, text: &str, language: &str) -> Result<Speech, VoiceError> {
        let language = base(language);
        let elsewhere = !language.is_empty() && language != self.language && in_latin(language);
        let latin = (elsewhere && in_latin(&self.language)).then_some(language);
        let mut speech: Option<Speech> = None;
        for (script, run) in runs(text, &self.language) {
            let said = self.run(script.or(latin), run)?;
            speech = Some(match speech {
                Some(before) => join(before, said)?,
                None => said,
            });
        }
        match speech {
            Some(speech) => Ok(speech),
            None => self.main.say(""),
        }
    }

    fn set_rate(&mut self, percent: u32) {
        self.rate_percent = percent;
        self.main.set_rate(percent);
        for voice in self.others.values_mut().flatten() {
            voice.set_rate(percent);
        }
    }

    fn name(&self) -> String {
        self.main.name()
    }
}

/// `after` behind `before`, at the rate of the first that has any sound.
fn join(mut before: Speech, after: Speech) -> Result<Speech, VoiceError> {
    if before.samples.is_empty() {
        return Ok(after);
    }
    let samples = resample::resample(&after.samples, after.rate, before.rate)
        .map_err(|e| VoiceError::Failed(e.to_string()))?;
    before.samples.extend(samples);
    Ok(before)
}

/// `text` divided where the script changes between what `main` reads and what it does not. Digits, spaces and
/// punctuation stay with what is before them (at the start, with what follows).
fn runs<'a>(text: &'a str, main: &str) -> Vec<(Option<&'static str>, &'a str)> {
    let mut runs = Vec::new();
    let mut start = 0;
    let mut current: Option<Option<&'static str>> = None;
    for (at, c) in text.char_indices().filter(|(_, c)| c.is_alphabetic()) {
        let language = foreign(c, main);
        match current {
            // Han among kana is Japanese.
            Some(Some("ja")) if language == Some("cmn") => {}
            Some(before) if before != language => {
                runs.push((before, &text[start..at]));
                start = at;
                current = Some(language);
            }
            _ => current = Some(language),
        }
    }
    if start < text.len() {
        runs.push((current.flatten(), &text[start..]));
    }
    runs
}

/// eSpeak NG's name of the language to say `c` in, when `main` is not written in its script.
fn foreign(c: char, main: &str) -> Option<&'static str> {
    let (language, also): (&'static str, &[&str]) = match u32::from(c) {
        0x1100..=0x11FF | 0x3130..=0x318F | 0xA960..=0xA97F | 0xAC00..=0xD7FF => ("ko", &[]),
        0x3040..=0x30FF | 0x31F0..=0x31FF | 0xFF66..=0xFF9F => ("ja", &[]),
        0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF => {
            ("cmn", &["zh", "cmn", "yue", "ja", "ko"])
        }
        0x0400..=0x052F => (
            "ru",
            &["uk", "be", "bg", "sr", "mk", "kk", "ky", "mn", "tt"],
        ),
        0x0370..=0x03FF | 0x1F00..=0x1FFF => ("el", &["grc"]),
        0x0590..=0x05FF => ("he", &["yi"]),
        0x0600..=0x06FF | 0x0750..=0x077F | 0xFB50..=0xFDFF | 0xFE70..=0xFEFF => {
            ("ar", &["fa", "ur", "ps", "ku", "ug", "sd"])
        }
        0x0900..=0x097F => ("hi", &["mr", "ne", "sa", "kok"]),
        0x0980..=0x09FF => ("bn", &["as"]),
        0x0A00..=0x0A7F => ("pa", &[]),
        0x0A80..=0x0AFF => ("gu", &[]),
        0x0B80..=0x0BFF => ("ta", &[]),
        0x0C00..=0x0C7F => ("te", &[]),
        0x0C80..=0x0CFF => ("kn", &[]),
        0x0D00..=0x0D7F => ("ml", &[]),
        0x0E00..=0x0E7F => ("th", &[]),
        0x0530..=0x058F => ("hy", &[]),
        0x10A0..=0x10FF => ("ka", &[]),
        0x1200..=0x137F => ("am", &["ti"]),
        _ => return None,
    };
    (language != main && !also.contains(&main)).then_some(language)
}

/// Whether `language` (ISO 639-1) is written in Latin letters.
fn in_latin(language: &str) -> bool {
    const OTHERS: [&str; 49] = [
        "am", "ar", "as", "be", "bg", "bn", "bo", "cmn", "dv", "el", "fa", "grc", "gu", "he", "hi",
        "hy", "ja", "ka", "kk", "km", "kn", "ko", "kok", "ku", "ky", "lo", "mk", "ml", "mn", "mr",
        "my", "ne", "pa", "ps", "ru", "sa", "sd", "si", "sr", "ta", "te", "th", "ti", "tt", "ug",
        "uk", "ur", "yi", "zh",
    ];
    !OTHERS.contains(&language)
}

/// `en` of `en-us`.
fn base(language: &str) -> &str {
    language.split(['-', '_']).next().unwrap_or(language)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A sample a character at 100 %, at this rate.
    struct Echo(u32, u32);

    impl Voice for Echo {
        fn say(&mut self, text: &str) -> Result<Speech, VoiceError> {
            Ok(Speech {
                samples: vec![0.1; text.len() * 100 / self.1 as usize],
                rate: self.0,
            })
        }

        fn set_rate(&mut self, percent: u32) {
            self.1 = percent;
        }

        fn name(&self) -> String {
            "echo".into()
        }
    }

    #[test]
    fn divides_where_the_script_changes() {
        assert_eq!(runs("Hello there, 42!", "en"), [(None, "Hello there, 42!")]);
        assert_eq!(
            runs("안녕하세요. 3시입니다.", "en"),
            [(Some("ko"), "안녕하세요. 3시입니다.")]
        );
        assert_eq!(
            runs("Say 안녕 (hi)!", "en"),
            [(None, "Say "), (Some("ko"), "안녕 ("), (None, "hi)!")]
        );
        assert_eq!(runs("안녕하세요", "ko"), [(None, "안녕하세요")]);
        assert_eq!(runs("これは日本", "en"), [(Some("ja"), "これは日本")]);
        assert_eq!(runs("Привет", "uk"), [(None, "Привет")]);
        assert_eq!(runs("", "en"), []);
        assert_eq!(runs("12", "en"), [(None, "12")]);
    }

    #[test]
    fn knows_the_language_of_a_text() {
        assert_eq!(language_of("Hello 안녕", "en"), "en");
        assert_eq!(language_of("대한민국의 수도는 Seoul입니다", "en"), "ko");
        assert_eq!(language_of("12 + 3", "en"), "en");
        assert_eq!(language_of("주소는 example.com 입니다", "en"), "ko");
        assert_eq!(language_of("Привет", "en"), "ru");
        assert_eq!(language_of("Привет", "uk"), "uk");
    }

    #[test]
    fn korean_comes_from_espeak_and_english_from_the_main_voice() {
        let mut voices = Voices::new(Box::new(Echo(22_050, 100)), "en-us", 100);
        assert_eq!(voices.say("Hello").unwrap().samples.len(), 5);
        assert!(voices.say("안녕하세요").unwrap().samples.len() > 10_000);
        let both = voices.say("Say 안녕하세요").unwrap();
        assert!(both.samples.len() > 10_000);
        assert_eq!(&both.samples[..4], &[0.1; 4]);
        assert!(voices.say("").unwrap().samples.is_empty());
    }

    #[test]
    fn a_language_that_the_main_voice_does_not_speak_comes_from_espeak() {
        let mut voices = Voices::new(Box::new(Echo(22_050, 100)), "en-us", 100);
        assert_eq!(voices.say_in("Hello", "en").unwrap().samples.len(), 5);
        assert!(voices.say_in("Guten Tag", "de").unwrap().samples.len() > 10_000);
        // Latin letters in a Korean conversation are still the main voice's.
        assert_eq!(voices.say_in("Seoul", "ko").unwrap().samples.len(), 5);
        // No voice for it: better the main one than none.
        assert_eq!(voices.say_in("abc", "xx").unwrap().samples.len(), 3);
    }

    #[test]
    fn the_rate_changes_for_every_voice_open_or_not() {
        let mut voices = Voices::new(Box::new(Echo(22_050, 100)), "en-us", 100);
        let korean = voices.say("안녕하세요").unwrap().samples.len();
        voices.set_rate(50);
        assert_eq!(voices.say("Hello").unwrap().samples.len(), 10);
        assert!(voices.say("안녕하세요").unwrap().samples.len() > korean * 12 / 10);
        let mut late = Voices::new(Box::new(Echo(22_050, 100)), "en-us", 100);
        late.set_rate(50);
        assert!(late.say("안녕하세요").unwrap().samples.len() > korean * 12 / 10);
    }

    #[test]
    fn the_second_sound_takes_the_rate_of_the_first() {
        let second = |rate| Speech {
            samples: vec![0.0; 16_000],
            rate,
        };
        let joined = join(second(16_000), second(8_000)).unwrap();
        assert_eq!(joined.rate, 16_000);
        assert!((joined.samples.len() as i64 - 48_000).abs() < 200);
    }
}
