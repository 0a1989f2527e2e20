//! English numbers: cardinals, ordinals, decimals, fractions, years, ranges, runs of digits.

use std::sync::LazyLock;

use num2words::{Lang, Num2Words};

use super::{Found, Pattern};

const DIGITS: [&str; 10] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
];

/// Longer than this, a number is read digit by digit.
const LONGEST: usize = 15;

/// `n` in words: `one hundred five`.
pub(super) fn cardinal(n: u64) -> String {
    let words = Num2Words::new(n).lang(Lang::English).to_words();
    words
        .unwrap_or_else(|_| n.to_string())
        .replace(" and ", " ")
}

/// `n` as a rank: `one hundred fifth`.
pub(super) fn ordinal(n: u64) -> String {
    let words = Num2Words::new(n).lang(Lang::English).ordinal().to_words();
    words
        .unwrap_or_else(|_| n.to_string())
        .replace(" and ", " ")
}

/// Each digit of `text` by itself; other characters are left out.
pub(super) fn digits(text: &str) -> String {
    let words: Vec<&str> = text
        .chars()
        .filter_map(|c| DIGITS.get(c.to_digit(10)? as usize).copied())
        .collect();
    words.join(" ")
}

/// A number as written, without sign: `1,234.50`, `007`, `3`.
pub(super) fn written(text: &str) -> String {
    let bare = text.replace(',', "");
    let (whole, fraction) = bare.split_once('.').unwrap_or((&bare, ""));
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    let whole = match whole.parse() {
        Ok(n) if whole.len() <= LONGEST && !leading_zero => cardinal(n),
        _ if whole.is_empty() => "zero".into(),
        _ => digits(whole),
    };
    if fraction.is_empty() {
        whole
    } else {
        format!("{whole} point {}", digits(fraction))
    }
}

/// A year: `nineteen eighty-four`, `two thousand five`, `twenty twenty-six`.
pub(super) fn year(n: u64) -> String {
    let (century, rest) = (n / 100, n % 100);
    match (century, rest) {
        _ if !(1100..=2999).contains(&n) || n % 1000 < 10 => cardinal(n),
        (_, 0) => format!("{} hundred", cardinal(century)),
        (_, 1..=9) => format!("{} oh {}", cardinal(century), cardinal(rest)),
        _ => format!("{} {}", cardinal(century), cardinal(rest)),
    }
}

/// `numerator / denominator`: `one half`, `three quarters`, `five sixteenths`.
pub(super) fn fraction(numerator: u64, denominator: u64) -> String {
    let one = numerator == 1;
    let part = match denominator {
        2 if one => "half".into(),
        2 => "halves".into(),
        4 if one => "quarter".into(),
        4 => "quarters".into(),
        _ if one => ordinal(denominator),
        _ => format!("{}s", ordinal(denominator)),
    };
    format!("{} {part}", cardinal(numerator))
}

/// What `½` and its kin stand for.
pub(super) fn vulgar(c: char) -> Option<(u64, u64)> {
    Some(match c {
        '½' => (1, 2),
        '⅓' => (1, 3),
        '⅔' => (2, 3),
        '¼' => (1, 4),
        '¾' => (3, 4),
        '⅕' => (1, 5),
        '⅖' => (2, 5),
        '⅗' => (3, 5),
        '⅘' => (4, 5),
        '⅙' => (1, 6),
        '⅚' => (5, 6),
        '⅛' => (1, 8),
        '⅜' => (3, 8),
        '⅝' => (5, 8),
        '⅞' => (7, 8),
        _ => return None,
    })
}

/// Whether the sign before a number means less than zero, and does not join it to what is before.
pub(super) fn is_minus(sign: &str, before: Option<char>) -> bool {
    !sign.is_empty() && !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, ')' | ']'))
}

/// Decades such as `1990s` and `'90s`; before units, which would take them for seconds.
pub(super) fn decades(text: &str) -> String {
    static DECADE: LazyLock<Pattern> = LazyLock::new(|| Pattern::new(r"('?)\b(\d{2}|\d{4})'?s\b"));
    DECADE.replace(text, decade)
}

