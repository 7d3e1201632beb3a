//! How a value may be written, in what is sent and in what comes back.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

/// What a body is, as far as a value has to be written differently in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The value as it is.
    Plain,
    /// Within a string of JSON.
    Json,
    /// Within a form (`application/x-www-form-urlencoded`).
    Urlencoded,
}

impl Form {
    /// Of a body with this content type.
    pub(super) fn of(content_type: Option<&str>) -> Self {
        let kind = content_type.unwrap_or_default().split(';').next();
        let kind = kind.unwrap_or_default().trim().to_ascii_lowercase();
        if kind == "application/x-www-form-urlencoded" {
            Self::Urlencoded
        } else if kind == "application/json" || kind.ends_with("+json") {
            Self::Json
        } else {
            Self::Plain
        }
    }

    /// The value as it has to be written in such a body.
    pub(super) fn write(self, value: &str) -> String {
        match self {
            Self::Plain => value.to_owned(),
            Self::Json => json(value),
            Self::Urlencoded => percent(value, Hex::Upper, b""),
        }
    }
}

/// Characters that libraries write as `\u` and a number in JSON, though they need not: none, those of
/// HTML, with what else Gson escapes, and with what else .NET does.
const JSON_ESCAPED: [&str; 4] = ["", "<>&", "<>&'=", "<>&'\"+`"];

/// What libraries write for characters in HTML: of most languages, Python, Go, and mustache's.
const HTML: [&[(char, &str)]; 4] = [
    &[
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&quot;"),
        ('\'', "&#39;"),
    ],
    &[
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&quot;"),
        ('\'', "&#x27;"),
    ],
    &[
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&#34;"),
        ('\'', "&#39;"),
        ('+', "&#43;"),
    ],
    &[
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&quot;"),
        ('\'', "&#39;"),
        ('/', "&#x2F;"),
        ('`', "&#x60;"),
        ('=', "&#x3D;"),
    ],
];

/// A value in every form in which a service may give it back. Those that are parts of a longer
/// text in base64 are there for each of the three places that the value can have in it.
pub(super) fn forms(value: &str) -> BTreeSet<Vec<u8>> {
    let bytes = value.as_bytes();
    // JSON that is quoted in JSON: what a service says of a body that it got.
    let mut texts = BTreeSet::from([value.to_owned(), json(value), json(&json(value))]);
    for escapes in HTML {
        texts.insert(html(value, escapes));
    }
    for hex in [Hex::Upper, Hex::Lower] {
        texts.insert(hexadecimal(bytes, hex));
        for escaped in JSON_ESCAPED {
            texts.insert(escaped_json(value, hex, |c| escaped.contains(c)));
            texts.insert(escaped_json(value, hex, |c| {
                escaped.contains(c) || !c.is_ascii()
            }));
        }
        // What RFC 3986 leaves alone, and what the functions of browsers leave alone beside it.
        for unreserved in [b"".as_slice(), b"!'()*", b"!'()*;,/?:@&=+$#", b"/"] {
            let encoded = percent(value, hex, unreserved);
            texts.insert(encoded.replace("%20", "+"));
            texts.insert(encoded);
        }
    }
    for skipped in 0..3 {
        texts.insert(base64_within(bytes, skipped, &BASE64_STANDARD_NO_PAD));
        texts.insert(base64_within(bytes, skipped, &BASE64_URL_SAFE_NO_PAD));
    }
    // The whole of it, so that nothing of its last byte is left.
    texts.insert(BASE64_STANDARD_NO_PAD.encode(bytes));
    texts.insert(BASE64_URL_SAFE_NO_PAD.encode(bytes));
    // Some write JSON with `\/` for `/`.
    let escaped: Vec<String> = texts.iter().map(|text| text.replace('/', "\\/")).collect();
    texts.extend(escaped);
    texts.into_iter().map(String::into_bytes).collect()
}

#[derive(Clone, Copy)]
enum Hex {
    Upper,
    Lower,
}

impl Hex {
    fn write(self, text: &mut String, byte: u8) {
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Upper => write!(text, "{byte:02X}"),
            Self::Lower => write!(text, "{byte:02x}"),
        };
    }
}

fn hexadecimal(bytes: &[u8], hex: Hex) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        hex.write(&mut text, *byte);
    }
    text
}

fn percent(value: &str, hex: Hex, unreserved: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if plain || unreserved.contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            hex.write(&mut text, byte);
        }
    }
    text
}

