//! Words that are not quite the name, where it would be called: whisper wrote something else for it, perhaps. Pure.

use super::phrase::{self, Word};
use super::{EDGE, GUESSED, LIKE, LONG, Name, SPELLING, Side, sound, words};

impl Name {
    /// Where `transcript` would call this name if words at its edge that sound a little like it were the name, and what it
    /// would be then: "Saman, set a timer" is "Samantha, set a timer".
    pub fn guess(&self, transcript: &str) -> Option<(Side, String)> {
        self.called_within(GUESSED, transcript)
    }

    /// Whether `transcript` calls what sounds a little like this name.
    pub fn is_nearly_called(&self, transcript: &str) -> bool {
        self.called_within(LIKE, transcript).is_some()
    }

    fn called_within(&self, most: f32, transcript: &str) -> Option<(Side, String)> {
        let sentences = phrase::sentences(transcript);
        // Where the name itself is heard, what stands around it has told that it is not called.
        if sentences.iter().any(|s| !self.occurrences(s).is_empty()) {
            return None;
        }
        let (first, last) = (sentences.first()?, sentences.last()?);
        let begin = first.iter().take_while(|w| words::CALLS.has(&w.lower));
        let (begin, longest) = (begin.count().min(EDGE), self.words + 1);
        let starts = (1..=longest).filter_map(|n| first.get(begin..begin + n));
        let ends = (1..=longest).filter_map(|n| last.get(last.len().checked_sub(n)?..));
        starts
            .chain(ends)
            .filter(|words| self.is_like(words, most))
            .filter(|words| !words.iter().any(|word| self.spells_somebody_else(word)))
            // A common word is what it is, unless it is far too long for chance and whisper chooses the name for it.
            .filter(|words| {
                let common = words.iter().all(|w| words::COMMON.has(&w.lower));
                !common || (most == GUESSED && self.sounds.len() >= LONG)
            })
            .filter_map(|words| {
                let (from, to) = (words.first()?.bytes.start, words.last()?.bytes.end);
                let (before, after) = (transcript.get(..from)?, transcript.get(to..)?);
                let guess = format!("{before}{}{after}", self.written);
                Some((self.side(&guess)?, guess))
            })
            .next()
    }

    /// Whether a word is the name of somebody else in another spelling: "Savanna".
    fn spells_somebody_else(&self, word: &Word<'_>) -> bool {
        let said = sound::sounds(word.text);
        words::NAMES
            .all()
            .filter(|other| !self.letters.contains(other))
            .any(|other| {
                let sounds = sound::sounds(other);
                sound::distance(&sounds, &said) <= SPELLING * sounds.len() as f32
            })
    }
}
