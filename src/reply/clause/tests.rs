//! The splitter on the texts that trip splitters; `tests/fuzz/clauses.rs` has random ones.

use super::*;

fn split(text: &str) -> Vec<String> {
    let mut splitter = Splitter::new();
    let mut clauses = splitter.push(text);
    clauses.extend(splitter.finish());
    clauses
}

fn by_characters(text: &str) -> Vec<String> {
    let mut splitter = Splitter::new();
    let mut clauses: Vec<String> = text
        .chars()
        .flat_map(|c| splitter.push(c.encode_utf8(&mut [0; 4])))
        .collect();
    clauses.extend(splitter.finish());
    clauses
}

/// Sentence ends alone: behind a long opening, so that the quick pace of the beginning is over.
fn sentences(text: &str) -> Vec<String> {
    let opening = "This comes first. And this one is here to be the second of them. ";
    let mut clauses = split(&format!("{opening}{text}"));
    assert!(clauses.len() >= 3, "{clauses:?}");
    clauses.split_off(2)
}

#[test]
fn the_first_clause_is_short() {
    for (text, first) in [
        (
            "The capital of France is Paris, which lies on the Seine. It is old.",
            "The capital of France",
        ),
        ("Sure. I can do that for you.", "Sure."),
        (
            "Well, I think that it depends on the weather; bring a coat.",
            // No comma behind three words: before the preposition.
            "Well, I think that it depends",
        ),
        (
            "It takes about twenty minutes on foot and then you are there",
            "It takes about twenty minutes",
        ),
        ("The answer is simple — ask her.", "The answer is simple —"),
        ("The answer is simple - ask her.", "The answer is simple -"),
        ("The sky is blue during the day.", "The sky is blue"),
        // Too short to be said by itself.
        ("The sky is blue.", "The sky is blue."),
        ("It is on the table.", "It is on the table."),
        ("17 plus 25 equals 42.", "17 plus 25 equals 42."),
        (
            "대한민국의 수도는 서울이고, 인구는 약 940만 명입니다.",
            "대한민국의 수도는",
        ),
        (
            "오늘은 하늘이 맑고 바람이 조금 불지만 기온은 어제보다 높습니다.",
            "오늘은 하늘이 맑고 바람이 조금 불지만",
        ),
        ("法国的首都是巴黎，它位于塞纳河畔。", "法国的首都是巴黎，"),
    ] {
        let clauses = split(text);
        assert_eq!(clauses[0], first, "{clauses:?}");
    }
}

#[test]
fn a_first_clause_comes_with_the_next_word_and_not_later() {
    let mut splitter = Splitter::new();
    assert!(splitter.push("The capital of France i").is_empty());
    assert!(splitter.push("s").is_empty());
    assert_eq!(splitter.push(" "), ["The capital of France"]);
    let mut splitter = Splitter::new();
    assert!(splitter.push("Paris is the capital,").is_empty());
    assert_eq!(splitter.push(" w"), ["Paris is the capital,"]);
}

#[test]
fn full_stops_that_end_nothing() {
    for text in [
        "Mr. Smith and Dr. Jones met Prof. Lee on St. James Street.",
        "The value of pi is 3.14 and the price is $1,234.50 today.",
        "Meet me at 10:30 a.m. on Jan. 5 or at 4 p.m. sharp.",
        "The U.S. Senate met, i.e. the old one, vs. the U.K. House.",
        "Read No. 5 by J. R. R. Tolkien and by George R. R. Martin.",
        "See https://example.com/a.b?c=d or main.rs and write to a.b@example.org now.",
        "The date was 2026. 11. 23. by the Korean calendar.",
        "The version is 2.0.1 of the approx. five that exist.",
        "She waited... and waited… and then left.",
        "\"Really?\" she said. ",
        "It was (so they say. Or do they?) a long time ago.",
        "Call `a. B` with the arguments of before.",
        "Acme Inc. sells them at 5 ft. 10 in boxes.",
    ] {
        let clauses = sentences(text);
        assert_eq!(clauses, [text.trim()], "{clauses:?}");
    }
}