/// As it stands within a string of JSON.
fn json(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The same with `\u` and a number for more characters than it takes.
fn escaped_json(value: &str, hex: Hex, is_escaped: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        if is_escaped(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                text.push_str("\\u");
                for byte in unit.to_be_bytes() {
                    hex.write(&mut text, byte);
                }
            }
        } else {
            text.push_str(&json(character.encode_utf8(&mut [0; 4])));
        }
    }
    text
}

fn html(value: &str, escapes: &[(char, &str)]) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        match escapes.iter().find(|(escaped, _)| *escaped == character) {
            Some((_, escape)) => text.push_str(escape),
            None => text.push(character),
        }
    }
    text
}

/// The digits that are the value's alone where `skipped` bytes stand before it in a group of three.
fn base64_within(bytes: &[u8], skipped: usize, alphabet: &impl base64::Engine) -> String {
    let mut padded = vec![0; skipped];
    padded.extend_from_slice(bytes);
    let digits = alphabet.encode(&padded);
    let (first, end) = ((skipped * 8).div_ceil(6), padded.len() * 8 / 6);
    digits[first..end].to_owned()
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    fn is_found(value: &str, text: &str) -> bool {
        forms(value).iter().any(|form| {
            let mut places = text.as_bytes().windows(form.len());
            places.any(|place| place == form.as_slice())
        })
    }

    #[test]
    fn a_value_is_found_in_base64_wherever_it_stands() {
        let value = "s3cr3t?>v\u{fc}";
        for before in 0..6 {
            for after in 0..6 {
                let text = format!("{}{value}{}", "x".repeat(before), "y".repeat(after));
                assert!(is_found(value, &BASE64_STANDARD.encode(&text)), "{text}");
                assert!(
                    is_found(value, &BASE64_URL_SAFE_NO_PAD.encode(&text)),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn a_value_is_found_in_urls_json_html_and_hexadecimal() {
        let value = "a/b \"c\" <d>&'e'\u{e9}";
        for text in [
            "a%2Fb%20%22c%22%20%3Cd%3E%26%27e%27%C3%A9",
            "a%2fb+%22c%22+%3cd%3e%26%27e%27%c3%a9",
            "a%2Fb%20%22c%22%20%3Cd%3E%26'e'%C3%A9",
            r#"{"x":"a/b \"c\" <d>&'e'é"}"#,
            r#"{"x":"a\/b \"c\" <d>&'e'é"}"#,
            r#"{"x":"a/b \"c\" <d>&'e'\u00e9"}"#,
            "a/b &quot;c&quot; &lt;d&gt;&amp;&#39;e&#39;é",
            "612f6220226322203c643e26276527c3a9",
            r#"{"data":"{\"x\":\"a/b \\\"c\\\" <d>&'e'é\"}"}"#,
        ] {
            assert!(is_found(value, text), "{text}");
        }
    }

    #[test]
    fn a_value_is_found_as_libraries_write_it_that_escape_more_than_they_must() {
        let value = "k3y+/&<\"'=é";
        for (library, text) in [
            ("Go's JSON", r#"k3y+/\u0026\u003c\"'=é"#),
            ("Gson", r#"k3y+/\u0026\u003c\"\u0027\u003dé"#),
            (".NET's JSON", r"k3y\u002B/\u0026\u003C\u0022\u0027=\u00E9"),
            ("Python's JSON", r#"k3y+/&<\"'=\u00e9"#),
            ("Python's HTML", "k3y+/&amp;&lt;&quot;&#x27;=é"),
            ("Go's HTML", "k3y&#43;/&amp;&lt;&#34;&#39;=é"),
            ("mustache", "k3y+&#x2F;&amp;&lt;&quot;&#39;&#x3D;é"),
        ] {
            assert!(is_found(value, text), "{library}: {text}");
        }
    }

    #[test]
    fn a_value_is_written_as_the_body_wants_it() {
        let value = "a+b\"c/=";
        let written = |content_type| Form::of(Some(content_type)).write(value);
        assert_eq!(written("text/plain"), value);
        assert_eq!(written("Application/JSON; charset=utf-8"), "a+b\\\"c/=");
        assert_eq!(written("application/problem+json"), "a+b\\\"c/=");
        assert_eq!(
            written("application/x-www-form-urlencoded"),
            "a%2Bb%22c%2F%3D"
        );
        assert_eq!(Form::of(None).write(value), value);
    }
}
