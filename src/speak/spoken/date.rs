//! English dates and times of day.

use std::sync::LazyLock;

use jiff::civil::Date;

use super::Pattern;
use super::number::{cardinal, ordinal, year};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// All dates and times of day.
pub(super) fn say(text: &str) -> String {
    static ISO_TIME: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(
            r"\b(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?\b",
        )
    });
    static ISO: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::new(r"\b(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\b"));
    static SLASHED: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::new(r"\b(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b"));
    static MONTH_DAY: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(
            r"\b(Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.? (\d{1,2})(?:st|nd|rd|th)?\b(?:(,? )(\d{4})\b)?",
        )
    });
    static DAY_MONTH: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(
            r"\b(\d{1,2})(?:st|nd|rd|th)?(?: of)? (Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?(?:(,? )(\d{4})\b)?",
        )
    });
    static CLOCK: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(r"\b(\d{1,2}):(\d{2})(?::(\d{2}))?(?: ?([AaPp])\.?[Mm]\b\.?)?")
    });
    static HOUR: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::new(r"\b(\d{1,2}) ?([AaPp])\.?[Mm]\b(\.[^\s]?)?"));
    let text = ISO_TIME.replace(text, |found| {
        Some(format!("{}, {}", found.get(1), found.get(2)))
    });
    let text = ISO.replace(&text, |found| {
        if !found.stands_alone() || found.goes_on() || found.before == Some('-') {
            return None;
        }
        let date = date(found.get(1), found.get(2), found.get(3))?;
        Some(full(date))
    });
    let text = SLASHED.replace(&text, |found| {
        if !found.stands_alone() || found.before == Some('/') || found.goes_on() {
            return None;
        }
        let (first, second) = (found.get(1), found.get(2));
        let long = match found.get(3) {
            short if short.len() == 2 => format!("20{short}"),
            long => long.to_owned(),
        };
        // Month first, as in American English, unless that is no date.
        let date = date(&long, first, second).or_else(|| date(&long, second, first))?;
        Some(full(date))
    });
    let text = MONTH_DAY.replace(&text, |found| {
        named(found.get(1), found.get(2), found.get(4))
    });
    let text = DAY_MONTH.replace(&text, |found| {
        if found
            .before
            .is_some_and(|c| matches!(c, ':' | '.' | ',' | '$'))
        {
            return None;
        }
        named(found.get(2), found.get(1), found.get(4))
    });
    let text = CLOCK.replace(&text, |found| {
        let (hour, minute): (u64, u64) = (found.get(1).parse().ok()?, found.get(2).parse().ok()?);
        if found.goes_on() || found.before == Some(':') || hour > 24 || minute > 59 {
            return None;
        }
        let seconds: Option<u64> = found.get(3).parse().ok();
        let half = half(
            found.get(4),
            found.get(0).ends_with('.') && found.rest.is_empty(),
        );
        Some(clock(hour, minute, seconds, &half))
    });
    HOUR.replace(&text, |found| {
        let hour: u64 = found.get(1).parse().ok()?;
        if !(1..=12).contains(&hour)
            || found
                .before
                .is_some_and(|c| matches!(c, '.' | ',' | ':' | '$'))
        {
            return None;
        }
        let (end, rest) = match found.get(3) {
            "." => (found.rest.is_empty(), ""),
            "" => (false, ""),
            more => (true, more.get(1..).unwrap_or_default()),
        };
        Some(format!(
            "{}{}{rest}",
            cardinal(hour),
            half(found.get(2), end)
        ))
    })
}

/// ` A M`, spelled so that eSpeak NG says letters, with the full stop that ended the sentence.
fn half(letter: &str, ended: bool) -> String {
    let said = match letter {
        "a" | "A" => " AM",
        "p" | "P" => " PM",
        _ => "",
    };
    format!("{said}{}", if ended { "." } else { "" })
}

fn clock(hour: u64, minute: u64, seconds: Option<u64>, half: &str) -> String {
    let mut said = match (hour, minute) {
        (hour, 0) if !half.trim_end_matches('.').is_empty() => cardinal(hour),
        (0, 0) | (24, 0) => "midnight".into(),
        (hour @ 1..=12, 0) => format!("{} o'clock", cardinal(hour)),
        (hour, 0) => format!("{} hundred", cardinal(hour)),
        (hour, minute @ 1..=9) => format!("{} oh {}", cardinal(hour), cardinal(minute)),
        (hour, minute) => format!("{} {}", cardinal(hour), cardinal(minute)),
    };
    if let Some(seconds) = seconds.filter(|&s| s > 0) {
        let unit = if seconds == 1 { "second" } else { "seconds" };
        said.push_str(&format!(" and {} {unit}", cardinal(seconds)));
    }
    said + half
}

fn date(year: &str, month: &str, day: &str) -> Option<Date> {
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

fn month_name(month: i8) -> &'static str {
    usize::try_from(month - 1)
        .ok()
        .and_then(|index| MONTHS.get(index))
        .copied()
        .unwrap_or_default()
}

fn full(date: Date) -> String {
    let day = ordinal(u64::from(date.day().unsigned_abs()));
    let year = year(u64::from(date.year().unsigned_abs()));
    format!("{} {day}, {year}", month_name(date.month()))
}

/// A date with the month's name, perhaps cut short.
fn named(month: &str, day: &str, written_year: &str) -> Option<String> {
    let name = MONTHS
        .iter()
        .find(|name| name.starts_with(month.get(..3).unwrap_or(month)))?;
    let day: u64 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
    let year = match written_year.parse() {
        Ok(n) => format!(", {}", year(n)),
        Err(_) => String::new(),
    };
    Some(format!("{name} {}{year}", ordinal(day)))
}
