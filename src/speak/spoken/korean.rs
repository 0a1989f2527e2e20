//! What eSpeak NG's Korean does not read by itself: dates, times, units and currencies. Digits stay digits.

use std::sync::LazyLock;

use super::Pattern;

const UNITS: &[(&str, &str)] = &[
    ("km/h", "킬로미터 매 시"),
    ("km", "킬로미터"),
    ("cm", "센티미터"),
    ("mm", "밀리미터"),
    ("kg", "킬로그램"),
    ("mg", "밀리그램"),
    ("ml", "밀리리터"),
    ("GB", "기가바이트"),
    ("MB", "메가바이트"),
    ("m", "미터"),
    ("g", "그램"),
    ("L", "리터"),
    ("%", "퍼센트"),
    ("℃", "도"),
    ("°C", "도"),
    ("°", "도"),
];

/// Everything that Korean needs.
pub(super) fn say(text: &str) -> String {
    static DATE: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::new(r"\b(\d{4})[-./] ?(\d{1,2})[-./] ?(\d{1,2})\.?"));
    static CLOCK: LazyLock<Pattern> = LazyLock::new(|| Pattern::new(r"\b(\d{1,2}):(\d{2})"));
    static COMMAS: LazyLock<Pattern> = LazyLock::new(|| Pattern::new(r"\d{1,3}(?:,\d{3})+"));
    static BEFORE: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::new(r"([$€£₩¥]) ?(\d{1,15}(?:\.\d{1,4})?)"));
    static RANGE: LazyLock<Pattern> = LazyLock::new(|| Pattern::new(r"(\d) ?[~–∼〜] ?(\d)"));
    static MINUS: LazyLock<Pattern> = LazyLock::new(|| Pattern::new(r"[-−](\d)"));
    static UNIT: LazyLock<Pattern> = LazyLock::new(|| {
        let names: Vec<String> = UNITS.iter().map(|unit| regex::escape(unit.0)).collect();
        Pattern::new(&format!(r"(\d) ?({})", names.join("|")))
    });
    let text = DATE.replace(text, |found| {
        if found.after.is_some_and(|c| c.is_ascii_digit()) {
            return None;
        }
        let number = |index| found.get(index).parse::<u32>().ok();
        Some(format!(
            "{}년 {}월 {}일",
            number(1)?,
            number(2)?,
            number(3)?
        ))
    });
    let text = CLOCK.replace(&text, |found| {
        let (hour, minute): (u32, u32) = (found.get(1).parse().ok()?, found.get(2).parse().ok()?);
        if found.goes_on() || hour > 24 || minute > 59 {
            return None;
        }
        Some(match minute {
            0 => format!("{hour}시"),
            _ => format!("{hour}시 {minute}분"),
        })
    });
    let text = COMMAS.replace(&text, |found| Some(found.get(0).replace(',', "")));
    let text = BEFORE.replace(&text, |found| {
        let unit = match found.get(1) {
            "$" => "달러",
            "€" => "유로",
            "£" => "파운드",
            "¥" => "엔",
            _ => "원",
        };
        Some(format!("{}{unit}", found.get(2)))
    });
    let text = RANGE.replace(&text, |found| {
        Some(format!("{}에서 {}", found.get(1), found.get(2)))
    });
    let text = MINUS.replace(&text, |found| {
        let joined = found.before.is_some_and(char::is_alphanumeric);
        Some(format!(
            "{}{}",
            if joined { " " } else { "마이너스 " },
            found.get(1)
        ))
    });
    let text = UNIT.replace(&text, |found| {
        let (_, said) = UNITS.iter().find(|unit| unit.0 == found.get(2))?;
        let in_word = found.after.is_some_and(|c| c.is_ascii_alphabetic());
        (!in_word).then(|| format!("{}{said}", found.get(1)))
    });
    text.replace('&', " 그리고 ")
        .replace('+', " 더하기 ")
        .replace('=', " 는 ")
}
