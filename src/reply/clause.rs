//! From tokens to clauses that can be spoken. Pure; on the task of the reply.
//!
//! The voice begins with the first clause, so that one is short; while it is heard, the next ones come, and the
//! longer they are the better they sound. So the splitter has three paces: the first clause ends at the first comma
//! or before the verb, behind a few words, the second at a comma behind some more, and all others are sentences, very short ones joined
//! with the next. None is longer than [`LONGEST`], but for a block of code, which is one clause however long, begins
//! with ```` ``` ````, and is not meant to be read aloud.
//!
//! A place is only decided on when enough of what follows is there, and then for good: the clauses are the same
//! however the text is cut into pieces. Put together again they are the text, but for white space at the cuts and for
//! runs of punctuation that no word goes with.

mod boundary;

use boundary::{Gap, Next, Strength};

/// The longest clause, in characters: about 20 s of speech.
pub const LONGEST: usize = 250;

/// So far ahead a word is looked for, in characters, before a place is decided on without one.
const HORIZON: usize = 64;

/// What begins and ends a block of code.
const FENCE: &str = "```";

/// How much a clause must hold before it may end. In columns, as a terminal counts: a Hangul syllable takes about as
/// long to say as two Latin letters.
struct Pace {
    /// At a sentence's end.
    sentence: usize,
    /// At a comma, semicolon, colon or dash.
    pause: usize,
    /// And at least so many words.
    pause_words: usize,
    /// Before a conjunction.
    conjunction: usize,
    /// Before a word that begins the next part of a sentence, its verb above all, and behind some words.
    part: usize,
}

/// For the first clause, the second and all others.
const PACES: [Pace; 3] = [
    Pace {
        sentence: 1,
        pause: 10,
        pause_words: 3,
        conjunction: 32,
        part: 14,
    },
    Pace {
        sentence: 12,
        pause: 50,
        pause_words: 4,
        conjunction: 90,
        part: usize::MAX,
    },
    Pace {
        sentence: 24,
        pause: 110,
        pause_words: 4,
        conjunction: 180,
        part: usize::MAX,
    },
];

/// Splits a reply into clauses while it streams in.
#[derive(Debug, Default)]
pub struct Splitter {
    /// Text that no clause has taken yet.
    pending: String,
    /// Clauses that were given, code left out.
    given: usize,
    /// `pending` begins in the middle of a line.
    mid_line: bool,
    /// `pending` begins with a block of code; its lines up to here do not end it.
    code_seen: Option<usize>,
}

/// What the scan of the pending text finds.
enum Found {
    /// A clause ends here.
    Cut(usize),
    /// A block of code begins here.
    Code(usize),
    /// More text is needed.
    Wait,
}

impl Splitter {
    /// A splitter at the beginning of a reply.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next text and gives the clauses that are complete, each without white space around it.
    pub fn push(&mut self, text: &str) -> Vec<String> {
        self.pending.push_str(text);
        self.split(false)
    }

    /// Gives what is left at the end of the reply, and begins anew.
    pub fn finish(&mut self) -> Vec<String> {
        let mut clauses = self.split(true);
        let rest = std::mem::take(self).pending;
        if rest.chars().any(is_speakable) {
            clauses.push(rest.trim().to_owned());
        }
        clauses
    }

    fn split(&mut self, is_last: bool) -> Vec<String> {
        let mut clauses = Vec::new();
        loop {
            self.skip_space();
            let cut = match self.code_seen {
                Some(from) => match end_of_code(&self.pending, from, is_last) {
                    Ok(end) => {
                        self.code_seen = None;
                        end
                    }
                    Err(seen) => {
                        self.code_seen = Some(seen);
                        break;
                    }
                },
                None => match self.scan(is_last) {
                    Found::Cut(at) => at,
                    Found::Code(0) => {
                        self.code_seen = Some(FENCE.len());
                        continue;
                    }
                    Found::Code(at) => at,
                    Found::Wait => break,
                },
            };
            let rest = self.pending.split_off(cut);
            let clause = std::mem::replace(&mut self.pending, rest);
            let line = clause.rsplit('\n').next().unwrap_or_default();
            self.mid_line = !line.trim().is_empty() || !clause.contains('\n');
            let is_code = clause.starts_with(FENCE);
            if is_code || clause.chars().any(is_speakable) {
                self.given += usize::from(!is_code);
                clauses.push(clause.trim().to_owned());
            }
        }
        clauses
    }

    fn skip_space(&mut self) {
        let space = self.pending.len() - self.pending.trim_start().len();
        if space > 0 {
            self.mid_line &= !self.pending[..space].contains('\n');
            // A block of code in a list keeps its indentation out of the clause.
            self.pending.drain(..space);
        }
    }

    /// The first place where a clause ends.
    fn scan(&self, is_last: bool) -> Found {
        let text = self.pending.as_str();
        let pace = &PACES[self.given.min(PACES.len() - 1)];
        let mut scan = Scan::new(!self.mid_line);
        for (count, (at, c)) in text.char_indices().enumerate() {
            if count >= LONGEST {
                return Found::Cut(scan.forced(at));
            }
            if c == '`' && scan.line_is_empty {
                let rest = &text[at..];
                if rest.starts_with(FENCE) {
                    return Found::Code(at);
                }
                if FENCE.starts_with(rest) && !is_last {
                    return Found::Wait;
                }
            }
            let gap = if c.is_whitespace() {
                Some(at)
            } else {
                scan.see(c);
                let end = at + c.len_utf8();
                match text[end..].chars().next() {
                    Some(next) if boundary::splits_word(scan.before, c, next) => Some(end),
                    None if boundary::may_split_word(scan.before, c) && !is_last => {
                        return Found::Wait;
                    }
                    _ => None,
                }
            };
            scan.before = Some(c);
            if let Some(end) = gap {
                let token = &text[scan.token..end];
                let gap = Gap {
                    token,
                    begins_line: scan.token_begins_line,
                    is_newline: c == '\n',
                };
                match decide(text, end, &gap, &scan, pace, is_last) {
                    Decision::Cut(cut) => return Found::Cut(cut),
                    Decision::Wait => return Found::Wait,
                    Decision::No => {}
                }
                scan.end_token(end, c);
            }
        }
        Found::Wait
    }
}

