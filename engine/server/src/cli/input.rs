//! What a command reads from files, standard input and `key=value` arguments.

use std::io::Read;
use std::path::Path;

use anyhow::Context;

use super::error::Usage;

/// Reads a file, or standard input when it is `-`.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .with_context(|| name(path))?;
        Ok(bytes)
    } else {
        std::fs::read(path).map_err(|error| Usage(format!("{}: {error}", name(path))).into())
    }
}

/// What to call a file in a message.
pub(super) fn name(path: &Path) -> String {
    if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Reads JSON that an option gives as itself, as `@file`, or as `-` for standard input.
pub(super) fn json(option: &str, argument: &str) -> anyhow::Result<serde_json::Value> {
    let (name, bytes) = match argument.strip_prefix('@') {
        Some(path) => (path, read(Path::new(path))?),
        None if argument == "-" => ("standard input", read(Path::new("-"))?),
        None => (option, argument.as_bytes().to_vec()),
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        let hint = match name {
            name if name == option && !argument.trim_start().starts_with(['{', '[', '"']) => {
                format!("; a file is written `@{argument}`")
            }
            _ => String::new(),
        };
        Usage(format!("{name} is not JSON: {error}{hint}")).into()
    })
}

/// Splits `key=value` at the first `=`.
pub(super) fn key_value(argument: &str) -> Result<(String, String), String> {
    match argument.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected key=value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_contain_what_separates_it_from_its_key() {
        assert_eq!(
            key_value("url=http://x/?a=b"),
            Ok(("url".to_owned(), "http://x/?a=b".to_owned()))
        );
        assert!(key_value("url").is_err());
        assert!(key_value("=x").is_err());
    }

    #[test]
    fn input_is_json_or_a_file_of_it() {
        assert_eq!(json("--input", r#"{"a": 1}"#).expect("JSON")["a"], 1);
        let error = json("--input", "{a}").expect_err("no JSON").to_string();
        assert!(error.starts_with("--input is not JSON"), "{error}");
        assert!(!error.contains('@'), "{error}");
        let error = json("--input", "hello.json")
            .expect_err("no JSON")
            .to_string();
        assert!(
            error.ends_with("a file is written `@hello.json`"),
            "{error}"
        );
        let error = json("--input", "@/no/such/file")
            .expect_err("no file")
            .to_string();
        assert!(error.starts_with("/no/such/file: "), "{error}");
    }
}
