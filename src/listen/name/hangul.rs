//! Korean particles: what hangs on a name tells whether it is called. Pure.

/// How a Korean word ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With nothing: the word as it is.
    Bare,
    /// With 야, 아, 이야, 씨, 님 …: somebody is called.
    Calling,
    /// With a particle that makes it part of a sentence: 가, 는, 를, 한테 …
    Other,
}

/// Endings of a name that is called. "지수야", "민준아", "사만다 님".
const CALLING: [&str; 7] = ["이야", "야", "아", "씨", "님", "이여", "여"];

/// Endings of a name that is spoken of.
const OTHER: [&str; 45] = [
    "이가",
    "가",
    "이는",
    "는",
    "은",
    "이를",
    "를",
    "을",
    "이한테",
    "한테",
    "에게서",
    "에게",
    "께서",
    "께",
    "이의",
    "의",
    "이랑",
    "랑",
    "이하고",
    "하고",
    "와",
    "과",
    "이도",
    "도",
    "이만",
    "만",
    "보다",
    "처럼",
    "네",
    "이네",
    "한테서",
    "이나",
    "까지",
    "부터",
    "마저",
    "조차",
    "이라고",
    "라고",
    "이라는",
    "라는",
    "이다",
    "이에요",
    "예요",
    "입니다",
    "이고",
];

/// The ways to read `word`: as it is, and without each ending that it has.
pub(super) fn readings(word: &str) -> Vec<(&str, Ending)> {
    let mut readings = vec![(word, Ending::Bare)];
    if !word.chars().next_back().is_some_and(is_hangul) {
        return readings;
    }
    let endings = CALLING.iter().map(|e| (*e, Ending::Calling));
    for (ending, kind) in endings.chain(OTHER.iter().map(|e| (*e, Ending::Other))) {
        if let Some(stem) = word.strip_suffix(ending).filter(|stem| !stem.is_empty()) {
            readings.push((stem, kind));
        }
    }
    readings
}

/// The initials, vowels and finals of a syllable, in Unicode's order, in the Latin letters that [`super::sound`] reads
/// as their sounds. Tense and plain consonants are alike: whisper mixes them up.
const INITIALS: [&str; 19] = [
    "g", "g", "n", "d", "d", "r", "m", "b", "b", "s", "s", "", "j", "j", "ch", "k", "t", "p", "h",
];
const MEDIALS: [&str; 21] = [
    "a", "e", "ya", "ye", "o", "e", "yo", "ye", "o", "wa", "we", "we", "yo", "u", "wo", "we", "wi",
    "yu", "u", "i", "i",
];
const FINALS: [&str; 28] = [
    "", "k", "k", "k", "n", "n", "n", "t", "l", "k", "m", "l", "l", "l", "p", "l", "m", "p", "p",
    "t", "t", "ng", "t", "t", "k", "t", "p", "",
];

/// A syllable of Hangul in Latin letters; `None` for any other character.
pub(super) fn latin(c: char) -> Option<impl Iterator<Item = char>> {
    let index = (c as usize).checked_sub(0xac00).filter(|_| is_hangul(c))?;
    let parts = [
        INITIALS[index / 588],
        MEDIALS[index % 588 / 28],
        FINALS[index % 28],
    ];
    Some(parts.into_iter().flat_map(str::chars))
}

/// A syllable of Hangul.
pub(super) fn is_hangul(c: char) -> bool {
    ('\u{ac00}'..='\u{d7a3}').contains(&c)
}

/// Words that call by standing alone behind a name: "지수 씨".
pub(super) fn is_title(word: &str) -> bool {
    matches!(word, "씨" | "님" | "야" | "아" | "양" | "군" | "선생님")
}

/// Whether a Korean sentence's last word asks or tells to do: "해줘", "주세요", "몇 시야".
pub(super) fn asks(word: &str) -> bool {
    const ASKING: [&str; 16] = [
        "줘",
        "주세요",
        "세요",
        "줄래",
        "줄래요",
        "줄까",
        "해",
        "봐",
        "라",
        "까",
        "니",
        "냐",
        "나요",
        "죠",
        "해요",
        "주라",
    ];
    ASKING.iter().any(|ending| word.ends_with(ending))
}

/// Whether `word` ends as a topic or a subject does, so that what follows is said of it: "쟤는 지수야".
pub(super) fn is_topic(word: &str) -> bool {
    ["은", "는", "이", "가", "도"]
        .iter()
        .any(|p| word.len() > p.len() && word.ends_with(p))
}