/// What the scan has seen of the clause so far.
struct Scan {
    columns: usize,
    words: usize,
    /// Where the token begins.
    token: usize,
    token_has_word: bool,
    token_begins_line: bool,
    line_is_empty: bool,
    /// Brackets that are open.
    depth: usize,
    /// Inside `code`.
    in_code: bool,
    /// The last character.
    before: Option<char>,
    /// The last place to cut at when there is no good one.
    last_gap: usize,
}

enum Decision {
    Cut(usize),
    No,
    Wait,
}

impl Scan {
    fn new(begins_line: bool) -> Self {
        Self {
            columns: 0,
            words: 0,
            token: 0,
            token_has_word: false,
            token_begins_line: begins_line,
            line_is_empty: begins_line,
            depth: 0,
            in_code: false,
            before: None,
            last_gap: 0,
        }
    }

    fn see(&mut self, c: char) {
        self.columns += if boundary::is_wide(c) { 2 } else { 1 };
        self.token_has_word |= c.is_alphanumeric();
        self.line_is_empty = false;
        match c {
            '(' | '[' => self.depth += 1,
            ')' | ']' => self.depth = self.depth.saturating_sub(1),
            '`' => self.in_code = !self.in_code,
            _ => {}
        }
    }

    fn end_token(&mut self, end: usize, c: char) {
        self.words += usize::from(std::mem::take(&mut self.token_has_word));
        self.token = end + if c.is_whitespace() { c.len_utf8() } else { 0 };
        self.last_gap = self.token;
        if c == '\n' {
            self.line_is_empty = true;
            self.in_code = false;
        } else if c.is_whitespace() {
            self.columns += 1;
        }
        self.token_begins_line = self.line_is_empty;
    }

    /// Where to cut a clause that has become too long, its end being `at`.
    fn forced(&self, at: usize) -> usize {
        if self.last_gap > 0 { self.last_gap } else { at }
    }
}

/// Whether the clause ends at `end`, behind `gap`.
fn decide(text: &str, end: usize, gap: &Gap, scan: &Scan, pace: &Pace, is_last: bool) -> Decision {
    let words = scan.words + usize::from(scan.token_has_word);
    let inside = scan.in_code || (scan.depth > 0 && scan.columns < PACES[2].pause);
    if words == 0 || (inside && !gap.is_newline) {
        return Decision::No;
    }
    // Chinese and Japanese have no spaces between words.
    let long_enough = words.max(scan.columns / 5) >= pace.pause_words;
    let pause = scan.columns >= pace.pause && long_enough;
    let conjunction = scan.columns >= pace.conjunction;
    let part = scan.columns >= pace.part && words >= gap.words_of_a_part();
    // What cannot end here whatever follows needs no look ahead.
    let possible = match gap.strength() {
        Strength::Sentence => scan.columns >= pace.sentence,
        Strength::Pause => pause,
        Strength::None => conjunction || part,
    };
    if !possible {
        return Decision::No;
    }
    let next = match Next::after(text, end, HORIZON) {
        Some(next) => next,
        // At the very end the rest goes with this clause; before it, one has to see.
        None if is_last => return Decision::No,
        None => return Decision::Wait,
    };
    let cut = match gap.strength() {
        Strength::Sentence => match gap.ends_sentence(&next, is_last) {
            Some(true) => true,
            // Not a sentence's end, but an ellipsis is a pause all the same.
            Some(false) => pause && gap.is_pause(),
            None => return Decision::Wait,
        },
        Strength::Pause => true,
        Strength::None => {
            let joins = || gap.joins(&next, is_last).map(|joins| conjunction && joins);
            let parts = || gap.parts(&next, is_last).map(|parts| part && parts);
            match (joins(), parts()) {
                (Some(joins), Some(parts)) => joins || parts,
                _ => return Decision::Wait,
            }
        }
    };
    if !cut {
        return Decision::No;
    }
    // What stands between the clause and the next word goes with the clause, if it fits.
    let fits = text[..next.cut].trim_end().chars().count() <= LONGEST;
    Decision::Cut(if fits { next.cut } else { end })
}

/// Where the block of code at the beginning of `text` ends, its closing line included; or how far it was read.
fn end_of_code(text: &str, from: usize, is_last: bool) -> Result<usize, usize> {
    let mut line = match text[from..].find('\n') {
        Some(at) => from + at + 1,
        None => return if is_last { Ok(text.len()) } else { Err(from) },
    };
    loop {
        let end = text[line..].find('\n').map(|at| line + at + 1);
        let content = text[line..end.unwrap_or(text.len())].trim();
        let closes = content.len() >= FENCE.len() && content.bytes().all(|b| b == b'`');
        match end {
            Some(end) if closes => return Ok(end),
            Some(end) => line = end,
            None if is_last => return Ok(text.len()),
            // One byte back, so that the line end before this line is found again.
            None => return Err(line - 1),
        }
    }
}

/// Whether there is more to a character than punctuation and space: a letter, a digit, an emoji, a sign.
fn is_speakable(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !boundary::is_punctuation(c)
}

#[cfg(test)]
mod tests;
