//! What is said of what, case by case, and that nothing else happens.

use super::form;

const ENGLISH: &[(&str, &str)] = &[
    // Plain text stays.
    ("Hello there.", "Hello there."),
    ("It's John's dog, isn't it?", "It's John's dog, isn't it?"),
    ("It’s “quoted”.", "It's quoted."),
    ("well-known twenty-one", "well-known twenty-one"),
    // Integers.
    ("0", "zero"),
    ("I have 5 apples.", "I have five apples."),
    ("There are 42.", "There are forty-two."),
    ("105", "one hundred five"),
    ("1,234", "one thousand two hundred thirty-four"),
    ("100,000 people", "one hundred thousand people"),
    ("1000000", "one million"),
    (
        "12345678901234567890",
        "one two three four five six seven eight nine zero one two three four five six seven eight nine zero",
    ),
    ("007", "zero zero seven"),
    ("3D", "three D"),
    ("mp3", "mp three"),
    ("B2B", "B two B"),
    // Negative numbers, and dashes that are none.
    ("-5", "minus five"),
    (
        "It is -12.5 outside.",
        "It is minus twelve point five outside.",
    ),
    ("−3", "minus three"),
    ("covid-19", "covid nineteen"),
    ("10 - 4 = 6", "ten minus four equals six"),
    ("8-bit", "eight-bit"),
    // Decimals, chains.
    ("3.5", "three point five"),
    (
        "Is it 3.14159?",
        "Is it three point one four one five nine?",
    ),
    (".5", "zero point five"),
    ("0.05", "zero point zero five"),
    (
        "Version 1.2.3 is out.",
        "Version one point two point three is out.",
    ),
    (
        "192.168.0.1",
        "one hundred ninety-two point one hundred sixty-eight point zero point one",
    ),
    ("v2.0.1", "version two point zero point one"),
    // Ordinals.
    ("1st", "first"),
    ("the 2nd and 3rd", "the second and third"),
    ("21st century", "twenty-first century"),
    ("the 100th time", "the one hundredth time"),
    ("12th", "twelfth"),
    ("the 1,000th", "the one thousandth"),
    // Fractions.
    ("1/2", "one half"),
    ("3/4 cup", "three quarters cup"),
    ("2 1/2 cups", "two and a half cups"),
    ("½ cup", "one half cup"),
    ("1½ hours", "one and a half hours"),
    ("2¾", "two and three quarters"),
    ("5/16", "five sixteenths"),
    ("24/7", "twenty-four seven"),
    // Ranges.
    ("5–10 minutes", "five to ten minutes"),
    ("pages 12-15", "pages twelve to fifteen"),
    ("1914–1918", "nineteen fourteen to nineteen eighteen"),
    // Years and decades.
    ("in 1984", "in nineteen eighty-four"),
    ("in 2005", "in two thousand five"),
    ("in 2026.", "in twenty twenty-six."),
    ("in 1900", "in nineteen hundred"),
    ("in 1905", "in nineteen oh five"),
    ("the 1990s", "the nineteen nineties"),
    ("the '80s", "the eighties"),
    // Dates.
    ("2026-11-23", "November twenty-third, twenty twenty-six"),
    (
        "On 11/23/2026 we go.",
        "On November twenty-third, twenty twenty-six we go.",
    ),
    ("23/11/2026", "November twenty-third, twenty twenty-six"),
    ("Nov 23", "November twenty-third"),
    ("Nov. 23, 2026", "November twenty-third, twenty twenty-six"),
    ("July 4th, 1776", "July fourth, seventeen seventy-six"),
    ("4 July 1776", "July fourth, seventeen seventy-six"),
    ("the 3rd of May", "the May third"),
    (
        "2026-11-23T10:30:00Z",
        "November twenty-third, twenty twenty-six, ten thirty",
    ),
    ("May I go?", "May I go?"),
    ("2026-13-45", "twenty twenty-six thirteen forty-five"),
    // Times.
    ("10:30", "ten thirty"),
    ("at 3 pm", "at three PM"),
    ("at 3:05 p.m. today", "at three oh five PM today"),
    ("It is 7:00.", "It is seven o'clock."),
    ("It is 9:00 AM.", "It is nine AM."),
    ("at 5 p.m.", "at five PM."),
    ("00:00", "midnight"),
    ("14:00", "fourteen hundred"),
    ("23:59", "twenty-three fifty-nine"),
    ("I am 5 am I not", "I am five AM I not"),
    // Currency.
    ("$3.50", "three dollars and fifty cents"),
    ("$1", "one dollar"),
    ("It costs €20.", "It costs twenty euros."),
    ("£1.01", "one pound and one penny"),
    ("₩5,000", "five thousand won"),
    ("$0.99", "ninety-nine cents"),
    ("$2.5 million", "two point five million dollars"),
    ("$10k", "ten thousand dollars"),
    ("20€", "twenty euros"),
    ("-$5", "minus five dollars"),
    // Units and percent.
    ("5 km", "five kilometers"),
    ("1 km", "one kilometer"),
    ("5km away", "five kilometers away"),
    ("20 °C", "twenty degrees Celsius"),
    ("72°F", "seventy-two degrees Fahrenheit"),
    ("90°", "ninety degrees"),
    ("2.5kg", "two point five kilograms"),
    ("60 mph", "sixty miles per hour"),
    ("100 km/h", "one hundred kilometers per hour"),
    ("16 GB of RAM", "sixteen gigabytes of ram"),
    ("50%", "fifty percent"),
    ("3.5 % more", "three point five percent more"),
    ("5-10%", "five to ten percent"),
    ("10–20 km", "ten to twenty kilometers"),
    ("30 min", "thirty minutes"),
    ("2 m²", "two square meters"),
    ("I am 5'11\".", "I am five foot eleven."),
    ("440 Hz", "four hundred forty hertz"),
    ("100 ms", "one hundred milliseconds"),
    ("9.8 m/s", "nine point eight meters per second"),
    ("5 minutes", "five minutes"),
    // Telephone numbers.
    ("Call 555-1234.", "Call five five five, one two three four."),
    (
        "(415) 555-2671",
        "four one five, five five five, two six seven one",
    ),
    (
        "+1 415-555-2671",
        "plus one, four one five, five five five, two six seven one",
    ),
    // Abbreviations and acronyms.
    ("Mr. Smith met Dr. Jones.", "Mister Smith met Doctor Jones."),
    ("fruit, e.g. apples", "fruit, for example apples"),
    ("that is, i.e., so", "that is, that is, so"),
    ("cats vs. dogs", "cats versus dogs"),
    ("apples, pears, etc.", "apples, pears, et cetera."),
    ("NASA and the FBI", "NASA and the FBI"),
    ("No. 5", "Number five"),
    ("No. I do not.", "No. I do not."),
    ("St. Louis", "Saint Louis"),
    ("the U.S.A. today", "the U.S.A. today"),
    // Addresses.
    (
        "Visit https://www.example.com/docs.",
        "Visit example dot com slash docs.",
    ),
    ("See example.com for more.", "See example dot com for more."),
    (
        "Write to john.doe@example.com!",
        "Write to john dot doe at example dot com!",
    ),
    ("https://x.org/a/b/c/d?q=1&r=2", "x dot org"),
    // Markdown.
    ("**bold** and *soft*", "bold and soft"),
    ("__bold__ and _soft_", "bold and soft"),
    ("[the docs](https://example.com/x)", "the docs"),
    ("# Title\nText.", "Title. Text."),
    ("- one\n- two\n- three", "one. two. three"),
    ("1. Mix.\n2. Bake.", "one: Mix. two: Bake."),
    ("Use `ls -l` here.", "Use ls l here."),
    (
        "Look:\n```rust\nfn main() {}\n```\nDone.",
        "Look: Code. Done.",
    ),
    ("| a | b |\n|---|---|\n| 1 | 2 |", "a, b. one, two"),
    ("> quoted", "quoted"),
    ("~~old~~ new", "old new"),
    ("![a cat](cat.png)", "a cat"),
    ("**not closed", "not closed"),
    ("closed before**", "closed before"),
    ("a<b>bold</b>", "abold"),
    ("- [x] done", "done"),
    // Emoji.
    ("Great! 🎉🎉", "Great!"),
    ("I ❤️ you", "I you"),
    ("👍", "thumbs up"),
    ("👨‍👩‍👧 family", "family"),
    // Symbols.
    ("Tom & Jerry", "Tom and Jerry"),
    ("AT&T", "AT and T"),
    ("2 + 2 = 4", "two plus two equals four"),
    ("3 * 4", "three times four"),
    ("3 × 4", "three times four"),
    ("8 / 2", "eight divided by two"),
    ("x < 5", "x less than five"),
    ("x >= 5", "x is at least five"),
    ("x^2", "x to the power of two"),
    ("~100 people", "about one hundred people"),
    ("#1", "number one"),
    ("#NoFilter", "hashtag No Filter"),
    ("@alice says", "at alice says"),
    ("and/or", "and or"),
    ("his/her", "his or her"),
    ("C++ and C#", "C plus plus and C sharp"),
    ("snake_case", "snake case"),
    ("© 2026", "copyright twenty twenty-six"),
    // Punctuation.
    ("What?!", "What?"),
    ("Nooo!!!", "Nooo!"),
    ("Wait... what?", "Wait, what?"),
    ("Wait… What?", "Wait. What?"),
    ("yes — no", "yes, no"),
    ("yes—no", "yes, no"),
    ("one - two words", "one minus two words"),
    ("this - that", "this, that"),
    ("He (quietly) left.", "He, quietly, left."),
    ("a  b\tc\nd", "a b c d"),
    ("\u{7}bell\u{0}", "bell"),
    ("!!!", ""),
    ("*** --- ***", ""),
    ("", ""),
    ("%%%", ""),
    ("%", "percent"),
    ("*#@! *#@!", ""),
    ("====== Part two ======", "Part two"),
    ("a @@@@ b", "a b"),
];

