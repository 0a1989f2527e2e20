//! The words side of barge-in: whether what somebody says while hearken speaks wants the floor. Pure.

use std::ops::Range;

use super::phrase::Text;
use super::table::{self, Language};

/// What words said while hearken speaks mean for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interjection {
    /// A stop word or a sentence: give way.
    Interrupts,
    /// What listeners say ("uh-huh", "right"), laughter, a cough: go on.
    Backchannel,
    /// Too little to tell yet: nothing, or one word that may be the beginning of either. Never once the speech is over.
    Unclear,
}

/// What `text` means, which is what whisper made of the speech so far; `over` when the speech has ended. `language` is
/// ISO 639-1; tables as in [`super::recognise`].
pub fn interjection(text: &str, over: bool, language: &str) -> Interjection {
    let text = crate::listen::without_notes(text);
    if !text.chars().any(char::is_alphanumeric) {
        return if over {
            Interjection::Backchannel
        } else {
            Interjection::Unclear
        };
    }
    let mut verdict = Interjection::Interrupts;
    for language in table::of(language) {
        match interjection_in(&text, over, language) {
            Interjection::Interrupts => {}
            other => verdict = other,
        }
    }
    verdict
}

fn interjection_in(whole: &str, over: bool, language: &Language) -> Interjection {
    let text = Text::new(whole, language.letters);
    if text.len() == 0 || text.is_too_long() {
        return Interjection::Interrupts;
    }
    let places = language.asides(&text);
    if places.iter().any(|place| place.at == text.len()) {
        // "Yeah" may go on as "Yeah, but what about Paris?"; several in a row will not.
        return if over || is_several(&text) {
            Interjection::Backchannel
        } else {
            Interjection::Unclear
        };
    }
    if over || language.is_stop(&text) || super::recognise_in(whole, language).is_some() {
        return Interjection::Interrupts;
    }
    // Whisper makes anything of the first 300 ms: of "what about" it makes "water", of "mm-hmm" "amen".
    if !is_several(&text) {
        return Interjection::Unclear;
    }
    let may_become = places.iter().any(|place| {
        language
            .backchannel
            .iter()
            .any(|phrase| phrase.may_begin(&text, place.at))
    });
    if may_become {
        Interjection::Unclear
    } else {
        Interjection::Interrupts
    }
}

/// Whether it is more than one word.
fn is_several(text: &Text) -> bool {
    let whole = text.written(&(0..text.len()));
    whole.split_whitespace().count() > 1
}

/// Whether `text` is stop words alone ("stop", "no, wait"), asides such as "okay" around them left out.
pub fn is_stop(text: &str, language: &str) -> bool {
    let text = crate::listen::without_notes(text);
    table::of(language).iter().any(|language| {
        let text = Text::new(&text, language.letters);
        text.len() > 0 && !text.is_too_long() && language.is_stop(&text)
    })
}

/// Words that `heard` needs at least before it can be told from chance.
const FEWEST: usize = 3;

/// Of ten words heard, so many must be hearken's own, in order.
const OWN_OF_TEN: usize = 7;

/// From this similarity (0 to 1) on, two words are the same word misheard.
const SAME: f64 = 0.7;

/// Words of `heard` and of `spoken` that are compared, so that no text takes long: the first heard, the last spoken.
const COMPARED: (usize, usize) = (40, 400);

/// Whether `heard` is hearken's own words coming back: most of its words stand close together and in order in `spoken`,
/// what the loudspeaker has been saying. Below three words it never is.
pub fn is_own(heard: &str, spoken: &str) -> bool {
    let (mut heard, mut spoken) = (words(heard), words(spoken));
    heard.truncate(COMPARED.0);
    spoken.drain(..spoken.len().saturating_sub(COMPARED.1));
    if heard.len() < FEWEST {
        return false;
    }
    let same: Vec<Vec<bool>> = heard
        .iter()
        .map(|word| spoken.iter().map(|other| is_same(word, other)).collect())
        .collect();
    let needed = (heard.len() * OWN_OF_TEN).div_ceil(10);
    // Some words more than were heard, for those that were missed in between.
    let window = heard.len() + heard.len() / 2 + 1;
    let last = spoken.len().saturating_sub(window);
    (0..=last).any(|start| {
        let end = spoken.len().min(start + window);
        common(&same, start..end) >= needed
    })
}

/// Whether `heard`, however short, stands word for word in `spoken`: the beginning of an echo, as far as can be known.
pub fn is_part(heard: &str, spoken: &str) -> bool {
    let (heard, spoken) = (words(heard), words(spoken));
    !heard.is_empty()
        && spoken
            .windows(heard.len())
            .any(|part| part.iter().zip(&heard).all(|(a, b)| is_same(a, b)))
}

fn words(text: &str) -> Vec<String> {
    let text = Text::new(text, false);
    (0..text.len()).map(|at| text.token(at).into()).collect()
}

/// Length of the longest sequence of words that those heard have in the same order as those spoken in `window`. `same`
/// says for each word heard which of those spoken it is.
fn common(same: &[Vec<bool>], window: Range<usize>) -> usize {
    let mut row = vec![0; window.len() + 1];
    for same in same {
        let mut corner = 0;
        for (at, &is_same) in same[window.clone()].iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if is_same {
                corner + 1
            } else {
                above.max(row[at])
            };
            corner = above;
        }
    }
    row.last().copied().unwrap_or(0)
}

fn is_same(a: &str, b: &str) -> bool {
    a == b || (a.len().min(b.len()) >= 4 && strsim::normalized_levenshtein(a, b) >= SAME)
}

