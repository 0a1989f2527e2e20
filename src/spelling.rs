//! Which of the known names a mistyped one was meant to be. Pure.

/// Of a name's letters, one in so many may be wrong.
const ONE_WRONG_IN: usize = 4;
/// A beginning of at least so many letters stands for the name that begins so.
const BEGINNING: usize = 4;

/// The name among `known` that `typed` was meant to be: one with few letters wrong, or one that begins so.
/// `None` where nothing is near: a proposal out of the blue misleads.
pub(crate) fn nearest<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    // The first of those that are equally near: tables begin with what is usual.
    known
        .into_iter()
        .filter_map(|name| Some((distance(&typed, &name.to_lowercase())?, name)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters are wrong; a mere beginning comes after whatever was mistyped. `None`: too many.
fn distance(typed: &str, name: &str) -> Option<usize> {
    let (typed_is, name_is) = (typed.chars().count(), name.chars().count());
    let longer = typed_is.max(name_is);
    let most = (longer / ONE_WRONG_IN).max(1);
    // A long text is not compared letter by letter with each name.
    if typed_is > 1 && typed_is.abs_diff(name_is) <= most {
        // Two letters that changed places are one mistake.
        let wrong = strsim::osa_distance(typed, name);
        if wrong <= most {
            return Some(wrong);
        }
    }
    (typed_is >= BEGINNING && name.starts_with(typed)).then(|| 2 * name_is - typed_is)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 7] = [
        "whisper-base",
        "whisper-tiny.en",
        "joe",
        "qwen2.5-coder-0.5b",
        "smollm2-135m",
        "silero-vad",
        "onnxruntime",
    ];

    #[test]
    fn a_slip_of_the_finger_is_seen_through() {
        for (typed, meant) in [
            ("wisper-base", "whisper-base"),
            ("whisper_base", "whisper-base"),
            ("Whisper-Base", "whisper-base"),
            ("whisper-tiny", "whisper-tiny.en"),
            ("jeo", "joe"),
            ("joey", "joe"),
            ("qwen2.5-coder", "qwen2.5-coder-0.5b"),
            ("qwen", "qwen2.5-coder-0.5b"),
            ("smollm-135m", "smollm2-135m"),
            ("silero-vad-v5", "silero-vad"),
            ("whisper", "whisper-base"),
        ] {
            assert_eq!(nearest(typed, NAMES), Some(meant), "{typed}");
        }
    }

    #[test]
    fn what_resembles_nothing_gets_no_proposal() {
        for typed in [
            "",
            "j",
            "tom",
            "amy",
            "nonesuch",
            "whisper-small",
            "whisper-large-v3",
            "llama3.2",
            "en_US-lessac-medium",
            "§§§",
        ] {
            assert_eq!(nearest(typed, NAMES), None, "{typed}");
        }
    }
}
