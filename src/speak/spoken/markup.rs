//! Markdown to what is read of it: emphasis and links to their text, lists and tables to phrases, code to a word.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// What stands for a block of code that nobody wants to hear.
const CODE: &str = "Code.";

/// `text` without markup. Text without any of its signs is returned as it is, lines joined.
pub(super) fn plain(text: &str) -> String {
    let mut reader = Reader::default();
    let unindented: Vec<&str> = text.lines().map(str::trim_start).collect();
    let text = unindented.join("\n");
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    for event in Parser::new_ext(&text, options) {
        reader.read(event);
    }
    reader.out
}

#[derive(Default)]
struct Reader {
    out: String,
    /// The next number of each list that is open; `None` for bullets.
    lists: Vec<Option<u64>>,
    in_code: bool,
}

impl Reader {
    fn read(&mut self, event: Event) {
        match event {
            Event::Start(tag) => self.open(&tag),
            Event::End(tag) => self.close(tag),
            Event::Text(text) if !self.in_code => self.out.push_str(&text),
            Event::Code(text) => self.out.push_str(&text),
            Event::SoftBreak => self.out.push(' '),
            Event::HardBreak => self.out.push_str(", "),
            Event::Rule => self.pause(),
            // HTML is for the eye; notes, formulas and ticks are not asked for above.
            _ => {}
        }
    }

    fn open(&mut self, tag: &Tag) {
        match tag {
            Tag::CodeBlock(_) => {
                self.pause();
                self.out.push_str(CODE);
                self.in_code = true;
            }
            Tag::List(first) => self.lists.push(*first),
            Tag::Item => {
                self.pause();
                if let Some(Some(number)) = self.lists.last_mut() {
                    self.out.push_str(&format!("{number}: "));
                    *number += 1;
                }
            }
            // The first paragraph of an item goes on behind its number.
            Tag::Paragraph
            | Tag::Heading { .. }
            | Tag::TableHead
            | Tag::TableRow
            | Tag::BlockQuote(_)
                if !self.out.ends_with(": ") =>
            {
                self.pause();
            }
            _ => {}
        }
    }

    fn close(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::CodeBlock => self.in_code = false,
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::TableCell => self.out.push_str(", "),
            TagEnd::TableHead | TagEnd::TableRow => {
                let length = self.out.trim_end_matches([',', ' ']).len();
                self.out.truncate(length);
            }
            _ => {}
        }
    }

    /// Ends what was said so far like a sentence, if there is anything.
    fn pause(&mut self) {
        let length = self.out.trim_end().len();
        self.out.truncate(length);
        match self.out.chars().next_back() {
            None => {}
            Some(c) if c.is_alphanumeric() || matches!(c, ')' | '"' | '%' | '\'') => {
                self.out.push_str(". ")
            }
            Some(_) => self.out.push(' '),
        }
    }
}
