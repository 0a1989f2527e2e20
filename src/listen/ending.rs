//! Whether words are a whole sentence or go on. Pure.
//!
//! Whisper sets a full stop behind nearly everything, so that the mark tells little; the last word tells more.

/// How words end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A sentence that is over.
    Whole,
    /// It cannot be told.
    Unclear,
    /// More must come: "and", "um", a comma.
    Open,
}

/// English words after which more comes.
const OPEN: &str = "and or but so because if when while where that which who whose than as the a an my your our their \
    his her its this these those to of for from with without about into onto at by in on between under over through \
    is are was were am be been being has have had do does did can could will would shall should may might must i i'm \
    i'd i'll i've you're we're they're it's there's let's um uh uhm er erm hmm like very really quite please what's \
    how's who's where's not no longer also either neither both every some any another each";

/// Of those, the ones that may end a sentence as well: "What is that?", "Where are you from?", "Turn it on."
const MAY_END: &str = "so that this these those to of for from with without about at by in on over through under is are \
    was were do does did can could will would should have has had not no please like each any some another both who \
    where when why be really either neither";

/// Beginnings that want a clause behind them, when they are all of a sentence.
const BEGINNINGS: &[&str] = &[
    "i'd like to know",
    "i would like to know",
    "i want to know",
    "i wonder",
    "i was wondering",
    "can you tell me",
    "could you tell me",
    "can you explain to me",
    "could you explain to me",
    "please tell me",
    "tell me",
    "do you know",
    "please explain to me",
    "explain to me",
    "i'd like to ask you",
    "let me ask you",
    "i need",
    "i want",
    "i'd like",
    "remind me",
    "can you",
    "could you",
    "would you",
    "what about",
    "how about",
];

/// A sentence that begins so wants its other half, unless a comma or a question shows that it is there.
const HALVES: &str =
    "if when because although though since while whenever unless once after before until as";

/// What Korean sentences end in (their last syllables).
const KOREAN_ENDS: &str = "요 다 까 줘 죠 니 냐 해 봐 라 자 야 지 네 래 군 게 어 아";

/// What Korean words end in when more comes.
const KOREAN_OPEN: &str = "은 는 이 가 을 를 에 의 와 과 고 서 면 데 며 로 랑 음 저 그";

/// How `text` in `language` (ISO 639-1) ends.
pub fn ending(text: &str, language: &str) -> Ending {
    let text = text.trim_end();
    let bare = text.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '\'');
    let marks = &text[bare.len()..];
    if bare.is_empty() {
        return Ending::Unclear;
    }
    if marks.starts_with("...") || marks.contains('…') || marks.ends_with([',', '-', '–', '—'])
    {
        return Ending::Open;
    }
    let closed = marks.contains(['.', '!', '?', '。', '？', '！']);
    match language {
        "en" => english(bare, closed, marks.contains('?')),
        "ko" => korean(bare, closed),
        _ if closed => Ending::Whole,
        _ => Ending::Unclear,
    }
}

fn english(bare: &str, closed: bool, asks: bool) -> Ending {
    let last = bare
        .rsplit(char::is_whitespace)
        .next()
        .unwrap_or_default()
        .trim_start_matches(|c: char| !c.is_alphanumeric())
        .to_lowercase()
        .replace('’', "'");
    let has = |words: &str| words.split_ascii_whitespace().any(|word| word == last);
    let sentence = bare
        .rsplit(['.', '!', '?', ','])
        .next()
        .unwrap_or_default()
        .trim()
        .to_lowercase()
        .replace('’', "'");
    let first = sentence.split_whitespace().next().unwrap_or_default();
    let half = HALVES.split_ascii_whitespace().any(|word| word == first);
    let whole = bare
        .rsplit(['.', '!', '?'])
        .next()
        .is_some_and(|s| s.contains(','));
    if BEGINNINGS.contains(&sentence.as_str()) || (half && !asks && !whole) {
        return Ending::Open;
    }
    match (has(OPEN), has(MAY_END), closed) {
        (true, true, true) if asks => Ending::Whole,
        (true, true, _) => Ending::Unclear,
        (true, false, _) => Ending::Open,
        (false, _, true) => Ending::Whole,
        (false, _, false) => Ending::Unclear,
    }
}

fn korean(bare: &str, closed: bool) -> Ending {
    let last = bare.chars().next_back();
    let has = |ends: &str| last.is_some_and(|last| ends.contains(last));
    match (has(KOREAN_ENDS), has(KOREAN_OPEN), closed) {
        (true, _, _) => Ending::Whole,
        (false, true, _) => Ending::Open,
        (false, false, true) => Ending::Whole,
        (false, false, false) => Ending::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_told_from_its_beginning() {
        let all = [
            ("What is the capital of France?", Ending::Whole),
            ("What is the capital of", Ending::Unclear),
            ("What is the", Ending::Open),
            ("What is the capital of the.", Ending::Open),
            ("I would like to know, um...", Ending::Open),
            ("I would like to know, um.", Ending::Open),
            ("Tell me a story about a garden, and", Ending::Open),
            ("Tell me a story,", Ending::Open),
            ("Where are you from?", Ending::Whole),
            ("Where are you from.", Ending::Unclear),
            ("Turn it on.", Ending::Unclear),
            ("Good morning", Ending::Unclear),
            ("Stop!", Ending::Whole),
            ("\"I'm\"", Ending::Open),
            ("I'd like to know.", Ending::Open),
            ("Thanks. Could you tell me?", Ending::Open),
            ("I'd like to know that song.", Ending::Whole),
            ("If I leave the house at half past seven.", Ending::Open),
            ("If it rains, we stay at home.", Ending::Whole),
            ("When was it published?", Ending::Whole),
            ("...", Ending::Unclear),
            ("", Ending::Unclear),
        ];
        for (text, ends) in all {
            assert_eq!(ending(text, "en"), ends, "{text}");
        }
    }

    #[test]
    fn korean_ends_with_its_verb() {
        let all = [
            ("지금 몇 시야?", Ending::Whole),
            ("오늘 날씨 알려 줘", Ending::Whole),
            ("대한민국의 수도는", Ending::Open),
            ("내일 서울에 가면", Ending::Open),
            ("대한민국의 수도.", Ending::Whole),
            ("대한민국의 수돗물", Ending::Unclear),
        ];
        for (text, ends) in all {
            assert_eq!(ending(text, "ko"), ends, "{text}");
        }
    }

    #[test]
    fn of_another_language_the_mark_tells() {
        assert_eq!(ending("Wie spät ist es?", "de"), Ending::Whole);
        assert_eq!(ending("Wie spät", "de"), Ending::Unclear);
        assert_eq!(ending("今何時ですか？", "ja"), Ending::Whole);
    }
}
