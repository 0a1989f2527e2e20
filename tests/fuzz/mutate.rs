//! Valid inputs made wrong.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// An input that is no text; as failures show it, one could be written into a test.
#[derive(Clone)]
pub struct Bytes(pub Vec<u8>);

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// One thing that is done to an input.
#[derive(Debug, Clone)]
enum Change {
    /// These bytes in place of those at some place.
    Put(Index, Vec<u8>),
    /// These bytes as well.
    Insert(Index, Vec<u8>),
    /// So many bytes fewer.
    Cut(Index, usize),
    /// Nothing behind this place.
    End(Index),
    /// So many bytes so many times.
    Repeat(Index, usize, usize),
    /// So many bytes at another place as well.
    Copy(Index, Index, usize),
}

impl Change {
    fn make(self, bytes: &mut Vec<u8>) {
        let at = |index: &Index| index.index(bytes.len() + 1);
        match self {
            Self::Put(place, new) => {
                let at = at(&place);
                let end = bytes.len().min(at + new.len());
                bytes.splice(at..end, new);
            }
            Self::Insert(place, new) => {
                let at = at(&place);
                bytes.splice(at..at, new);
            }
            Self::Cut(place, length) => {
                let at = at(&place);
                bytes.drain(at..bytes.len().min(at + length));
            }
            Self::End(place) => bytes.truncate(at(&place)),
            Self::Repeat(place, length, times) => {
                let at = at(&place);
                let again = bytes[at..bytes.len().min(at + length)].repeat(times);
                bytes.splice(at..at, again);
            }
            Self::Copy(from, to, length) => {
                let (from, to) = (at(&from), at(&to));
                let copy = bytes[from..bytes.len().min(from + length)].to_vec();
                bytes.splice(to..to, copy);
            }
        }
    }
}

/// Numbers that lengths and counts should not be, as files have them.
pub fn extreme_number() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        select(vec![0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x10_0000]),
        select(vec![0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff]),
        select(vec![1 << 40, 1 << 60, i64::MAX as u64, u64::MAX]),
    ];
    (number, select(vec![1, 2, 4, 8]))
        .prop_map(|(number, width)| u64::to_le_bytes(number)[..width].to_vec())
}

fn change(words: Vec<&'static str>) -> impl Strategy<Value = Change> {
    let word = select(words).prop_map(|word| word.as_bytes().to_vec());
    let new = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..4),
        extreme_number(),
        word,
    ];
    let place = any::<Index>;
    prop_oneof![
        3 => (place(), new.clone()).prop_map(|(at, new)| Change::Put(at, new)),
        3 => (place(), new).prop_map(|(at, new)| Change::Insert(at, new)),
        2 => (place(), 1_usize..40).prop_map(|(at, length)| Change::Cut(at, length)),
        1 => place().prop_map(Change::End),
        1 => (place(), 1_usize..64, 1_usize..300)
            .prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        1 => (place(), place(), 1_usize..200)
            .prop_map(|(from, to, length)| Change::Copy(from, to, length)),
    ]
}

/// One of `seeds` with a few changes, or none; `words` mean something where it is read.
pub fn mutated(
    seeds: Vec<Vec<u8>>,
    words: &[&'static str],
) -> impl Strategy<Value = Bytes> + use<> {
    let changes = prop::collection::vec(change(words.to_vec()), 0..6);
    (select(seeds), changes).prop_map(|(mut bytes, changes)| {
        changes
            .into_iter()
            .for_each(|change| change.make(&mut bytes));
        Bytes(bytes)
    })
}

/// [`mutated`], as text.
pub fn mutated_text(
    seeds: &[&str],
    words: &[&'static str],
) -> impl Strategy<Value = String> + use<> {
    let seeds = seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    mutated(seeds, words).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Bytes that are nothing.
pub fn noise() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..600).prop_map(Bytes)
}

/// A file that is made piece by piece and knows where its lengths, counts and kinds are.
#[derive(Debug, Clone, Default)]
pub struct Made {
    pub bytes: Vec<u8>,
    /// Where they begin, and how many bytes they have.
    numbers: Vec<(usize, usize)>,
}

impl Made {
    /// A little-endian number of `width` bytes.
    pub fn number(&mut self, width: usize, value: u64) {
        self.numbers.push((self.bytes.len(), width));
        self.bytes.extend(&value.to_le_bytes()[..width]);
    }

    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }
}

/// `made` with one number or two that are extreme, or with [`mutated`] bytes.
pub fn wrong(made: Made) -> impl Strategy<Value = Bytes> {
    let bytes = made.bytes.clone();
    let numbers = prop::collection::vec((any::<Index>(), extreme_number()), 1..3);
    let misnumbered = numbers.prop_map(move |numbers| {
        let mut bytes = made.bytes.clone();
        for (index, number) in numbers {
            let (at, width) = made.numbers[index.index(made.numbers.len())];
            let number: Vec<u8> = number.into_iter().chain([0; 8]).take(width).collect();
            bytes[at..at + width].copy_from_slice(&number);
        }
        Bytes(bytes)
    });
    prop_oneof![misnumbered, mutated(vec![bytes], &["\0"])]
}
