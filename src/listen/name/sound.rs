//! How a word sounds, roughly, and how far two sounds are apart. Pure.
//!
//! Any script goes through Latin letters first, so that "사만다", "Саманта" and "Samantha" can be compared. Letters then
//! become sounds: a coarse alphabet in which English vowels are worth little, because whisper writes an unstressed one
//! as it likes, and consonants of one place of the mouth are near each other. Known codes such as Double Metaphone
//! drop the vowels altogether: "cement" and "Samantha" are the same word to them.

use super::hangul;
use unicode_normalization::UnicodeNormalization as _;

/// One sound: a vowel `a e i o u`, or a consonant. `0` is the th of "thin", `C` the ch of "chin", `S` the sh of "shin".
pub(super) type Sound = u8;

const VOWELS: &[Sound] = b"aeiou";

pub(super) fn is_vowel(sound: Sound) -> bool {
    VOWELS.contains(&sound)
}

/// The sounds of `text`; everything but letters and digits is passed over.
pub(super) fn sounds(text: &str) -> Vec<Sound> {
    let mut latin = String::new();
    for c in text.nfc().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            latin.push(c);
        } else if let Some(syllable) = hangul::latin(c) {
            latin.extend(syllable);
        } else if c.is_alphanumeric() {
            let letters = deunicode::deunicode_char(c).unwrap_or_default();
            latin.extend(
                letters
                    .chars()
                    .filter(char::is_ascii_alphanumeric)
                    .map(|c| c.to_ascii_lowercase()),
            );
        }
    }
    of_latin(latin.as_bytes())
}

fn of_latin(letters: &[u8]) -> Vec<Sound> {
    let mut sounds = Vec::with_capacity(letters.len());
    let mut i = 0;
    while i < letters.len() {
        let rest = &letters[i..];
        let first = i == 0;
        let (taken, sound): (usize, &[Sound]) = if is_vowel(rest[0]) || (rest[0] == b'y' && !first)
        {
            vowels(rest, first, sounds.len())
        } else {
            consonant(rest, first, i.checked_sub(1).map(|before| letters[before]))
        };
        for &sound in sound {
            if sounds.last() != Some(&sound) || is_vowel(sound) {
                sounds.push(sound);
            }
        }
        i += taken;
    }
    sounds
}

/// A run of vowels is one sound; a last "e" behind a consonant is silent. `before` is the number of sounds so far.
fn vowels(rest: &[u8], first: bool, before: usize) -> (usize, &'static [Sound]) {
    let run = rest
        .iter()
        .take_while(|&&c| is_vowel(c) || c == b'y')
        .count()
        .max(1);
    // "eo", "ia": two syllables sound alike to this alphabet.
    let sound: &'static [Sound] = match &rest[..run] {
        b"e" if run == rest.len() && !first && before > 1 => b"",
        [b'e', b'e' | b'a', ..] | [b'i', ..] | [b'y', ..] | [b'e', b'y', ..] => b"i",
        [b'o', b'o' | b'u', ..] | [b'e', b'u' | b'w', ..] | [b'u', ..] => b"u",
        [b'a', b'u', ..] | [b'o', ..] | [b'e', b'o', ..] => b"o",
        [b'a', b'i' | b'y' | b'e', ..] | [b'e', ..] => b"e",
        _ => b"a",
    };
    (run, sound)
}

fn consonant(rest: &[u8], first: bool, before: Option<u8>) -> (usize, &'static [Sound]) {
    let soft = |at: usize| matches!(rest.get(at), Some(b'e' | b'i' | b'y'));
    match rest {
        [b't', b'c', b'h', ..] => (3, b"C"),
        [b't', b'i', b'o', b'n', ..] => (4, b"Sun"),
        [b's', b'c', b'h', ..] => (3, b"S"),
        [b't', b'h', ..] => (2, b"0"),
        [b'p', b'h', ..] => (2, b"f"),
        [b's', b'h', ..] => (2, b"S"),
        [b'c', b'h', ..] => (2, b"C"),
        [b'c', b'k', ..] => (2, b"k"),
        [b'k', b'n', ..] | [b'g', b'n', ..] if first => (2, b"n"),
        [b'w', b'r', ..] if first => (2, b"r"),
        [b'w', b'h', ..] => (2, b"w"),
        [b'g', b'h', ..] if !first => (2, b""),
        [b'd', b'g', b'e' | b'i', ..] => (2, b"j"),
        [b'q', b'u', ..] => (2, b"kw"),
        [b'm', b'b'] => (2, b"m"),
        [b'c', ..] if soft(1) => (1, b"s"),
        [b'c' | b'q' | b'k', ..] => (1, b"k"),
        [b'x', ..] if first => (1, b"z"),
        [b'x', ..] => (1, b"ks"),
        // Between a vowel and a consonant, or last, an h is not heard.
        [b'h', next, ..] if !first && !is_vowel(*next) && *next != b'y' => (1, b""),
        [b'h'] if before.is_some() => (1, b""),
        [b'b', ..] => (1, b"b"),
        [b'd', ..] => (1, b"d"),
        [b'f', ..] => (1, b"f"),
        [b'g', ..] => (1, b"g"),
        [b'h', ..] => (1, b"h"),
        [b'j', ..] => (1, b"j"),
        [b'l', ..] => (1, b"l"),
        [b'm', ..] => (1, b"m"),
        [b'n', ..] => (1, b"n"),
        [b'p', ..] => (1, b"p"),
        [b'r', ..] => (1, b"r"),
        [b's', ..] => (1, b"s"),
        [b't', ..] => (1, b"t"),
        [b'v', ..] => (1, b"v"),
        [b'w', ..] => (1, b"w"),
        [b'y', ..] => (1, b"y"),
        [b'z', ..] => (1, b"z"),
        [b'1', ..] => (1, b"wun"),
        [b'2', ..] => (1, b"tu"),
        [b'3', ..] => (1, b"0ri"),
        [b'4', ..] => (1, b"for"),
        [b'5', ..] => (1, b"fev"),
        [b'6', ..] => (1, b"siks"),
        [b'7', ..] => (1, b"sevun"),
        [b'8', ..] => (1, b"et"),
        [b'9', ..] => (1, b"nen"),
        [b'0', ..] => (1, b"ziro"),
        _ => (1, b""),
    }
}

