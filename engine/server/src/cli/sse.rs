//! Reads a `text/event-stream`, as the HTML standard's section on server-sent events describes it.

/// Most bytes of one event. A saga's record holds results, which are limited to far less.
const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// The last id that the stream has named, with this event or before it.
    pub(super) id: Option<String>,
    /// Its type, when it says one.
    pub(super) kind: Option<String>,
    /// Its lines of data, joined.
    pub(super) data: String,
}

/// An event that does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server sent an event of more than {MAX_EVENT_BYTES} bytes")]
pub(super) struct TooLong;

/// Makes events of bytes, however they are cut into pieces.
#[derive(Debug, Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    /// The line before ended with CR: an LF now belongs to it.
    after_cr: bool,
    seen_first_line: bool,
    id: Option<String>,
    kind: Option<String>,
    data: Option<String>,
}

impl Reader {
    /// Takes the next bytes of the stream; gives the events that they complete.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    events.extend(self.end_line());
                }
                _ => {
                    self.after_cr = false;
                    let held = self.line.len() + self.data.as_ref().map_or(0, String::len);
                    if held >= MAX_EVENT_BYTES {
                        return Err(TooLong);
                    }
                    self.line.push(byte);
                }
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Event> {
        let bytes = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&bytes);
        let line = if self.seen_first_line {
            &line
        } else {
            line.trim_start_matches('\u{feff}')
        };
        self.seen_first_line = true;
        if line.is_empty() {
            let kind = self.kind.take();
            let data = self.data.take()?;
            return Some(Event {
                id: self.id.clone(),
                kind,
                data,
            });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "event" => self.kind = Some(value.to_owned()).filter(|kind| !kind.is_empty()),
            // A comment (its field is empty), a time to wait: not needed here.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, data: &str) -> Event {
        Event {
            id: Some(id.to_owned()),
            kind: None,
            data: data.to_owned(),
        }
    }

    #[test]
    fn events_come_out_whole_however_the_bytes_are_cut() {
        let stream = "\u{feff}: hello\n\nid: 1\nevent: act_started\ndata: {\"ü\": 1}\n\nid:2\r\ndata: a\r\ndata:b\r\n\r\n:\r\rdata\r\r";
        let typed = Event {
            kind: Some("act_started".to_owned()),
            ..event("1", "{\"ü\": 1}")
        };
        let expected = [typed, event("2", "a\nb"), event("2", "")];
        for size in 1..stream.len() {
            let mut reader = Reader::default();
            let events: Vec<Event> = stream
                .as_bytes()
                .chunks(size)
                .flat_map(|bytes| reader.feed(bytes).expect("short events"))
                .collect();
            assert_eq!(events, expected, "in pieces of {size} bytes");
        }
    }

    #[test]
    fn an_event_that_is_cut_off_does_not_come_out() {
        let mut reader = Reader::default();
        assert_eq!(reader.feed(b"id: 7\ndata: half"), Ok(Vec::new()));
        assert_eq!(reader.feed(b"\n"), Ok(Vec::new()));
        assert_eq!(reader.feed(b"\n"), Ok(vec![event("7", "half")]));
    }

    #[test]
    fn an_event_without_end_is_an_error() {
        let mut reader = Reader::default();
        assert_eq!(reader.feed(&vec![b'x'; MAX_EVENT_BYTES]), Ok(Vec::new()));
        assert_eq!(reader.feed(b"x"), Err(TooLong));
    }
}