#[cfg(test)]
mod tests {
    use super::Interjection::{Backchannel, Interrupts, Unclear};
    use super::*;

    #[test]
    fn a_part_is_word_for_word() {
        let spoken = "The capital of Japan is Tokyo.";
        assert!(is_part("the capital", spoken) && is_part("Japan.", spoken));
        assert!(!is_part("capital Japan", spoken) && !is_part("", spoken));
        assert!(!is_part("What about the capital", spoken));
    }

    #[test]
    fn listeners_noises_go_by() {
        for text in [
            "Uh-huh.",
            "okay okay",
            "Yeah, right.",
            "uh-huh yeah",
            "mm",
            "Mm-hmm.",
            "I see.",
            "Really?",
            "Wow!",
            "cool",
            "Hmm.",
            "Huh.",
            "Oh.",
            "Ah!",
            "you",
            "Thank you.",
            "Oh, really?",
            "That's right.",
            "Oh my God!",
            "",
            "[laughter]",
            "(coughs)",
            "*cough* *cough*",
            "...",
            "Ha ha ha!",
            // What whisper made of synthesized ones.
            "M.M.",
            "Uhuh, yeah.",
            "Uh uh.",
            "Whoa",
            "Uh...",
            "Yep, right.",
            "You're right.",
            "i c",
            "Ha ha!",
        ] {
            assert_eq!(interjection(text, true, "en"), Backchannel, "{text}");
        }
        for text in [
            "응.",
            "네, 네.",
            "아, 그렇구나.",
            "음...",
            "맞아요.",
            "진짜?",
        ] {
            assert_eq!(interjection(text, true, "ko"), Backchannel, "{text}");
        }
    }

    #[test]
    fn stop_words_and_sentences_interrupt() {
        for text in [
            "Stop!",
            "Okay, stop.",
            "Yeah, but what about Paris?",
            "Wait.",
            "No.",
            "Oh no.",
            "Hold on.",
            "quiet",
            "What about Paris?",
            "Tell me something else.",
            "Louder.",
            "Weight.",
            "Start.",
            "Star!",
            "Tell me",
            "What am I",
            "No, wait.",
            "I see a problem there.",
            "Right, but why?",
        ] {
            for over in [true, false] {
                assert_eq!(interjection(text, over, "en"), Interrupts, "{text}");
            }
        }
        for text in [
            "그만!",
            "잠깐만.",
            "멈춰",
            "아니",
            "응, 그런데 파리는 어때?",
        ] {
            for over in [true, false] {
                assert_eq!(interjection(text, over, "ko"), Interrupts, "{text}");
            }
        }
    }

    #[test]
    fn what_may_still_become_either_is_unclear() {
        for text in [
            "",
            "[BLANK_AUDIO]",
            "Yeah",
            "Okay.",
            "Oh, of",
            "water",
            "Amen.",
            "Paris",
            "Hold",
            "I",
            "Uh",
            "That's",
            "Oh, that's",
        ] {
            assert_eq!(interjection(text, false, "en"), Unclear, "{text}");
        }
        // More than one, and it will not become a sentence.
        assert_eq!(interjection("Okay, okay.", false, "en"), Backchannel);
        assert_eq!(interjection("Oh, of", true, "en"), Interrupts);
        assert_eq!(interjection("Paris?", true, "en"), Interrupts);
    }

    #[test]
    fn other_languages_try_every_table() {
        assert_eq!(interjection("Uh-huh.", true, "de"), Backchannel);
        assert_eq!(interjection("응", true, ""), Backchannel);
        assert_eq!(interjection("Stop", true, "de"), Interrupts);
        assert!(is_stop("그만", "") && is_stop("Stop!", "fr"));
    }

    #[test]
    fn stop_words_are_known_alone() {
        for text in [
            "Stop.",
            "stop stop stop",
            "No, no, wait!",
            "Okay stop",
            "hold on",
            "Quiet!",
            "Please be quiet.",
            "Never mind.",
        ] {
            assert!(is_stop(text, "en"), "{text}");
        }
        for text in [
            "",
            "okay",
            "No, I don't think so.",
            "Stop me if I'm wrong",
            "Wait for me at the station",
            "the bus stop",
            "yeah no doubt",
        ] {
            assert!(!is_stop(text, "en"), "{text}");
        }
        for text in ["그만!", "잠깐만요.", "아니, 그만", "멈춰!"] {
            assert!(is_stop(text, "ko"), "{text}");
        }
        for text in ["아니라고 생각해", "그만한 이유가 있어", "응"] {
            assert!(!is_stop(text, "ko"), "{text}");
        }
    }

    #[test]
    fn own_words_are_known_when_they_come_back() {
        let spoken = "The capital of France is Paris. It lies on the river Seine, and about two million people live there.";
        for heard in [
            "The capital of France",
            "capital of france is parish",
            "lies on the river sane and about",
            "two million people live there",
            "river Seine", // too short to tell
        ] {
            assert_eq!(is_own(heard, spoken), heard != "river Seine", "{heard}");
        }
        for heard in [
            "What about the river there",
            "Tell me about Germany and its capital",
            "the of people",
            "Stop it now",
            "",
            "Is Paris the capital of Spain",
        ] {
            assert!(!is_own(heard, spoken), "{heard}");
        }
        assert!(!is_own("one two three", ""));
        assert!(is_own(
            "대한민국의 수도는 서울입니다",
            "네, 대한민국의 수도는 서울입니다."
        ));
    }
}
