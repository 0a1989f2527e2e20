//! Server-sent events out of bytes that come in any pieces. Pure, and bounded: a line without end is refused.
//!
//! The HTML standard's rules, with three indulgences that servers need: a last event without its empty line counts,
//! bytes that are no UTF-8 become `U+FFFD`, and a field `error` (older llama.cpp) is data of an error event.

/// The longest event, in bytes; a token's event has some hundred.
pub(super) const LONGEST_EVENT: usize = 1024 * 1024;

/// The mark that some servers put before the first byte.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One event that has data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Its `data` lines, joined with line feeds.
    pub(super) data: String,
    /// It was sent as an error.
    pub(super) is_error: bool,
}

/// The event is longer than [`LONGEST_EVENT`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Collects bytes and gives events.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// The line that is not complete yet.
    line: Vec<u8>,
    /// The data of the event that is not complete yet.
    data: Option<String>,
    is_error: bool,
    /// The last byte was a carriage return: a line feed next belongs to it.
    after_return: bool,
    /// The first line is behind us.
    begun: bool,
}

impl Decoder {
    /// Takes the next bytes and gives the events that they complete.
    ///
    /// # Errors
    /// [`TooLong`]; the decoder is of no more use then.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if first == b'\n' && std::mem::take(&mut self.after_return) {
                rest = &rest[1..];
                continue;
            }
            self.after_return = false;
            let end = rest.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let part = &rest[..end.unwrap_or(rest.len())];
            let held = self.line.len() + self.data.as_ref().map_or(0, String::len);
            if held + part.len() > LONGEST_EVENT {
                return Err(TooLong);
            }
            self.line.extend_from_slice(part);
            let Some(end) = end else { break };
            self.after_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            events.extend(self.end_line());
        }
        Ok(events)
    }

    /// The event that the end of the stream completes.
    pub(super) fn finish(&mut self) -> Option<Event> {
        let last = self.end_line();
        last.or_else(|| self.dispatch())
    }

    fn end_line(&mut self) -> Option<Event> {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.begun, true) && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        if line.is_empty() {
            return self.dispatch();
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => self.add(value),
            "error" => {
                self.is_error = true;
                self.add(value);
            }
            "event" => self.is_error = value == "error",
            // Comments (an empty field name), `id`, `retry` and what else there may be.
            _ => {}
        }
        None
    }

    fn add(&mut self, value: &str) {
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            None => self.data = Some(value.to_owned()),
        }
    }

    fn dispatch(&mut self) -> Option<Event> {
        let is_error = std::mem::take(&mut self.is_error);
        let data = self.data.take()?;
        Some(Event { data, is_error })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(pieces: &[&[u8]]) -> Vec<String> {
        let mut decoder = Decoder::default();
        let mut events: Vec<Event> = Vec::new();
        for piece in pieces {
            events.extend(decoder.push(piece).unwrap());
        }
        events.extend(decoder.finish());
        events.into_iter().map(|e| e.data).collect()
    }

    #[test]
    fn every_kind_of_line_end_and_the_byte_order_mark() {
        let wanted = ["a", "b"];
        assert_eq!(decode(&[b"data: a\n\ndata: b\n\n"]), wanted);
        assert_eq!(decode(&[b"data: a\r\n\r\ndata: b\r\n\r\n"]), wanted);
        assert_eq!(decode(&[b"data: a\r\rdata: b\r\r"]), wanted);
        assert_eq!(
            decode(&[b"data: a\r", b"\n\r", b"\ndata:b\r\n", b"\r\n"]),
            wanted
        );
        assert_eq!(
            decode(&[b"\xef", b"\xbb\xbfdata: a\n\ndata: b\n\n"]),
            wanted
        );
    }

    #[test]
    fn comments_and_other_fields_are_passed_over() {
        let stream = b": ping\n\nid: 7\nretry: 10\nevent: message\ndata: a\n:again\n\n\n\ndata: b";
        assert_eq!(decode(&[stream]), ["a", "b"]);
    }

    #[test]
    fn data_lines_join_and_an_empty_one_counts() {
        assert_eq!(decode(&[b"data: a\ndata:  b\ndata\n\n"]), ["a\n b\n"]);
    }

    #[test]
    fn errors_are_marked_and_do_not_stick() {
        let mut decoder = Decoder::default();
        let events = decoder
            .push(b"event: error\ndata: x\n\nerror: y\n\ndata: z\n\n")
            .unwrap();
        let marks: Vec<_> = events.iter().map(|e| e.is_error).collect();
        assert_eq!(marks, [true, true, false]);
    }

    #[test]
    fn bytes_that_are_no_utf8_do_not_stop_it() {
        assert_eq!(decode(&[b"data: a\xffb\n\n"]), ["a\u{fffd}b"]);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut decoder = Decoder::default();
        let piece = vec![b'x'; 64 * 1024];
        let refused = (0..100).find_map(|_| decoder.push(&piece).err());
        assert_eq!(refused, Some(TooLong));
        // So are data lines without an empty line between them.
        let mut decoder = Decoder::default();
        let line = [b"data: ".as_slice(), &piece, b"\n"].concat();
        let refused = (0..100).find_map(|_| decoder.push(&line).err());
        assert_eq!(refused, Some(TooLong));
    }

    /// What streams are made of, and what they are not.
    fn anything() -> impl Strategy<Value = Vec<u8>> {
        let words = "(data: |data|:|event: error|error: |id: 7|\\ufeff|\r|\n|\r\n|\n\n|한|é|a|\\{\"x\":1\\})";
        let piece = prop_oneof![
            4 => words.prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>(), 1..4),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

        #[test]
        fn how_the_bytes_are_cut_does_not_matter(bytes in anything(), size in 1_usize..7) {
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            let events = decode(&pieces);
            prop_assert_eq!(&decode(&[&bytes]), &events);
            // A byte that is no text takes three.
            prop_assert!(events.concat().len() <= 3 * bytes.len());
        }
    }
}
