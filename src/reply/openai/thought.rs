//! Keeps a model's thinking out of what is spoken: `<think>…</think>` inside the text, however it is cut. Pure.

/// What opens a thought.
const OPEN: [&str; 2] = ["<think>", "<thinking>"];
/// What closes it.
const CLOSE: [&str; 2] = ["</think>", "</thinking>"];

/// Passes text on without the thoughts in it. Holds back only what may be the beginning of a mark.
#[derive(Debug, Default)]
pub(super) struct Filter {
    held: String,
    inside: bool,
    /// A thought has just ended: the white space behind it belongs to it.
    after: bool,
}

impl Filter {
    /// Takes the next text and gives what of it can be spoken.
    pub(super) fn push(&mut self, text: &str) -> String {
        self.held.push_str(text);
        let held = std::mem::take(&mut self.held);
        let mut out = String::new();
        let mut rest = held.as_str();
        while let Some(at) = rest.find('<') {
            self.pass(&rest[..at], &mut out);
            rest = &rest[at..];
            // A stray closing mark is no word either: some templates open the thought in the prompt.
            let mark = CLOSE
                .iter()
                .chain(&OPEN)
                .find(|mark| rest.starts_with(**mark));
            if let Some(mark) = mark {
                self.inside = OPEN.contains(mark);
                self.after = true;
                rest = &rest[mark.len()..];
            } else if CLOSE.iter().chain(&OPEN).any(|m| m.starts_with(rest)) {
                self.held = rest.to_owned();
                return out;
            } else {
                self.pass("<", &mut out);
                rest = &rest[1..];
            }
        }
        self.pass(rest, &mut out);
        out
    }

    /// What was held back when the text ends. A thought that never closed stays unsaid.
    pub(super) fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        let mut out = String::new();
        self.pass(&held, &mut out);
        out
    }

    /// Whether the text is inside a thought.
    pub(super) fn is_thinking(&self) -> bool {
        self.inside
    }

    fn pass(&mut self, text: &str, out: &mut String) {
        if self.inside {
            return;
        }
        let text = if self.after { text.trim_start() } else { text };
        self.after &= text.is_empty();
        out.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(text: &str) -> String {
        let mut filter = Filter::default();
        filter.push(text) + &filter.finish()
    }

    #[test]
    fn thoughts_are_left_out_and_other_marks_are_not() {
        for (text, wanted) in [
            ("<think>Paris? Yes.</think>\n\nParis.", "Paris."),
            ("<think>\n\n</think>\n\nParis.", "Paris."),
            (
                "<thinking>x < y</thinking> Yes. <think>z</think>So.",
                "Yes. So.",
            ),
            ("1 < 2 and <b>bold</b> <thin", "1 < 2 and <b>bold</b> <thin"),
            ("<think>never closed", ""),
            (
                "thought in the prompt</think> Yes.",
                "thought in the promptYes.",
            ),
            ("<<think>a</think>", "<"),
            ("생각 <think>음</think>서울입니다.", "생각 서울입니다."),
        ] {
            assert_eq!(whole(text), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn how_the_text_is_cut_does_not_matter(
            text in "(<think>|</think>|<thinking>|<|/|th|ink|>| |가|a){0,20}",
        ) {
            let mut filter = Filter::default();
            let mut out: String = text.chars().map(|c| filter.push(&c.to_string())).collect();
            out += &filter.finish();
            prop_assert_eq!(out, whole(&text));
        }
    }
}
