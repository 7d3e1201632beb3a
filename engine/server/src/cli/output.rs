//! What a command shows: JSON as it came, or text with tables and, on a terminal, colours.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Width};
use wasaga_core::{Status, StepStatus};

/// How answers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// As the server sent them.
    Json,
}

/// What text is shown on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Medium {
    Terminal,
    /// A file or a pipe: no frames, nothing overwritten.
    Plain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colour {
    On,
    Off,
}

/// How a text is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As any other.
    Normal,
    /// The title of something.
    Strong,
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// Worth a look: it is on its way, or was undone.
    Notable,
    /// Less important than what stands around it.
    Faint,
}

/// Where a command writes to.
pub(crate) struct Output {
    format: Format,
    medium: Medium,
    colour: Colour,
    out: Box<dyn Write>,
    /// A line is shown that the next one takes the place of.
    transient: bool,
}

/// Tables are not fitted to terminals that are narrower, in columns.
const MIN_WIDTH: u16 = 40;
/// The last column's, which is broken into lines where a table is too wide.
const MIN_LAST_WIDTH: u16 = 16;

/// A field of a table.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
    alignment: CellAlignment,
}

impl Cell {
    /// A text.
    pub(crate) fn new(text: impl Display) -> Self {
        let text = one_line(&text.to_string()).into_owned();
        Self {
            text,
            tone: Tone::Normal,
            alignment: CellAlignment::Left,
        }
    }

    /// A number, or another text that is read from its right end.
    pub(crate) fn right(text: impl Display) -> Self {
        Self {
            alignment: CellAlignment::Right,
            ..Self::new(text)
        }
    }

    /// The same text in a tone.
    pub(crate) fn tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }
}

impl Output {
    /// Standard output, in colour if it is a terminal and `NO_COLOR` is not set.
    pub(crate) fn standard(format: Format) -> Self {
        let medium = if io::stdout().is_terminal() {
            Medium::Terminal
        } else {
            Medium::Plain
        };
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = match medium {
            Medium::Terminal if !no_color => Colour::On,
            _ => Colour::Off,
        };
        Self {
            format,
            medium,
            colour,
            out: Box::new(io::stdout()),
            transient: false,
        }
    }

    /// How answers are to be shown.
    pub(crate) const fn format(&self) -> Format {
        self.format
    }

    /// Shows one line.
    pub(crate) fn line(&mut self, text: impl Display) -> io::Result<()> {
        self.clear_transient()?;
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    /// Shows a text of several lines as it is, but for what a terminal would obey.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        text.lines().try_for_each(|line| self.line(one_line(line)))
    }

    /// Shows what goes on at the moment: the next line takes its place. Only on a terminal.
    pub(crate) fn transient(&mut self, text: impl Display) -> io::Result<()> {
        if self.medium == Medium::Plain {
            return Ok(());
        }
        self.clear_transient()?;
        self.transient = true;
        write!(self.out, "{text}")?;
        self.out.flush()
    }

