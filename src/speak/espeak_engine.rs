//! eSpeak NG's C library, behind a lock. The only unsafe code of this folder.
//!
//! The library is one global machine: one current voice, one text being read, one output buffer. Piper's phonemes and
//! eSpeak NG's own sound both come from it, so every use takes [`ENGINE`], and sets the voice it wants first.

use std::ffi::{CStr, CString, c_char, c_int, c_short, c_void};
use std::sync::{Mutex, PoisonError};

use espeak_rs_sys as sys;

/// Whoever holds it may call the library. Inside: whether it has been initialized.
static ENGINE: Mutex<bool> = Mutex::new(false);

/// Sound that the library computes before it hands it over, in ms.
const BUFFER_MS: c_int = 100;

/// eSpeak NG's speed at 100 %, in words a minute.
const USUAL_RATE: u32 = 175;

/// One clause of a text, as eSpeak NG divides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    /// IPA, words separated by spaces; language switches such as `(en)` still in it.
    pub(super) phonemes: String,
    /// The punctuation that ended it: one of `. ? ! , : ;`, if any.
    pub(super) end: Option<char>,
}

/// Why the library did not do its part. The text is for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum EngineError {
    /// No data, or data of another version.
    #[error(
        "eSpeak NG cannot start ({0}); its folder espeak-ng-data must lie beside the program, in \
         share/hearken, or where PIPER_ESPEAKNG_DATA_DIRECTORY points"
    )]
    Start(String),
    /// The language is unknown to it.
    #[error("eSpeak NG has no language {0:?}")]
    Language(String),
    /// It refused this text.
    #[error("eSpeak NG failed with status {0}")]
    Status(u32),
}

/// The phonemes of `text` in `language`, clause by clause.
pub(super) fn clauses(text: &str, language: &str) -> Result<Vec<Clause>, EngineError> {
    let mut engine = ENGINE.lock().unwrap_or_else(PoisonError::into_inner);
    start(&mut engine)?;
    set_voice(language)?;
    let text = c_string(text);
    let bytes = text.to_bytes();
    let begin = text.as_ptr();
    let mut next: *const c_void = begin.cast();
    let mut done = 0;
    let mut clauses = Vec::new();
    // Every call reads at least a character; the bound is for a library that does not.
    for _ in 0..=bytes.len() {
        if next.is_null() {
            break;
        }
        // SAFETY: ENGINE is held and the library is started. `next` points into `text`, which outlives the call and
        // ends in a null byte; the library moves it forward, or sets it to null at the end.
        let phonemes = unsafe {
            sys::espeak_TextToPhonemes(
                &raw mut next,
                sys::espeakCHARS_UTF8 as c_int,
                sys::espeakINITIALIZE_PHONEME_IPA as c_int,
            )
        };
        if phonemes.is_null() {
            break;
        }
        // SAFETY: not null, and then a null-terminated string that stays as it is until the next call.
        let phonemes = unsafe { CStr::from_ptr(phonemes) }
            .to_string_lossy()
            .into_owned();
        let read = if next.is_null() {
            bytes.len()
        } else {
            (next as usize)
                .saturating_sub(begin as usize)
                .clamp(done, bytes.len())
        };
        let end = terminator(&String::from_utf8_lossy(&bytes[done..read]));
        done = read;
        clauses.push(Clause { phonemes, end });
    }
    Ok(clauses)
}