/// Consonants that are taken for each other, and how different they are (1 is another sound altogether).
const NEAR: &[(&[Sound], f32)] = &[
    (b"td0", 0.35),
    (b"sz", 0.2),
    (b"sS0", 0.4),
    (b"SCj", 0.3),
    (b"zj", 0.5),
    (b"bp", 0.35),
    (b"fv", 0.3),
    (b"bv", 0.4),
    (b"pf", 0.5),
    (b"vw", 0.35),
    (b"kg", 0.3),
    (b"mn", 0.4),
    (b"lr", 0.7),
    (b"f0", 0.4),
];

fn change(a: Sound, b: Sound) -> f32 {
    match (is_vowel(a), is_vowel(b)) {
        _ if a == b => 0.0,
        (true, true) => 0.3,
        (false, false) => NEAR
            .iter()
            .filter(|(alike, _)| alike.contains(&a) && alike.contains(&b))
            .map(|&(_, cost)| cost)
            .fold(1.0, f32::min),
        // The y of "Maya" and the i of "Mia".
        _ if matches!(
            (a, b),
            (b'y', b'i') | (b'i', b'y') | (b'w', b'u') | (b'u', b'w')
        ) =>
        {
            0.4
        }
        _ => 1.2,
    }
}

/// What it costs that a sound is missing, or is one too many.
fn loss(sound: Sound) -> f32 {
    match sound {
        b'h' => 0.3,
        b'y' | b'w' => 0.4,
        b'r' => 0.6,
        vowel if is_vowel(vowel) => 0.6,
        _ => 1.0,
    }
}

/// How far two sequences of sounds are apart: 0 for the same, about 1 for each other consonant.
pub(super) fn distance(a: &[Sound], b: &[Sound]) -> f32 {
    let mut row: Vec<f32> = vec![0.0];
    for &y in b {
        row.push(row.last().copied().unwrap_or_default() + loss(y));
    }
    for &x in a {
        let mut diagonal = row[0];
        row[0] += loss(x);
        for (j, &y) in b.iter().enumerate() {
            let changed = diagonal + change(x, y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + loss(y)).min(diagonal + loss(x));
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        sounds(text).into_iter().map(char::from).collect()
    }

    #[test]
    fn spellings_of_one_sound_are_one() {
        for (word, sound) in [
            ("Samantha", "saman0a"),
            ("Phoebe", "fob"),
            ("Sarah", "sara"),
            ("Knight", "nit"),
            ("Jack", "jak"),
            ("Anna", "ana"),
            ("Jane", "jan"),
            ("Hannah", "hana"),
            ("Marie", "mari"),
            ("사만다", "samanda"),
            ("지수", "jisu"),
            ("Саманта", "samanta"),
            ("HAL 9", "halnen"),
            ("!?", ""),
        ] {
            assert_eq!(written(word), sound, "{word}");
        }
    }

    #[test]
    fn the_distance_is_a_distance() {
        let words = ["Samantha", "Amanda", "cement", "Anna", "사만다", ""];
        for a in words {
            for b in words {
                let there = distance(&sounds(a), &sounds(b));
                let back = distance(&sounds(b), &sounds(a));
                assert!((there - back).abs() < 1e-5, "{a} {b}");
                assert_eq!(a == b, there < 1e-5, "{a} {b}");
            }
        }
    }

    #[test]
    fn what_whisper_writes_for_a_name_is_nearer_than_other_words() {
        let to = |word: &str| distance(&sounds("Samantha"), &sounds(word)) / 7.0;
        for near in [
            "Samanta",
            "Sam Antha",
            "Summantha",
            "Semantha",
            "사만다",
            "Samantho",
        ] {
            assert!(to(near) < 0.11, "{near} {}", to(near));
        }
        for far in [
            "Amanda",
            "Savannah",
            "cement",
            "semantics",
            "some man",
            "Sam",
            "salmon",
        ] {
            assert!(to(far) > 0.18, "{far} {}", to(far));
        }
    }
}