    fn clear_transient(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.transient) {
            write!(self.out, "\r\x1b[2K")?;
        }
        Ok(())
    }

    /// Shows a table.
    pub(crate) fn table<const N: usize>(
        &mut self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [Cell; N]>,
    ) -> io::Result<()> {
        let rows: Vec<[Cell; N]> = rows.into_iter().collect();
        let mut table = comfy_table::Table::new();
        match self.medium {
            Medium::Terminal => {
                table.load_style(UTF8_FULL_CONDENSED);
                // Some terminals do not say how wide they are, or say 0.
                let is_known = table.width().is_some_and(|columns| columns >= MIN_WIDTH);
                table.set_content_arrangement(match is_known {
                    true => ContentArrangement::Dynamic,
                    false => ContentArrangement::Disabled,
                });
            }
            Medium::Plain => {
                table.load_style(NOTHING);
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        let alignments = rows.first().map_or([CellAlignment::Left; N], |row| {
            row.each_ref().map(|cell| cell.alignment)
        });
        let mut titles = header.iter().zip(alignments);
        table.set_header(std::array::from_fn::<_, N, _>(|_| {
            let (title, alignment) = titles.next().unwrap_or((&"", CellAlignment::Left));
            comfy_table::Cell::new(title).set_alignment(alignment)
        }));
        for row in rows {
            table.add_row(row.map(|cell| self.framed(cell)));
        }
        match self.medium {
            Medium::Plain => {
                for column in table.column_iter_mut() {
                    column.set_padding((0, 2));
                }
            }
            // Only the last column is text that can be broken; an id in pieces cannot be copied.
            Medium::Terminal => {
                for (column, place) in table.column_iter_mut().zip(1..) {
                    column.set_constraint(if place == N {
                        ColumnConstraint::LowerBoundary(Width::Fixed(MIN_LAST_WIDTH))
                    } else {
                        ColumnConstraint::ContentWidth
                    });
                }
            }
        }
        self.clear_transient()?;
        for line in table.lines() {
            writeln!(self.out, "{}", line.trim_end())?;
        }
        self.out.flush()
    }

    fn framed(&self, cell: Cell) -> comfy_table::Cell {
        let framed = comfy_table::Cell::new(cell.text).set_alignment(cell.alignment);
        match (self.colour, cell.tone) {
            (Colour::On, Tone::Good) => framed.fg(comfy_table::Color::Green),
            (Colour::On, Tone::Bad) => framed.fg(comfy_table::Color::Red),
            (Colour::On, Tone::Notable) => framed.fg(comfy_table::Color::Yellow),
            (Colour::On, Tone::Faint) => framed.fg(comfy_table::Color::DarkGrey),
            (Colour::On, Tone::Strong) => framed.add_attribute(comfy_table::Attribute::Bold),
            (Colour::On, Tone::Normal) | (Colour::Off, _) => framed,
        }
    }

    /// A text for a line, in a tone. What a terminal would obey in it is made visible.
    pub(crate) fn paint(&self, tone: Tone, text: impl Display) -> String {
        let text = text.to_string();
        let text = one_line(&text);
        if self.colour == Colour::Off || tone == Tone::Normal || text.is_empty() {
            return text.into_owned();
        }
        let style = match tone {
            Tone::Normal => Style::new(),
            Tone::Strong => Style::new().bold(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Bad => AnsiColor::Red.on_default(),
            Tone::Notable => AnsiColor::Yellow.on_default(),
            Tone::Faint => Style::new().dimmed(),
        };
        format!("{style}{text}{style:#}")
    }

    /// Says something that is no part of the answer, on standard error.
    pub(crate) fn note(&self, text: impl Display) {
        eprintln!("{text}");
    }

    /// Shows an error on standard error.
    pub(crate) fn error(&self, text: &str) {
        let mark = if io::stderr().is_terminal() {
            self.paint(Tone::Bad, "error:")
        } else {
            "error:".to_owned()
        };
        let text: Vec<Cow<'_, str>> = text.lines().map(one_line).collect();
        eprintln!("{mark} {}", text.join("\n"));
    }

    /// Shows an error that is JSON already, on standard error.
    pub(crate) fn error_as_is(&self, text: &str) {
        eprintln!("{}", text.trim_end());
    }
}

/// A text without line ends and without anything that a terminal would obey: what components write is
/// not trusted.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => clean.push(' '),
            c if c.is_control() => clean.extend(c.escape_default()),
            c => clean.push(c),
        }
    }
    Cow::Owned(clean)
}