/// The sound of `text` in `language` at `rate_percent` of the usual speed, mono, and its rate in Hz.
pub(super) fn synthesize(
    text: &str,
    language: &str,
    rate_percent: u32,
) -> Result<(Vec<f32>, u32), EngineError> {
    let mut engine = ENGINE.lock().unwrap_or_else(PoisonError::into_inner);
    start(&mut engine)?;
    set_voice(language)?;
    let text = c_string(text);
    let mut sound: Vec<f32> = Vec::new();
    let speed = (USUAL_RATE * rate_percent / 100) as c_int;
    // SAFETY: ENGINE is held and the library is started in its synchronous mode, so every callback comes before
    // `espeak_Synth` returns. `text` is null-terminated and `size` counts the null byte. `sound` outlives the call,
    // and nothing else touches it meanwhile.
    let status = unsafe {
        sys::espeak_SetParameter(sys::espeak_PARAMETER_espeakRATE, speed, 0);
        sys::espeak_SetSynthCallback(Some(collect));
        sys::espeak_Synth(
            text.as_ptr().cast(),
            text.as_bytes_with_nul().len(),
            0,
            sys::espeak_POSITION_TYPE_POS_CHARACTER,
            0,
            sys::espeakCHARS_UTF8,
            std::ptr::null_mut(),
            (&raw mut sound).cast(),
        )
    };
    // SAFETY: ENGINE is held and the library is started; it only reads a number.
    let rate = unsafe { sys::espeak_ng_GetSampleRate() };
    match (status, u32::try_from(rate)) {
        (sys::espeak_ERROR_EE_OK, Ok(rate)) if rate > 0 => Ok((sound, rate)),
        (status, _) => Err(EngineError::Status(status as u32)),
    }
}

/// Called by the library with sound: appends it to the vector that `synthesize` gave as user data.
///
/// # Safety
/// As the library calls it: `wave` is null or has `count` samples, `events` has at least its terminating event, and
/// the user data is the pointer given to `espeak_Synth`.
unsafe extern "C" fn collect(
    wave: *mut c_short,
    count: c_int,
    events: *mut sys::espeak_EVENT,
) -> c_int {
    let Ok(count) = usize::try_from(count) else {
        return 0;
    };
    if wave.is_null() || events.is_null() || count == 0 {
        return 0;
    }
    // SAFETY: checked above, and as the library promises.
    let (sound, wave) = unsafe {
        (
            (*events).user_data.cast::<Vec<f32>>().as_mut(),
            std::slice::from_raw_parts(wave, count),
        )
    };
    if let Some(sound) = sound {
        sound.extend(wave.iter().map(|&x| f32::from(x) / 32_768.0));
    }
    0
}

/// Initializes the library, once a process.
fn start(started: &mut bool) -> Result<(), EngineError> {
    if *started {
        return Ok(());
    }
    // espeak-rs finds the data and initializes the library; its own guard makes that happen once.
    espeak_rs::text_to_phonemes("a", "en", None).map_err(|e| EngineError::Start(e.to_string()))?;
    // SAFETY: ENGINE is held and the library is initialized. This only sets the mode and the size of its buffer:
    // from now on it computes sound in the calling thread, not in one of its own.
    let status = unsafe {
        sys::espeak_ng_InitializeOutput(
            sys::espeak_ng_OUTPUT_MODE_ENOUTPUT_MODE_SYNCHRONOUS,
            BUFFER_MS,
            std::ptr::null(),
        )
    };
    if status != 0 {
        return Err(EngineError::Start(format!("status {status}")));
    }
    *started = true;
    Ok(())
}

fn set_voice(language: &str) -> Result<(), EngineError> {
    let name = c_string(language);
    // SAFETY: the caller holds ENGINE and has started the library; `name` is null-terminated.
    let status = unsafe { sys::espeak_SetVoiceByName(name.as_ptr().cast::<c_char>()) };
    if status == sys::espeak_ERROR_EE_OK {
        Ok(())
    } else {
        Err(EngineError::Language(language.to_owned()))
    }
}

/// `text` for C: null bytes inside become spaces.
fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', " ")).unwrap_or_default()
}

