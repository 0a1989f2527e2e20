//! What a small model writes in front of its words, as a script does: "Samantha: Good morning." Pure.

/// `text`, the beginning of a reply, without the speaker's name and a colon in front.
pub fn without<'t>(text: &'t str, name: &str) -> &'t str {
    let text = text.trim_start();
    let Some((label, said)) = text.split_once([':', '：']) else {
        return text;
    };
    let label = label.trim().trim_matches('*').to_lowercase();
    let speakers = [name, "hearken", "assistant"];
    let spoken = speakers.iter().any(|s| label == s.to_lowercase());
    match spoken {
        true => said.trim_start_matches('*').trim_start(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speakers_label_goes_and_other_colons_stay() {
        for (text, said) in [
            ("Samantha: Good morning.", "Good morning."),
            ("**samantha:** Good morning.", "Good morning."),
            ("Assistant: Yes.", "Yes."),
            (
                "Three things: bread, milk and eggs.",
                "Three things: bread, milk and eggs.",
            ),
            ("It is 5:30.", "It is 5:30."),
            ("Samantha is my name.", "Samantha is my name."),
            ("사만다: 안녕하세요.", "사만다: 안녕하세요."),
            ("", ""),
        ] {
            assert_eq!(without(text, "Samantha"), said, "{text}");
        }
    }
}
