//! What whisper wrote, and whether it is words that somebody said. Pure.
//!
//! whisper always writes something: notes about sound, the closing words of films for silence, the same phrase over
//! and over for what it cannot place.

use super::transcribe::Refused;

/// What whisper says about one utterance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Evidence {
    /// Mean log-probability of the words' tokens, at most 0.
    pub mean_logprob: f32,
    /// Probability that nothing was said, 0 to 1, before the first word. whisper.cpp reads it after the language, where
    /// the base model nearly always says 0; notes and the log-probability catch what it misses.
    pub no_speech: f32,
}

/// The words of `written`, or why there are none. `Ok` with an empty text means that whisper wrote nothing.
pub(super) fn judge(written: &str, evidence: Evidence, floor: f32) -> Result<String, Refused> {
    let words = without_notes(written);
    if !words.chars().any(char::is_alphanumeric) {
        return if written.trim().is_empty() {
            Ok(String::new())
        } else {
            Err(Refused::NotWords)
        };
    }
    let doubtful = if is_stock_phrase(&words) {
        evidence.mean_logprob < STOCK_FLOOR || evidence.no_speech > STOCK_NO_SPEECH
    } else {
        evidence.mean_logprob < floor
            || (evidence.no_speech > NO_SPEECH && evidence.mean_logprob < floor * 0.5)
    };
    if doubtful {
        return Err(Refused::Unsure);
    }
    let tokens: Vec<String> = words.split_whitespace().map(plain).collect();
    if is_loop(&tokens) {
        return Err(Refused::Repetition);
    }
    Ok(words)
}

/// From this probability that nothing was said, half the usual doubt is enough to refuse (openai's value).
const NO_SPEECH: f32 = 0.6;
/// A stock phrase must be this sure …
const STOCK_FLOOR: f32 = -0.8;
/// … and this likely to be speech at all.
const STOCK_NO_SPEECH: f32 = 0.3;

/// What whisper writes for silence and noise, from the films it learned from. People say these things too, so they
/// are only doubted more than other words.
const STOCK_PHRASES: [&str; 22] = [
    "you",
    "thank you",
    "thanks",
    "thank you very much",
    "thank you so much",
    "thank you for watching",
    "thanks for watching",
    "thanks for listening",
    "please subscribe",
    "subscribe",
    "bye",
    "bye bye",
    "goodbye",
    "okay",
    "oh",
    "so",
    "the end",
    "i'm sorry",
    "i'll see you next time",
    "see you next time",
    "감사합니다",
    "시청해주셔서 감사합니다",
];

fn is_stock_phrase(words: &str) -> bool {
    let plain: Vec<String> = words.split_whitespace().map(plain).collect();
    STOCK_PHRASES.contains(&plain.join(" ").as_str())
}

/// A word in lower case without the marks around it.
fn plain(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric())
        .to_lowercase()
}

/// `text` without notes such as `[BLANK_AUDIO]`, `(music)`, `*coughs*`, `♪ la la ♪`, and without doubled spaces.
pub(crate) fn without_notes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut closing: Option<char> = None;
    for c in text.chars() {
        match closing {
            Some(end) if c == end => closing = None,
            Some(_) => {}
            None => match c {
                '[' => closing = Some(']'),
                '(' => closing = Some(')'),
                '（' => closing = Some('）'),
                '*' => closing = Some('*'),
                '♪' | '♫' => closing = Some(c),
                _ => kept.push(c),
            },
        }
    }
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `items` ends in the same run of items over and over.
pub(super) fn is_loop<T: PartialEq>(items: &[T]) -> bool {
    two_rounds(items).is_some()
}

/// Where `items` ends in the same run of items over and over, how many there are up to the end of the second round: a single
/// item eight times, a longer run five times, four or more items four times. People repeat themselves less; whisper, once it
/// loops, does not stop. Two rounds show still that it was said more than once.
pub(super) fn two_rounds<T: PartialEq>(items: &[T]) -> Option<usize> {
    let n = items.len();
    (1..=n / 4).find_map(|period| {
        let times = match period {
            1 => 8,
            2 | 3 => 5,
            _ => 4,
        };
        let span = period * times;
        let loops = span <= n && items[n - span..n - period] == items[n - span + period..];
        loops.then(|| n - span + 2 * period)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SURE: Evidence = Evidence {
        mean_logprob: -0.2,
        no_speech: 0.01,
    };

    #[test]
    fn of_a_loop_two_rounds_are_kept() {
        let kept = |text: &str| {
            let words: Vec<_> = text.split_whitespace().collect();
            two_rounds(&words).map(|n| words[..n].join(" "))
        };
        let phrase = "how far is it ".repeat(4);
        let kept_of = |text: &str| Some(text.to_owned());
        assert_eq!(
            kept(&format!("no {phrase}")),
            kept_of("no how far is it how far is it")
        );
        assert_eq!(kept(&"no ".repeat(8)), kept_of("no no"));
        // What people say.
        assert_eq!(kept("yeah yeah yeah yeah yeah but what about paris"), None);
        assert_eq!(kept("that is right that is right that is right"), None);
        assert_eq!(kept(""), None);
    }

    #[test]
    fn words_pass_as_they_are() {
        let judged = judge(" Go forward ten meters.", SURE, -1.0);
        assert_eq!(judged, Ok("Go forward ten meters.".into()));
    }

    #[test]
    fn notes_about_sound_are_not_words() {
        for note in [
            "[BLANK_AUDIO]",
            " [Music]",
            "(music)",
            "*cough* *cough*",
            "♪ ♪",
            "♪ la la la ♪",
            "[ Silence ] (wind blowing)",
            "(unclosed",
            " ...",
            ".",
        ] {
            assert_eq!(judge(note, SURE, -1.0), Err(Refused::NotWords), "{note}");
        }
    }

    #[test]
    fn words_beside_a_note_stay() {
        assert_eq!(
            judge("[coughs]  What time is it? (music)", SURE, -1.0),
            Ok("What time is it?".into())
        );
    }

    #[test]
    fn nothing_written_is_nothing_refused() {
        assert_eq!(judge("  ", SURE, -1.0), Ok(String::new()));
    }

    #[test]
    fn doubt_refuses_and_stock_phrases_need_less_of_it() {
        let unsure = Evidence {
            mean_logprob: -0.9,
            no_speech: 0.01,
        };
        assert_eq!(judge("Thank you.", unsure, -1.0), Err(Refused::Unsure));
        assert!(judge("Turn left.", unsure, -1.0).is_ok());
        assert_eq!(judge("Turn left.", unsure, -0.5), Err(Refused::Unsure));
        assert!(judge("Thank you.", SURE, -1.0).is_ok());
        let silent = Evidence {
            mean_logprob: -0.9,
            no_speech: 0.9,
        };
        assert_eq!(judge("Turn left.", silent, -1.0), Err(Refused::Unsure));
    }

    #[test]
    fn loops_are_found_and_repeating_people_are_not() {
        let loops = |text: &str| is_loop(&text.split_whitespace().collect::<Vec<_>>());
        assert!(loops("go go go go go go go go"));
        assert!(loops("well then a b a b a b a b a b"));
        assert!(loops(&"samantha what time is it ".repeat(4)));
        assert!(!loops("no no no no"));
        assert!(!loops("five five five five five"));
        assert!(!loops(&"go forward ten meters ".repeat(3)));
        assert!(!loops("row row row your boat gently down the stream"));
        assert!(!loops(""));
    }
}