/// The punctuation that made eSpeak NG end a clause, from the text it had read by then. It reads one character ahead,
/// past the space: `"Hello, w"`. Of several in a row the first counts, as in Piper: `"What?! R"` is a question.
fn terminator(read: &str) -> Option<char> {
    let mut end = None;
    let mut after = ' ';
    for c in read.chars().rev() {
        let mark = match c {
            '.' | '?' | '!' | ',' | ':' | ';' => Some(c),
            '。' | '．' | '…' | '।' => Some('.'),
            '？' | '؟' => Some('?'),
            '！' => Some('!'),
            '，' | '、' | '،' => Some(','),
            '：' => Some(':'),
            '；' | '؛' => Some(';'),
            _ => None,
        };
        let in_word = after.is_alphanumeric() && mark == Some(c);
        match mark {
            Some(mark) if !in_word => end = Some(mark),
            // Further back than one character read ahead, or than the marks themselves, nothing counts.
            _ if end.is_some() || (after.is_alphanumeric() && !c.is_whitespace()) => break,
            _ => {}
        }
        after = c;
    }
    end
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn said(text: &str, language: &str) -> String {
        clauses(text, language)
            .unwrap()
            .iter()
            .map(|c| {
                format!(
                    "{}{}|",
                    c.phonemes,
                    c.end.map(String::from).unwrap_or_default()
                )
            })
            .collect()
    }

    /// What the spoken form should have taken out already: it is read, or passed over, and nothing is waited for or opened.
    #[test]
    fn speech_markup_is_no_order() {
        let (plain, rate) = synthesize("Hello there.", "en", 100).unwrap();
        for text in [
            "<speak><break time='1h'/>Hello there.</speak>",
            "Hello <break time=\"3600s\"/> there.",
            "<prosody rate=\"x-slow\">Hello there.</prosody>",
            "Hello <audio src=\"file:///etc/passwd\"/> there.",
        ] {
            let (sound, _) = synthesize(text, "en", 100).unwrap();
            let most = plain.len() + 15 * rate as usize;
            assert!(sound.len() < most, "{text}: {} samples", sound.len());
        }
    }

    #[test]
    fn finds_the_punctuation_behind_what_was_read_ahead() {
        for (read, end) in [
            ("Hello, w", Some(',')),
            ("orld!", Some('!')),
            ("What?! R", Some('?')),
            ("“Quoted,”", Some(',')),
            ("One. T", Some('.')),
            ("good, (", Some(',')),
            ("Wait... w", Some('.')),
            ("bout what? A", Some('?')),
            ("Yes", None),
            ("a.b", None),
            ("", None),
            ("안녕하세요. 오", Some('.')),
            ("好。", Some('.')),
        ] {
            assert_eq!(terminator(read), end, "{read:?}");
        }
    }

    #[test]
    fn divides_as_espeak_does_and_keeps_the_punctuation() {
        assert_eq!(said("Hello, world!", "en-us"), "həlˈoʊ,|wˈɜːld!|");
        assert_eq!(
            said("One. Two! Three? Four", "en-us"),
            "wˌʌn.|tˈuː!|θɹˈiː?|fˈɔːɹ|"
        );
    }

    #[test]
    fn korean_has_sound_and_phonemes() {
        assert!(said("안녕하세요.", "ko").contains('.'));
        let (sound, rate) = synthesize("안녕하세요. 오늘은 날씨가 좋습니다.", "ko", 100).unwrap();
        let seconds = sound.len() as f32 / rate as f32;
        assert!((1.5..6.0).contains(&seconds), "{seconds} s");
        let peak = sound.iter().fold(0.0f32, |p, x| p.max(x.abs()));
        assert!((0.1..=1.0).contains(&peak), "{peak}");
        let (faster, _) = synthesize("안녕하세요. 오늘은 날씨가 좋습니다.", "ko", 200).unwrap();
        assert!(faster.len() < sound.len() * 3 / 4);
    }

    #[test]
    fn an_unknown_language_and_odd_texts_are_no_panic() {
        assert_eq!(
            clauses("x", "xx-none"),
            Err(EngineError::Language("xx-none".into()))
        );
        for text in ["", " ", "\0", "a\0b", "...", "\u{200b}", "🎉", "\u{feff}"] {
            clauses(text, "en-us").unwrap();
            synthesize(text, "ko", 100).unwrap();
        }
    }

    #[test]
    fn many_threads_share_the_library() {
        let threads: Vec<_> = (0..4)
            .map(|i| {
                std::thread::spawn(move || {
                    for _ in 0..5 {
                        if i % 2 == 0 {
                            assert_eq!(said("Hello, world!", "en-us"), "həlˈoʊ,|wˈɜːld!|");
                        } else {
                            assert!(synthesize("좋습니다", "ko", 100).unwrap().0.len() > 4_000);
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }
}
