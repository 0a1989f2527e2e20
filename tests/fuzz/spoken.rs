//! The spoken form.

use hearken::speak::spoken::form;
use proptest::prelude::*;
use proptest::sample::select;

use crate::mutate::mutated_text;
use crate::trial::alone;

const REPLIES: [&str; 4] = [
    "It's **-5 °C** at 10:30 on Nov 1st, 2024; that's $1,234.50 (or ½ of 3.14 km²), see https://a.example/b?c=d.",
    "# Title\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> `code` and [a link](http://x.com) &amp; more…\n\n- [ ] a@b.c\n",
    "오늘은 2024년 3월 5일 오후 3시 30분이고, 기온은 23℃, 가격은 1,500원입니다. 👍🏽",
    "```\nlet x = 1;\n```\n<b>10%</b> ~ 1/2 e.g. 5'11\" C++ 192.168.0.1 1e999 MMXXIV 🎉🎉",
];

const WORDS: [&str; 18] = [
    "**",
    "`",
    "```\n",
    "|",
    "\n",
    "\u{200d}",
    "\u{7}",
    "\u{202e}",
    "\u{300}",
    "$",
    "€1",
    "1/2",
    "99999999999999999999",
    "-1",
    "&#0;",
    "<script>",
    "http://",
    "%",
];

#[test]
fn what_is_said_is_one_line_without_markup() {
    let alone = alone();
    let pieces = r"([0-9a-zA-Z]{1,4}|[-*_#`$%€°/:.,;!?@&+=<>()|\[\]~^ \n']|km|pm|Nov |1st|e\.g\.|½|🎉|한국|http://|\.com){0,40}";
    let text = prop_oneof![
        3 => mutated_text(&REPLIES, &WORDS),
        2 => pieces,
        1 => "\\PC{0,80}|.{0,80}",
        1 => "\\p{Nd}{0,40}|\\p{S}{0,40}|\\p{M}{0,40}",
    ];
    alone.fuzz(
        2,
        (text, select(vec!["en", "ko", "de", "", "zz"])),
        // The tables are made once, and are there from then on.
        |(text, _)| 40_000_000 + 200 * text.len(),
        |(text, language)| {
            let said = form(text, language);
            prop_assert!(said.len() <= 20 * text.len() + 100, "{}", said);
            prop_assert!(!said.chars().any(char::is_control), "{said:?}");
            prop_assert!(
                !said.contains(['*', '`', '#', '_', '|', '\u{200d}']),
                "{said:?}"
            );
            prop_assert!(!said.contains("  ") && said.trim() == said, "{said:?}");
            Ok(())
        },
    );
}
