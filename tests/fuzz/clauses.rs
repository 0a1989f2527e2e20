//! The clause splitter.

use hearken::reply::clause::{LONGEST, Splitter};
use proptest::prelude::*;

use crate::mutate::mutated_text;
use crate::trial::alone;

const REPLIES: [&str; 4] = [
    "The capital of France is Paris, which lies on the Seine. It is old, e.g. older than St. Petersburg; isn't it?",
    "Here is how:\n\n```rust\nfn main() {\n    println!(\"Hi.\");\n}\n```\n\n1. Save it.\n2. Run `cargo run` (twice).",
    "대한민국의 수도는 서울입니다. 서울은 한강을 끼고 있고, 인구가 많지만, 살기 좋습니다.",
    "它在法国。巴黎是首都，很大！It's 3.14… or \"1,234\" — 👍🏽 10:30 a.m.",
];

const WORDS: [&str; 14] = [
    "```", "\n```\n", "`", "\n", "\r\n", ". ", ", ", "…", "。", "(", "\u{200b}", "\u{300}", "👍🏽",
    "But ",
];

/// Whatever models write, in any order.
fn anything() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-Z]{1,9}",
        "[가-힣]{1,5}(다|요|고|지만|면)?",
        "(Mr|Dr|e\\.g|a\\.m|U\\.S|No|J|etc|3\\.14|1,234|10:30|1|12)\\.?",
        "(The|It|And|and|but|because|which|I|so)",
        " {1,3}",
        "[.!?,;:()\"'*_`…—–。！？、」「-]{1,3}",
        "(\n|\n\n|\r\n|\n- |\n1\\. |\n# |\n```\n|\n```)",
        "(😀|👍🏽|\\$|%)",
    ];
    prop_oneof![
        2 => prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat()),
        2 => mutated_text(&REPLIES, &WORDS),
        1 => ".{0,400}",
    ]
}

fn split<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut splitter = Splitter::new();
    let mut clauses: Vec<String> = pieces
        .into_iter()
        .flat_map(|piece| splitter.push(piece))
        .collect();
    clauses.extend(splitter.finish());
    clauses
}

/// `text` in pieces of `size` characters.
fn pieces(text: &str, size: usize) -> Vec<&str> {
    let ends = text.char_indices().map(|(at, _)| at).step_by(size);
    let ends: Vec<usize> = ends.chain([text.len()]).collect();
    ends.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect()
}

fn words(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

fn visible(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !c.is_whitespace())
}

#[test]
fn clauses_are_the_text_however_it_is_cut() {
    let alone = alone();
    alone.fuzz(
        1,
        (anything(), 1_usize..20),
        |(text, _)| 20_000 + 40 * text.len(),
        |(text, size)| {
            let clauses = split([text.as_str()]);
            prop_assert_eq!(&split(pieces(text, *size)), &clauses);
            prop_assert_eq!(&split(pieces(text, 1)), &clauses);
            prop_assert_eq!(words(&clauses.concat()), words(text));
            // Nothing is made up, and nothing changes its place.
            let mut rest = visible(text);
            for c in visible(&clauses.concat()) {
                prop_assert!(rest.any(|there| there == c), "{c:?} is not there");
            }
            for clause in &clauses {
                prop_assert_eq!(clause.trim(), clause);
                prop_assert!(!clause.is_empty());
                let is_code = clause.starts_with("```");
                prop_assert!(is_code || clause.chars().count() <= LONGEST, "{}", clause);
            }
            Ok(())
        },
    );
}

#[test]
fn where_words_stand_between_them_not_even_punctuation_is_lost() {
    let alone = alone();
    alone.fuzz(
        1,
        "([a-zA-Z가-힣]{1,9}[.!?,;:…—]{0,2}[ \n]{1,2}){0,60}",
        |text| 20_000 + 40 * text.len(),
        |text| {
            let clauses = split([text.as_str()]).concat();
            prop_assert!(visible(&clauses).eq(visible(text)), "{}", clauses);
            Ok(())
        },
    );
}