/// A value as compact JSON, cut after so many characters.
pub(crate) fn excerpt(value: &serde_json::Value, max_chars: usize) -> String {
    let text = value.to_string();
    match text.char_indices().nth(max_chars) {
        None => text,
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// The tone of a saga's status.
pub(crate) const fn status_tone(status: Status) -> Tone {
    match status {
        Status::Completed => Tone::Good,
        Status::Stuck | Status::Abandoned => Tone::Bad,
        Status::Paused | Status::Compensating | Status::Compensated => Tone::Notable,
        Status::Running | Status::Waiting | Status::Confirming => Tone::Normal,
    }
}

/// The tone of a step's status.
pub(crate) const fn step_tone(status: StepStatus) -> Tone {
    match status {
        StepStatus::Completed => Tone::Good,
        StepStatus::Failed | StepStatus::CompensationFailed => Tone::Bad,
        StepStatus::Compensating | StepStatus::Compensated => Tone::Notable,
        StepStatus::Pending | StepStatus::Skipped => Tone::Faint,
        StepStatus::Running | StepStatus::Waiting => Tone::Normal,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    /// What was written to an [`Output`].
    #[derive(Clone, Default)]
    pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        pub(crate) fn text(&self) -> String {
            let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            String::from_utf8(bytes.clone()).expect("text")
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn output(medium: Medium, colour: Colour) -> (Output, Written) {
        let written = Written::default();
        let out = Box::new(written.clone());
        (
            Output {
                format: Format::Text,
                medium,
                colour,
                out,
                transient: false,
            },
            written,
        )
    }

    /// An output to a file or pipe, and what was written to it.
    pub(crate) fn plain() -> (Output, Written) {
        output(Medium::Plain, Colour::Off)
    }

    /// An output to a terminal without colours, and what was written to it.
    pub(crate) fn terminal() -> (Output, Written) {
        output(Medium::Terminal, Colour::Off)
    }

    #[test]
    fn a_table_in_a_pipe_is_aligned_columns_and_nothing_else() {
        let (mut output, written) = plain();
        let rows = [
            [Cell::new("pay"), Cell::right(12)],
            [Cell::new("reserve").tone(Tone::Good), Cell::right(7)],
        ];
        output.table(["STEP", "ATTEMPTS"], rows).expect("written");
        assert_eq!(
            written.text(),
            "STEP     ATTEMPTS\npay            12\nreserve         7\n"
        );
    }

    #[test]
    fn no_id_is_broken_however_narrow_the_terminal() {
        let id = "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f";
        let (mut terminal, written) = output(Medium::Terminal, Colour::Off);
        let words = "a failure with many words ".repeat(20);
        terminal
            .table(["ID", "ERROR"], [[Cell::new(id), Cell::new(words)]])
            .expect("written");
        assert!(written.text().contains(id), "{}", written.text());
    }

    #[test]
    fn a_table_without_rows_still_says_what_it_would_show() {
        let (mut output, written) = plain();
        output.table(["STEP", "ATTEMPTS"], []).expect("written");
        assert_eq!(written.text(), "STEP  ATTEMPTS\n");
    }

    #[test]
    fn colours_are_for_terminals_only() {
        let (plain, _) = plain();
        assert_eq!(plain.paint(Tone::Good, "done"), "done");
        let (terminal, _) = output(Medium::Terminal, Colour::On);
        assert_eq!(terminal.paint(Tone::Good, "done"), "\x1b[32mdone\x1b[0m");
        assert_eq!(terminal.paint(Tone::Good, ""), "");
        let (no_color, _) = output(Medium::Terminal, Colour::Off);
        assert_eq!(no_color.paint(Tone::Good, "done"), "done");
    }

    #[test]
    fn a_line_takes_the_place_of_a_transient_one() {
        let (mut terminal, written) = output(Medium::Terminal, Colour::Off);
        terminal.transient("working").expect("written");
        terminal.line("done").expect("written");
        assert_eq!(written.text(), "working\r\x1b[2Kdone\n");
        let (mut plain, written) = plain();
        plain.transient("working").expect("written");
        plain.line("done").expect("written");
        assert_eq!(written.text(), "done\n");
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let value = serde_json::json!({"ü": "äöü"});
        assert_eq!(excerpt(&value, 11), r#"{"ü":"äöü"}"#);
        assert_eq!(excerpt(&value, 8), r#"{"ü":"äö…"#);
    }

    #[test]
    fn what_a_component_wrote_cannot_steer_the_terminal() {
        let (output, _) = plain();
        assert_eq!(
            output.paint(Tone::Normal, "a\x1b[2Jb\nc"),
            "a\\u{1b}[2Jb\\nc"
        );
        assert_eq!(Cell::new("a\rb").text, "a\\rb");
    }
}
