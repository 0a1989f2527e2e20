//! Time and date as people say them. Pure.

use jiff::civil::DateTime;

use super::table::{Language, Numbers};

/// "It's 4:10 PM."
pub(super) fn time(now: DateTime, language: &Language) -> Option<String> {
    let clock = &language.clock;
    let (hour, minute) = (now.hour().unsigned_abs(), now.minute().unsigned_abs());
    let key = match (hour, minute) {
        (0, 0) => "midnight",
        (12, 0) => "noon",
        (_, 0) => "full-hour",
        (_, 30) => "half-hour",
        _ => "time",
    };
    let minute = match clock.numbers {
        Numbers::Digits => format!("{minute:02}"),
        Numbers::SinoKorean => sino_korean(u16::from(minute)),
    };
    let filled = language
        .answers
        .get(key)?
        .replace("{half}", clock.halves.get(usize::from(hour / 12))?)
        .replace("{hour}", clock.hours.get(usize::from(hour % 12))?)
        .replace("{minute}", &minute);
    Some(filled)
}

/// "It's Thursday, November 26, 2026."
pub(super) fn date(now: DateTime, language: &Language) -> Option<String> {
    let clock = &language.clock;
    let number = |n: u16| match clock.numbers {
        Numbers::Digits => n.to_string(),
        Numbers::SinoKorean => sino_korean(n),
    };
    let weekday = usize::try_from(now.weekday().to_monday_zero_offset()).ok()?;
    let month = usize::try_from(now.month() - 1).ok()?;
    let filled = language
        .answers
        .get("date")?
        .replace("{weekday}", clock.weekdays.get(weekday)?)
        .replace("{month}", clock.months.get(month)?)
        .replace("{day}", &number(u16::from(now.day().unsigned_abs())))
        .replace("{year}", &number(now.year().unsigned_abs()));
    Some(filled)
}

/// A number in Sino-Korean words, below ten thousand: 2026 is 이천이십육.
fn sino_korean(n: u16) -> String {
    const DIGITS: [&str; 10] = ["", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구"];
    if n == 0 {
        return "영".into();
    }
    let mut said = String::new();
    for (place, name) in [(1000, "천"), (100, "백"), (10, "십"), (1, "")] {
        let digit = usize::from(n / place % 10);
        // One thousand is 천, not 일천.
        if digit > 1 || (digit == 1 && place == 1) {
            said.push_str(DIGITS.get(digit).copied().unwrap_or_default());
        }
        if digit > 0 {
            said.push_str(name);
        }
    }
    said
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::table;
    use super::*;
    use crate::speak::spoken::form;

    fn at(hour: i8, minute: i8) -> DateTime {
        jiff::civil::date(2026, 11, 26).at(hour, minute, 0, 0)
    }

    fn told(language: &str, hour: i8, minute: i8) -> String {
        time(at(hour, minute), &table::of(language)[0]).unwrap()
    }

    #[test]
    fn english_times_as_written_and_as_said() {
        for (hour, minute, written, said) in [
            (0, 0, "It's midnight.", "It's midnight."),
            (0, 5, "It's 12:05 AM.", "It's twelve oh five AM."),
            (1, 0, "It's 1 AM.", "It's one AM."),
            (9, 15, "It's 9:15 AM.", "It's nine fifteen AM."),
            (11, 59, "It's 11:59 AM.", "It's eleven fifty-nine AM."),
            (12, 0, "It's noon.", "It's noon."),
            (12, 1, "It's 12:01 PM.", "It's twelve oh one PM."),
            (16, 10, "It's 4:10 PM.", "It's four ten PM."),
            (16, 30, "It's 4:30 PM.", "It's four thirty PM."),
            (23, 45, "It's 11:45 PM.", "It's eleven forty-five PM."),
        ] {
            assert_eq!(told("en", hour, minute), written);
            assert_eq!(form(written, "en"), said);
        }
    }

    #[test]
    fn korean_times_are_words() {
        for (hour, minute, said) in [
            (0, 0, "지금 자정이에요."),
            (0, 1, "지금 오전 열두 시 일분이에요."),
            (1, 0, "지금 오전 한 시예요."),
            (9, 15, "지금 오전 아홉 시 십오분이에요."),
            (12, 0, "지금 정오예요."),
            (12, 20, "지금 오후 열두 시 이십분이에요."),
            (16, 10, "지금 오후 네 시 십분이에요."),
            (16, 30, "지금 오후 네 시 반이에요."),
            (23, 45, "지금 오후 열한 시 사십오분이에요."),
        ] {
            assert_eq!(told("ko", hour, minute), said);
            assert_eq!(form(said, "ko"), said);
        }
    }

    #[test]
    fn every_minute_of_the_day_is_told_apart() {
        for language in ["en", "ko"] {
            let mut told: Vec<String> = (0..24 * 60)
                .map(|n| told(language, (n / 60) as i8, (n % 60) as i8))
                .collect();
            assert!(told.iter().all(|t| !t.contains(['{', '}'])));
            told.sort();
            told.dedup();
            assert_eq!(told.len(), 24 * 60, "{language}");
        }
    }

    #[test]
    fn dates_have_weekday_month_day_and_year() {
        let told = |language: &str, (y, m, d): (i16, i8, i8)| {
            let day = jiff::civil::date(y, m, d).at(4, 0, 0, 0);
            date(day, &table::of(language)[0]).unwrap()
        };
        let english = told("en", (2026, 11, 26));
        assert_eq!(english, "It's Thursday, November 26, 2026.");
        assert_eq!(
            form(&english, "en"),
            "It's Thursday, November twenty-sixth, twenty twenty-six."
        );
        for (day, said) in [
            (
                (2026, 11, 26),
                "오늘은 이천이십육년 십일월 이십육일 목요일이에요.",
            ),
            ((2027, 6, 1), "오늘은 이천이십칠년 유월 일일 화요일이에요."),
            (
                (2026, 10, 10),
                "오늘은 이천이십육년 시월 십일 토요일이에요.",
            ),
        ] {
            assert_eq!(told("ko", day), said);
            assert_eq!(form(said, "ko"), said);
        }
    }

    #[test]
    fn every_day_of_a_leap_year_is_told_apart() {
        for language in ["en", "ko"] {
            let table = &table::of(language)[0];
            let mut day = jiff::civil::date(2028, 1, 1);
            let mut told = Vec::new();
            while day.year() == 2028 {
                told.push(date(day.at(0, 0, 0, 0), table).unwrap());
                day = day.tomorrow().unwrap();
            }
            assert_eq!(told.len(), 366);
            for name in table.clock.weekdays.iter().chain(&table.clock.months) {
                assert!(told.iter().any(|t| t.contains(name)), "{name}");
            }
            assert!(told.iter().all(|t| !t.contains(['{', '}'])));
            told.sort();
            told.dedup();
            assert_eq!(told.len(), 366, "{language}");
        }
    }

    #[test]
    fn sino_korean_numbers() {
        for (n, said) in [
            (0, "영"),
            (1, "일"),
            (10, "십"),
            (21, "이십일"),
            (100, "백"),
            (2026, "이천이십육"),
            (1999, "천구백구십구"),
        ] {
            assert_eq!(sino_korean(n), said);
        }
    }
}