/// All numbers that dates and units left.
pub(super) fn say(text: &str) -> String {
    static PHONE: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(r"(\+\d{1,3}[ .-])?(?:\(\d{2,4}\) ?|\b\d{2,4}[.-])?\b\d{3,4}-\d{4}\b")
    });
    static CHAIN: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::new(r"\b[vV]?(\d{1,6}(?:\.\d{1,6}){2,5})\b"));
    static MIXED: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::new(r"(\d{1,15} ?)?([½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])"));
    static FRACTION: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::new(r"\b(?:(\d{1,3}) )?(\d{1,2})/(\d{1,3})\b"));
    static RANK: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::new(r"\b(\d{1,3}(?:,\d{3})+|\d{1,15})(?:st|nd|rd|th)\b"));
    static RANGE: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(
            r"\b(\d{1,3}(?:,\d{3})+|\d{1,15}(?:\.\d{1,6})?)( ?[–—] ?|-|~)(\d{1,3}(?:,\d{3})+|\d{1,15}(?:\.\d{1,6})?)\b",
        )
    });
    static NUMBER: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(r"([-−])?(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)")
    });
    let text = PHONE.replace(text, |found| {
        let number = found.get(0);
        let count = number.chars().filter(char::is_ascii_digit).count();
        let sure =
            found.stands_alone() && (count >= 10 || (count == 7 && !number.starts_with('(')));
        sure.then(|| phone(number))
    });
    let text = CHAIN.replace(&text, |found| {
        let parts: Vec<String> = found.get(1).split('.').map(written).collect();
        let version = if found.get(0).starts_with(['v', 'V']) {
            "version "
        } else {
            ""
        };
        Some(format!("{version}{}", parts.join(" point ")))
    });
    let text = MIXED.replace(&text, |found| {
        let (n, d) = vulgar(found.get(2).chars().next()?)?;
        let whole = found.get(1).trim();
        let part = fraction(n, d);
        Some(match part.strip_prefix("one ") {
            _ if whole.is_empty() => part,
            Some(part) if d == 2 => format!("{} and a {part}", written(whole)),
            _ => format!("{} and {part}", written(whole)),
        })
    });
    let text = FRACTION.replace(&text, |found| {
        let (n, d) = (found.get(2).parse().ok()?, found.get(3).parse().ok()?);
        let fine = found.stands_alone() && !found.goes_on() && found.before != Some('/');
        if !fine || found.after == Some('/') || n == 0 || d < 2 {
            return None;
        }
        if (n, d) == (24, 7) {
            return Some("twenty-four seven".into());
        }
        let usual = n < d && (d <= 10 || matches!(d, 12 | 16 | 20 | 32 | 64 | 100));
        Some(match (usual, found.get(1)) {
            (true, "") => fraction(n, d),
            (true, whole) if (n, d) == (1, 2) => format!("{} and a half", written(whole)),
            (true, whole) => format!("{} and {}", written(whole), fraction(n, d)),
            (false, "") => format!("{} over {}", cardinal(n), cardinal(d)),
            (false, _) => return None,
        })
    });
    let text = RANK.replace(&text, |found| {
        let n = found.get(1).replace(',', "").parse().ok()?;
        (!found.before.is_some_and(char::is_alphanumeric)).then(|| ordinal(n))
    });
    let text = RANGE.replace(&text, |found| {
        if !found.stands_alone() || found.goes_on() || found.before == Some('-') {
            return None;
        }
        let (from, to) = (found.get(1), found.get(3));
        let minus = found.get(2) == "-" && from.len() + to.len() > 8 && !from.contains(',');
        (!minus).then(|| format!("{} to {}", plain(from), plain(to)))
    });
    NUMBER.replace(&text, |found| {
        let number = found.get(2);
        let sign = if is_minus(found.get(1), found.before) {
            "minus "
        } else if found.get(1).is_empty() {
            ""
        } else {
            " "
        };
        let gap_before = if sign.is_empty() && found.before.is_some_and(char::is_alphabetic) {
            " "
        } else {
            ""
        };
        let gap_after = if found.after.is_some_and(char::is_alphabetic) {
            " "
        } else {
            ""
        };
        Some(format!("{gap_before}{sign}{}{gap_after}", plain(number)))
    })
}

/// A bare number: four digits between 1100 and 2099 are read as a year.
fn plain(number: &str) -> String {
    match number.parse::<u64>() {
        Ok(n) if number.len() == 4 && (1100..=2099).contains(&n) => year(n),
        _ => written(number),
    }
}

/// What one decade is called; two digits need their apostrophe (`90s` may be seconds).
fn decade(found: &Found) -> Option<String> {
    let n: u64 = found.get(2).parse().ok()?;
    if found.before.is_some_and(char::is_alphanumeric) || !n.is_multiple_of(10) {
        return None;
    }
    let words = match (n, found.get(1)) {
        (1100..=2099, _) => year(n),
        (20..=90, "'") => cardinal(n),
        _ => return None,
    };
    Some(match words.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{words}s"),
    })
}

/// Groups of digits with a pause between.
fn phone(number: &str) -> String {
    let groups: Vec<String> = number
        .split(|c: char| !c.is_ascii_digit())
        .filter(|group| !group.is_empty())
        .map(digits)
        .collect();
    let plus = if number.starts_with('+') { "plus " } else { "" };
    format!("{plus}{}", groups.join(", "))
}