#[test]
fn sentences_end_where_they_do() {
    for (text, wanted) in [
        (
            "We met at a quarter to 9 a.m. The shop was still closed then.",
            &[
                "We met at a quarter to 9 a.m.",
                "The shop was still closed then.",
            ][..],
        ),
        (
            "She was born in the year 1999. He was born in the year 2001.",
            &[
                "She was born in the year 1999.",
                "He was born in the year 2001.",
            ],
        ),
        (
            "What in the world is this?! It is a very old machine!!! Do not touch it, please.",
            &[
                "What in the world is this?!",
                "It is a very old machine!!!",
                "Do not touch it, please.",
            ],
        ),
        (
            "He said, \"I will be there.\" Then he did not come at all. (Nobody was surprised by that.) So it goes.",
            &[
                "He said, \"I will be there.\"",
                "Then he did not come at all.",
                "(Nobody was surprised by that.)",
                "So it goes.",
            ],
        ),
        (
            "**This is very important.** *And this is not important.* Good.",
            &[
                "**This is very important.**",
                "*And this is not important.*",
                "Good.",
            ],
        ),
        (
            "They waited for a long time... Then the door was opened.",
            &[
                "They waited for a long time...",
                "Then the door was opened.",
            ],
        ),
        (
            "That is wonderful to hear! 😀🎉 How can I help you today? 👍",
            &[
                "That is wonderful to hear! 😀🎉",
                "How can I help you today? 👍",
            ],
        ),
        (
            "서울은 대한민국의 수도입니다. 한강이 도시를 가로질러 흐릅니다.부산은 두 번째로 큰 도시예요.",
            &[
                "서울은 대한민국의 수도입니다.",
                "한강이 도시를 가로질러 흐릅니다.",
                "부산은 두 번째로 큰 도시예요.",
            ],
        ),
        (
            "巴黎是法国的首都和最大城市。你还想知道什么别的事情吗？请告诉我吧！",
            &[
                "巴黎是法国的首都和最大城市。",
                "你还想知道什么别的事情吗？",
                "请告诉我吧！",
            ],
        ),
        (
            "「パリはフランスの首都です。」そうですね、とても大きいです。",
            &[
                "「パリはフランスの首都です。」",
                "そうですね、とても大きいです。",
            ],
        ),
        // Very short ones go with the next.
        (
            "Yes. No. Maybe so, who knows that?",
            &["Yes. No. Maybe so, who knows that?"],
        ),
    ] {
        assert_eq!(sentences(text), wanted);
    }
}

#[test]
fn lists_headings_and_lines() {
    let text = "# How to make a cup of tea\n\n1. Boil the water in a kettle.\n2. Put the tea into the pot.\n\n- Sugar\n- Milk\n";
    assert_eq!(
        split(text),
        [
            "# How to make a cup of tea",
            "1. Boil the water in a kettle.",
            "2. Put the tea into the pot.",
            "- Sugar\n- Milk",
        ]
    );
    assert_eq!(
        sentences("The one line ends without a stop\nThe other line does not"),
        [
            "The one line ends without a stop",
            "The other line does not"
        ]
    );
}

#[test]
fn a_block_of_code_is_one_clause() {
    let code = format!(
        "```rust\nfn main() {{ a. B(); }}\n\n{}```",
        "x. Y;\n".repeat(200)
    );
    let text = format!("Here it is:\n{code}\nThat was all of it. Good.");
    assert_eq!(
        split(&text),
        ["Here it is:", &code, "That was all of it.", "Good."]
    );
    assert_eq!(by_characters(&text), split(&text));
    // In a list, and never closed.
    assert_eq!(
        split("- Do this first:\n   ```sh\n   ls"),
        ["- Do this first:", "```sh\n   ls"]
    );
    // Code in a line is a word like others.
    assert_eq!(split("```ls``` is it"), ["```ls``` is it"]);
}

#[test]
fn nothing_is_longer_than_the_longest() {
    for text in [
        "word ".repeat(500),
        "x".repeat(2_000),
        "가".repeat(2_000),
        "가나다 ".repeat(500),
        format!("Hello {}", "/a".repeat(1_000)),
        "a, b ".repeat(500),
        "a. ".repeat(500),
    ] {
        let clauses = split(&text);
        assert!(clauses.len() > 2);
        for clause in &clauses {
            assert!(clause.chars().count() <= LONGEST, "{clause}");
        }
    }
}

#[test]
fn a_long_sentence_is_divided_at_its_commas() {
    let text = "The old town was built on seven hills above the river, and its narrow streets run between houses of \
                yellow stone, which keep them cool in summer, and where there are steps, there are usually cats.";
    let clauses = sentences(text);
    assert!(clauses.len() >= 2, "{clauses:?}");
    assert!(clauses[0].ends_with(','), "{clauses:?}");
}

#[test]
fn nothing_but_punctuation_is_no_clause() {
    for text in [
        "",
        " \n\t ",
        "...",
        "?!",
        "---\n***\n",
        "\u{200b}\u{2026} \"\"",
        &"-. ".repeat(1_000),
    ] {
        assert!(split(text).is_empty(), "{text:?}: {:?}", split(text));
    }
    assert_eq!(split("👍"), ["👍"]);
}

#[test]
fn a_splitter_begins_anew_after_the_end() {
    let mut splitter = Splitter::new();
    splitter.push("One sentence. Another sentence, longer. ```");
    splitter.finish();
    let clauses = splitter.push("The capital of France is Paris, which");
    assert_eq!(clauses, ["The capital of France"]);
}

#[test]
fn a_hundred_kilobytes_in_one_piece_or_in_many() {
    let text = "The quick brown fox, it seems, jumps. Over 3.5 lazy dogs! ".repeat(2_000);
    assert_eq!(split(&text), by_characters(&text));
}

#[test]
fn a_megabyte_without_a_space_is_cut_into_clauses() {
    for letter in ["a", "ä", "가"] {
        let text = letter.repeat(1_000_000 / letter.len());
        for clauses in [split(&text), by_characters(&text)] {
            assert!(
                clauses
                    .iter()
                    .all(|clause| clause.chars().count() <= LONGEST)
            );
            assert_eq!(clauses.concat(), text);
        }
    }
}
