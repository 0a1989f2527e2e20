//! Which language is spoken: fixed, or the likeliest of a few. Pure but for whisper.cpp's table of codes.

/// The languages that may be heard: one, or several to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// The model has so many, the first ones of whisper's table.
    count: usize,
    /// whisper's number and code of each; empty: all that it knows.
    known: Vec<(usize, &'static str)>,
}

impl Choice {
    /// From the configuration: `language` is a code or `auto`; `languages` restricts `auto` when it is not empty. The model has
    /// `count` languages; with one it is English.
    pub fn new(language: &str, languages: &[String], count: usize) -> Result<Self, String> {
        let number = |code: &str| match number(code) {
            Ok((id, _)) if id >= count => Err(unknown(code)),
            number => number,
        };
        if count <= 1 {
            let others = |l: &&str| !matches!(*l, "en" | "auto");
            return match Some(language).filter(others) {
                None => Ok(Self {
                    count,
                    known: vec![number("en")?],
                }),
                Some(other) => Err(format!(
                    "it knows English alone, and listen.language is {other:?}"
                )),
            };
        }
        let known = match language {
            "auto" => languages
                .iter()
                .map(|l| number(l))
                .collect::<Result<_, _>>(),
            fixed => number(fixed).map(|n| vec![n]),
        }?;
        Ok(Self { count, known })
    }

    /// The language, when there is nothing to choose.
    pub fn fixed(&self) -> Option<&'static str> {
        match self.known[..] {
            [(_, only)] => Some(only),
            _ => None,
        }
    }

    /// The first of them; English when any may be spoken.
    pub fn first(&self) -> &'static str {
        self.known.first().map_or("en", |&(_, code)| code)
    }

    /// The likeliest of them, by whisper's probability for each number.
    pub fn likeliest(&self, probabilities: &[f32]) -> &'static str {
        let likely = |i: usize| probabilities.get(i).copied().unwrap_or(0.0);
        if self.known.is_empty() {
            return (0..probabilities.len().min(self.count))
                .max_by(|&a, &b| likely(a).total_cmp(&likely(b)))
                .and_then(|i| whisper_rs::get_lang_str(i32::try_from(i).ok()?))
                .unwrap_or("en");
        }
        self.known
            .iter()
            .max_by(|a, b| likely(a.0).total_cmp(&likely(b.0)))
            .map_or("en", |&(_, code)| code)
    }
}

/// Whether whisper has a language of this code, such as "en" or "yue".
pub fn is_language(code: &str) -> bool {
    // Asked for one that it does not have, whisper.cpp prints so.
    (0..=whisper_rs::get_lang_max_id()).any(|id| whisper_rs::get_lang_str(id) == Some(code))
}

/// whisper's number of a language, and whisper's own spelling of its code.
fn number(code: &str) -> Result<(usize, &'static str), String> {
    if code.contains('\0') {
        return Err(unknown(code));
    }
    let number = || {
        let id = whisper_rs::get_lang_id(code)?;
        Some((usize::try_from(id).ok()?, whisper_rs::get_lang_str(id)?))
    };
    number().ok_or_else(|| unknown(code))
}

fn unknown(code: &str) -> String {
    format!("it does not know the language {code:?}")
}

/// How many languages a model of so many tokens has: what whisper.cpp's `num_languages` says. The first ones have 99; since
/// large-v3 there is Cantonese, too.
pub(super) fn count(tokens: std::ffi::c_int, multilingual: bool) -> usize {
    match multilingual {
        true => usize::try_from(tokens - 51_766).unwrap_or(1),
        false => 1,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn choice(language: &str, languages: &[&str]) -> Result<Choice, String> {
        let languages: Vec<String> = languages.iter().map(|l| (*l).to_owned()).collect();
        Choice::new(language, &languages, count(51_865, true))
    }

    #[test]
    fn a_fixed_language_leaves_nothing_to_choose() {
        assert_eq!(choice("ko", &["en"]).unwrap().fixed(), Some("ko"));
        assert_eq!(choice("auto", &["de"]).unwrap().fixed(), Some("de"));
        assert_eq!(choice("auto", &["en", "ko"]).unwrap().fixed(), None);
    }

    #[test]
    fn the_likeliest_of_those_allowed_wins_over_likelier_others() {
        let mut likely = vec![0.0; 100];
        for (code, p) in [("ja", 0.6), ("ko", 0.3), ("en", 0.1)] {
            likely[number(code).unwrap().0] = p;
        }
        assert_eq!(
            choice("auto", &["en", "ko"]).unwrap().likeliest(&likely),
            "ko"
        );
        assert_eq!(choice("auto", &[]).unwrap().likeliest(&likely), "ja");
    }

    #[test]
    fn unknown_languages_are_named() {
        assert!(choice("xx", &[]).unwrap_err().contains("\"xx\""));
        assert!(choice("auto", &["en", "\0"]).is_err());
    }

    #[test]
    fn a_language_that_only_newer_models_have_is_one_of_theirs() {
        assert_eq!(choice("haw", &[]).unwrap().fixed(), Some("haw"));
        assert!(choice("yue", &[]).unwrap_err().contains("\"yue\""));
        assert!(choice("auto", &["en", "yue"]).is_err());
        let newer = count(51_866, true);
        assert_eq!(Choice::new("yue", &[], newer).unwrap().fixed(), Some("yue"));
        // What stands there in the others is no language.
        let mut likely = vec![0.0; 100];
        (likely[0], likely[99]) = (0.3, 0.7);
        assert_eq!(choice("auto", &[]).unwrap().likeliest(&likely), "en");
    }

    #[test]
    fn an_english_model_refuses_other_languages() {
        assert_eq!(
            Choice::new("auto", &[], count(51_864, false))
                .unwrap()
                .fixed(),
            Some("en")
        );
        assert!(Choice::new("ko", &[], count(51_864, false)).is_err());
    }
}
