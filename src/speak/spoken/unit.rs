//! English quantities: currency, percent, degrees, and units after a number.

use std::sync::LazyLock;

use super::Pattern;
use super::number::{cardinal, is_minus, written};

/// A unit as written, said of one, said of several. Sorted by nothing; the pattern tries longer ones first.
const UNITS: &[(&str, &str, &str)] = &[
    ("km/h", "kilometer per hour", "kilometers per hour"),
    ("kph", "kilometer per hour", "kilometers per hour"),
    ("mph", "mile per hour", "miles per hour"),
    ("m/s", "meter per second", "meters per second"),
    ("km²", "square kilometer", "square kilometers"),
    ("m²", "square meter", "square meters"),
    ("m³", "cubic meter", "cubic meters"),
    ("sq ft", "square foot", "square feet"),
    ("km", "kilometer", "kilometers"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("µm", "micrometer", "micrometers"),
    ("nm", "nanometer", "nanometers"),
    ("m", "meter", "meters"),
    ("mi", "mile", "miles"),
    ("ft", "foot", "feet"),
    ("yd", "yard", "yards"),
    ("kg", "kilogram", "kilograms"),
    ("mg", "milligram", "milligrams"),
    ("µg", "microgram", "micrograms"),
    ("g", "gram", "grams"),
    ("lbs", "pound", "pounds"),
    ("lb", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("ml", "milliliter", "milliliters"),
    ("mL", "milliliter", "milliliters"),
    ("L", "liter", "liters"),
    ("tbsp", "tablespoon", "tablespoons"),
    ("tsp", "teaspoon", "teaspoons"),
    ("TB", "terabyte", "terabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("MB", "megabyte", "megabytes"),
    ("KB", "kilobyte", "kilobytes"),
    ("kB", "kilobyte", "kilobytes"),
    ("GiB", "gibibyte", "gibibytes"),
    ("MiB", "mebibyte", "mebibytes"),
    ("Gbps", "gigabit per second", "gigabits per second"),
    ("Mbps", "megabit per second", "megabits per second"),
    ("GHz", "gigahertz", "gigahertz"),
    ("MHz", "megahertz", "megahertz"),
    ("kHz", "kilohertz", "kilohertz"),
    ("Hz", "hertz", "hertz"),
    ("kWh", "kilowatt hour", "kilowatt hours"),
    ("kW", "kilowatt", "kilowatts"),
    ("MW", "megawatt", "megawatts"),
    ("W", "watt", "watts"),
    ("kV", "kilovolt", "kilovolts"),
    ("V", "volt", "volts"),
    ("mA", "milliampere", "milliamperes"),
    ("mAh", "milliampere hour", "milliampere hours"),
    ("kPa", "kilopascal", "kilopascals"),
    ("hPa", "hectopascal", "hectopascals"),
    ("psi", "pound per square inch", "pounds per square inch"),
    ("dB", "decibel", "decibels"),
    ("kcal", "kilocalorie", "kilocalories"),
    ("ms", "millisecond", "milliseconds"),
    ("µs", "microsecond", "microseconds"),
    ("ns", "nanosecond", "nanoseconds"),
    ("s", "second", "seconds"),
    ("sec", "second", "seconds"),
    ("min", "minute", "minutes"),
    ("mins", "minute", "minutes"),
    ("hrs", "hour", "hours"),
    ("hr", "hour", "hours"),
    ("h", "hour", "hours"),
    ("px", "pixel", "pixels"),
    ("fps", "frame per second", "frames per second"),
    ("rpm", "revolution per minute", "revolutions per minute"),
];

/// Sign, one, several, one hundredth, several hundredths.
const CURRENCIES: &[(char, &str, &str, &str, &str)] = &[
    ('$', "dollar", "dollars", "cent", "cents"),
    ('€', "euro", "euros", "cent", "cents"),
    ('£', "pound", "pounds", "penny", "pence"),
    ('₩', "won", "won", "", ""),
    ('¥', "yen", "yen", "", ""),
    ('₹', "rupee", "rupees", "paisa", "paise"),
    ('₽', "ruble", "rubles", "kopeck", "kopecks"),
    ('₿', "bitcoin", "bitcoin", "", ""),
];

/// All quantities.
pub(super) fn say(text: &str) -> String {
    static BEFORE: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(
            r"([-−])?(?:US)?([$€£₩¥₹₽₿]) ?(\d{1,3}(?:,\d{3})+|\d{1,15})?(?:\.(\d{1,4}))?(?: ?(thousand|million|billion|trillion|[kKMB])\b)?",
        )
    });
    static BEHIND: LazyLock<Pattern> = LazyLock::new(|| {
        Pattern::new(r"(\d{1,3}(?:,\d{3})+|\d{1,15})(?:[.,](\d{2}))? ?([€£₩¥₹₽])")
    });
    static MEASURED: LazyLock<Pattern> = LazyLock::new(measured);
    static FEET: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::new(r#"\b(\d{1,2})'(?: ?(\d{1,2})(?:"|''))?"#));
    let text = BEFORE.replace(text, |found| {
        if found.get(3).is_empty() && found.get(4).is_empty() {
            return None;
        }
        let minus = if is_minus(found.get(1), found.before) {
            "minus "
        } else {
            ""
        };
        let gap = if found.after.is_some_and(char::is_alphabetic) {
            " "
        } else {
            ""
        };
        let money = money(found.get(2), found.get(3), found.get(4), found.get(5))?;
        Some(format!("{minus}{money}{gap}"))
    });
    let text = BEHIND.replace(&text, |found| {
        money(found.get(3), found.get(1), found.get(2), "")
    });
    let text = MEASURED.replace(&text, |found| {
        if found.after.is_some_and(|c| c.is_alphanumeric()) {
            return None;
        }
        if found
            .before
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '/' | ':'))
            && found.get(1).is_empty()
        {
            return None;
        }
        let minus = if is_minus(found.get(1), found.before) {
            "minus "
        } else {
            ""
        };
        let range = found.get(2);
        let number = found.get(3);
        let unit = unit_words(found.get(4).trim_start(), number == "1" && range.is_empty())?;
        let from = match range
            .split(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',')))
            .next()
        {
            Some(from) if !from.is_empty() => format!("{} to ", written(from)),
            _ => String::new(),
        };
        Some(format!("{minus}{from}{} {unit}", written(number)))
    });
    FEET.replace(&text, |found| {
        if found.get(2).is_empty() {
            return None;
        }
        Some(format!(
            "{} foot {}",
            written(found.get(1)),
            written(found.get(2))
        ))
    })
}

