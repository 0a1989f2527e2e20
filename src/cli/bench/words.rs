//! Word error rate. Pure.
//!
//! Words are compared in lower case, without punctuation, hyphens being spaces, short forms written out; `mr` is `mister`. Numbers are compared
//! digit by digit however they are written: "ten" and "10" are both `1 0`, "two nine" and "29" both `2 9`.

/// The words of `text` as they are compared.
pub fn normalized(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut tens = None;
    let separator = |c: char| c.is_whitespace() || matches!(c, '-' | '‐' | '–' | '—' | '/');
    let text = written_out(&text.to_lowercase());
    for word in text.split(separator) {
        let word: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
        if word.is_empty() {
            continue;
        }
        if let Some(unit) = number(&word).filter(|n| (1..10).contains(n))
            && let Some(ten) = tens.take()
        {
            // "thirty three": the zero that "thirty" left behind becomes the three.
            words.pop();
            words.extend(digits(ten + unit).into_iter().skip(1));
            continue;
        }
        tens = number(&word).filter(|n| (20..100).contains(n) && n % 10 == 0);
        match (number(&word), word.as_str()) {
            (Some(n), _) => words.extend(digits(n)),
            (None, "mr") => words.push("mister".into()),
            (None, "mrs") => words.push("missis".into()),
            (None, _) if word.bytes().all(|b| b.is_ascii_digit()) => {
                words.extend(word.chars().map(String::from));
            }
            _ => words.push(word),
        }
    }
    words
}

/// Short forms as the words that they stand for: what whisper writes for "France is" may be "France's". A possessive
/// becomes an "is" on both sides of a comparison, which changes no count.
fn written_out(text: &str) -> String {
    const SHORT: [(&str, &str); 8] = [
        ("won't", "will not"),
        ("can't", "can not"),
        ("n't", " not"),
        ("'re", " are"),
        ("'ll", " will"),
        ("'ve", " have"),
        ("'m", " am"),
        ("'s", " is"),
    ];
    let text = text.replace('’', "'");
    SHORT
        .iter()
        .fold(text, |text, (short, long)| text.replace(short, long))
}

fn digits(n: u32) -> Vec<String> {
    n.to_string().chars().map(String::from).collect()
}

fn number(word: &str) -> Option<u32> {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = [
        "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    let find = |names: &[&str]| names.iter().position(|&n| n == word);
    let small = find(&SMALL).and_then(|n| u32::try_from(n).ok());
    let tens = find(&TENS).and_then(|n| u32::try_from(n).ok());
    small.or(tens.map(|n| (n + 2) * 10))
}

/// How many words must be changed, added or left out to make `heard` of `said` (Levenshtein).
pub fn errors(said: &[String], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, said) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, heard) in heard.iter().enumerate() {
            let changed = diagonal + usize::from(said != heard);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[heard.len()]
}

/// How many words of `said` are in `heard`, in order; words that were added cost nothing.
pub fn recalled(said: &[String], heard: &[String]) -> usize {
    let mut row = vec![0; heard.len() + 1];
    for said in said {
        let mut diagonal = 0;
        for (j, heard) in heard.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if said == heard {
                diagonal + 1
            } else {
                above.max(row[j])
            };
            diagonal = above;
        }
    }
    row[heard.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(said: &str, heard: &str) -> usize {
        errors(&normalized(said), &normalized(heard))
    }

    #[test]
    fn short_forms_are_no_error() {
        assert_eq!(
            normalized("It's Paris, isn't it?"),
            normalized("it is Paris is not it")
        );
        assert_eq!(normalized("I’ll go"), normalized("i will go"));
    }

    #[test]
    fn spelling_is_no_error() {
        assert_eq!(between("go forward ten meters", "Go forward 10 meters."), 0);
        assert_eq!(between("and mister john", "And Mr. John"), 0);
        assert_eq!(between("ill disposed", "ill-disposed"), 0);
        assert_eq!(between("two nine three four zero", "29340."), 0);
        assert_eq!(between("thirty three four", "33-4"), 0);
        assert_eq!(between("twenty twenty five", "20 25"), 0);
    }

    #[test]
    fn each_word_changed_added_or_left_out_is_one() {
        assert_eq!(between("seven of clubs", "eleven of clubs"), 2);
        assert_eq!(between("queen of clubs", "queen of clothes"), 1);
        assert_eq!(between("queen of clubs", "the queen of clubs"), 1);
        assert_eq!(between("queen of clubs", "queen clubs"), 1);
        assert_eq!(between("queen of clubs", ""), 3);
        assert_eq!(between("", "you"), 1);
    }

    #[test]
    fn words_are_recalled_in_order() {
        let recalls = |said: &str, heard: &str| recalled(&normalized(said), &normalized(heard));
        assert_eq!(
            recalls("go forward ten meters", "Well, go forward 10 metres."),
            4
        );
        assert_eq!(recalls("one two three", "three two one"), 1);
        assert_eq!(recalls("queen of clubs", ""), 0);
        assert_eq!(recalls("", "you"), 0);
    }
}