const KOREAN: &[(&str, &str)] = &[
    ("안녕하세요.", "안녕하세요."),
    ("**안녕**하세요 😀", "안녕하세요"),
    ("기온은 23°C입니다.", "기온은 23도입니다."),
    ("50%입니다", "50퍼센트입니다"),
    ("5km 떨어져", "5킬로미터 떨어져"),
    ("2026-11-23입니다", "2026년 11월 23일입니다"),
    ("2026-11-23 입니다", "2026년 11월 23일 입니다"),
    ("지금은 10:30 입니다", "지금은 10시 30분 입니다"),
    ("₩5,000", "five thousand won"),
    ("가격은 ₩5,000입니다", "가격은 5000원입니다"),
    ("$3 입니다", "3달러 입니다"),
    ("5~10 분", "5에서 10 분"),
    ("주소는 example.com 입니다", "주소는 example 점 com 입니다"),
];

#[test]
fn english_is_said_as_people_say_it() {
    assert!(ENGLISH.len() >= 120, "{}", ENGLISH.len());
    check(ENGLISH);
}

#[test]
fn korean_keeps_its_digits() {
    check(KOREAN);
    assert_eq!(form("영하 -5도", "ko"), "영하 마이너스 5도");
}

fn check(cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(text, expected)| {
            let said = form(text, "en");
            (said != *expected)
                .then(|| format!("{text:?}\n  said     {said:?}\n  expected {expected:?}"))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn other_languages_keep_their_digits() {
    assert_eq!(form("Il est **10** heures.", "fr"), "Il est 10 heures.");
    assert_eq!(form("Привет, **мир**! 5", "en"), "Привет, мир! 5");
}

#[test]
fn very_long_texts_take_no_longer_than_their_length_asks() {
    for piece in [
        "*",
        "_",
        "[",
        "](",
        "`",
        "#",
        "1",
        "1.",
        "1,",
        "-",
        "a",
        "$",
        "(",
        "/",
        "@",
        ":",
        "%",
        ".",
        "!",
        "🎉",
        "가",
        "<",
        "a/b ",
        "1/2 ",
        "a@b.c ",
        "http://a ",
        "e.g. ",
        "| a ",
        "\n",
        "> ",
        "1 - ",
        "10:30 ",
        "- a\n",
        "&amp;",
        "~",
        "½",
    ] {
        let text = piece.repeat(100_000 / piece.len());
        let said = form(&text, "en");
        assert!(
            said.len() <= 20 * text.len() + 100,
            "{piece}: {}",
            said.len()
        );
    }
}

/// What a speech engine might obey is left out or said, and nothing else.
#[test]
fn speech_markup_is_no_order() {
    for (text, said) in [
        (
            "<speak><break time='1h'/>Hello there.</speak>",
            "Hello there.",
        ),
        (
            "Hello <prosody rate=\"x-slow\" volume=\"+40dB\">there</prosody>.",
            "Hello there.",
        ),
        (
            "Hello <audio src=\"file:///etc/passwd\"/>there.",
            "Hello there.",
        ),
        ("<voice name='nobody'>Hello</voice> there.", "Hello there."),
    ] {
        assert_eq!(form(text, "en"), said, "{text}");
    }
}