/// A number, perhaps a range, and a unit.
fn measured() -> Pattern {
    let mut names: Vec<String> = UNITS.iter().map(|unit| regex::escape(unit.0)).collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    Pattern::new(&format!(
        r"([-−])?((?:\d{{1,15}}(?:\.\d{{1,6}})?(?: ?[–—] ?|-|~))?)(\d{{1,3}}(?:,\d{{3}})+(?:\.\d{{1,9}})?|\d{{1,15}}(?:\.\d{{1,9}})?)( ?%| ?° ?[CF]\b| ?[℃℉]| ?°| ?(?:{}))",
        names.join("|")
    ))
}

fn unit_words(unit: &str, one: bool) -> Option<String> {
    let degree = if one { "degree" } else { "degrees" };
    let bare: String = unit.chars().filter(|c| *c != ' ').collect();
    Some(match bare.as_str() {
        "%" => "percent".into(),
        "°C" | "℃" => format!("{degree} Celsius"),
        "°F" | "℉" => format!("{degree} Fahrenheit"),
        "°" => degree.into(),
        _ => {
            let (_, single, several) = UNITS.iter().find(|known| known.0 == unit)?;
            (if one { *single } else { *several }).into()
        }
    })
}

/// An amount with its sign, whole part, part behind the point, and a word or letter that multiplies it.
fn money(sign: &str, whole: &str, part: &str, times: &str) -> Option<String> {
    let sign = sign.chars().next()?;
    let (_, one, several, cent, cents) = CURRENCIES.iter().find(|known| known.0 == sign)?;
    let times = match times {
        "k" | "K" => "thousand",
        "M" => "million",
        "B" => "billion",
        other => other,
    };
    let whole = if whole.is_empty() { "0" } else { whole };
    if !times.is_empty() || (!part.is_empty() && (part.len() != 2 || cent.is_empty())) {
        let number = match part {
            "" => written(whole),
            part => written(&format!("{whole}.{part}")),
        };
        let times = if times.is_empty() {
            String::new()
        } else {
            format!(" {times}")
        };
        return Some(format!("{number}{times} {several}"));
    }
    let unit = if whole == "1" { one } else { several };
    let small: u64 = part.parse().unwrap_or(0);
    let cents = if small == 1 { cent } else { cents };
    Some(match (whole, small) {
        (whole, 0) => format!("{} {unit}", written(whole)),
        ("0", small) => format!("{} {cents}", cardinal(small)),
        (whole, small) => format!("{} {unit} and {} {cents}", written(whole), cardinal(small)),
    })
}
