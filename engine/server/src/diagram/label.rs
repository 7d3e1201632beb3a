//! Text that a chart shows.

use wasaga_core::expression::Template;

/// Most characters of an expression or another text of any length.
const MAX_CHARS: usize = 60;

/// Lines as a label, in quotes.
pub(super) fn label(lines: &[&str]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| escape(line)).collect();
    format!("\"{}\"", lines.join("<br/>"))
}

/// A text in which nothing means anything to Mermaid, or to the HTML that it makes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            // The ends of a label, HTML, Markdown, directives and formulas.
            '"' | '#' | '&' | ';' | '<' | '>' | '`' | '\\' | '%' | '$' => {
                escaped.push_str(&format!("#{};", u32::from(char)));
            }
            char if char.is_control() || char.is_whitespace() => escaped.push(' '),
            char => escaped.push(char),
        }
    }
    escaped
}

/// A text, cut where it is long.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What a field of a definition says.
pub(super) fn template(template: &Template) -> String {
    match template {
        Template::Computed(expression) => excerpt(expression.source()),
        Template::Literal(value) => match value.as_str() {
            Some(text) => excerpt(text),
            None => match value.as_array().map(Vec::len) {
                Some(1) => "1 item".to_owned(),
                Some(items) => format!("{items} items"),
                None => "…".to_owned(),
            },
        },
        Template::Array(items) => format!("{} items", items.len()),
        Template::Object(_) => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_text_and_nothing_else() {
        assert_eq!(
            label(&["reserve", "inventory"]),
            "\"reserve<br/>inventory\""
        );
        assert_eq!(
            label(&["x == \"<script>\" && #quot;\n`md`"]),
            "\"x == #34;#60;script#62;#34; #38;#38; #35;quot#59; #96;md#96;\""
        );
        assert_eq!(
            label(&["%%{init: {}}%% $$x$$"]),
            "\"#37;#37;{init: {}}#37;#37; #36;#36;x#36;#36;\""
        );
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "ä".repeat(MAX_CHARS + 1);
        assert_eq!(excerpt(&long), "ä".repeat(MAX_CHARS) + "…");
        let short = "ä".repeat(MAX_CHARS);
        assert_eq!(excerpt(&short), short);
    }
}
