//! The configuration: a file and `--set`.

use hearken::config::{ANNOTATED_DEFAULT, load};
use proptest::prelude::*;
use proptest::sample::select;

use crate::memory::peak_of;
use crate::mutate::{Bytes, mutated, mutated_text, noise};
use crate::trial::alone;

const SHORT: &str = "name = \"Anna\"\n[listen]\nhangover_ms = 700\nlanguages = [\"en\", \"ko\"]\nvad_threshold = 0.5\n\
    [reply]\nbackend = \"server\"\nserver = { url = \"http://127.0.0.1:1/v1\", model = 'a' }\n";

/// What TOML and this configuration are written with.
const WORDS: [&str; 24] = [
    "[",
    "]",
    "[[",
    "{",
    "}",
    "=",
    ".",
    ",",
    "\"",
    "\"\"\"",
    "'''",
    "\n",
    "#",
    "\\u0000",
    "\\n",
    "\u{7}",
    "nan",
    "-inf",
    "1e999",
    "-1",
    "9223372036854775808",
    "true",
    "[reply.server]\n",
    "\nname = ",
];

fn assignment() -> impl Strategy<Value = String> {
    let seeds = [
        "listen.hangover_ms=800",
        "listen.languages=[\"en\", 'ko']",
        "reply.backend=server",
        "audio.volume_percent=50",
        "listen.vad_threshold=0.4",
        "name=Anna",
    ];
    prop_oneof![
        mutated_text(&seeds, &WORDS),
        select(seeds.to_vec()).prop_map(str::to_owned),
    ]
}

#[test]
fn a_configuration_is_read_whole_or_refused_in_one_line() {
    let alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let (path, again) = (
        folder.path().join("f.toml"),
        folder.path().join("again.toml"),
    );
    let valid = vec![ANNOTATED_DEFAULT.into(), SHORT.into(), SHORT.into()];
    let text = prop_oneof![
        6 => mutated(valid, &WORDS),
        1 => noise(),
        // As deep as it goes.
        1 => (select(vec!["[", "a.", "{a=", "[[a]]\n", "\"", "a="]), 1_usize..20_000)
            .prop_map(|(piece, times)| Bytes(piece.repeat(times).into_bytes())),
    ];
    let inputs = (text, prop::collection::vec(assignment(), 0..3));
    let size = |(text, set): &(Bytes, Vec<String>)| text.len() + set.concat().len();
    alone.fuzz(
        2,
        inputs,
        |input| 400_000 + 200 * size(input),
        |input| {
            let (text, set) = input;
            std::fs::write(&path, &**text).unwrap();
            match load(Some(&path), set) {
                Ok(config) => {
                    std::fs::write(&again, toml::to_string(&config).unwrap()).unwrap();
                    // Who gave the name is no part of what is written.
                    let mut written = load(Some(&again), &[]).unwrap();
                    written.name_given = config.name_given;
                    prop_assert_eq!(written, config);
                }
                Err(error) => {
                    let said = error.to_string();
                    let place = said.contains("f.toml") || said.starts_with("--set ");
                    prop_assert!(place, "{}", said);
                    prop_assert!(!said.chars().any(char::is_control), "{said:?}");
                    prop_assert!(said.len() <= 1_000 + 6 * size(input), "{}", said);
                }
            }
            Ok(())
        },
    );
}

#[test]
fn a_file_without_end_is_refused() {
    let _alone = alone();
    let endless = std::path::Path::new("/dev/zero");
    let (read, peak) = peak_of(|| load(Some(endless), &[]));
    let said = read.unwrap_err().to_string();
    assert!(said.contains("longer than"), "{said}");
    assert!(peak < 4_000_000, "{peak}");
}
