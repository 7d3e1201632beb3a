//! Secrets that an operator gives the server, in its environment or in a file. Nothing here prints a
//! value, or keeps one but in [`Secrets`].

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use wasaga_host::Secrets;

/// What the names of environment variables begin with that are secrets. The secret's name follows.
const PREFIX: &str = "WASAGA_SECRET_";

/// Most bytes of a file of secrets: more than all that there can be need.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Reads the server's secrets from its environment, and from a file if there is one.
///
/// # Errors
/// When the file cannot be read or is not as it should be, or a secret is none. Names a secret never
/// by its value.
pub(super) fn read(file: Option<&Path>) -> anyhow::Result<Secrets> {
    let mut secrets = in_environment(std::env::vars_os())?;
    if let Some(path) = file {
        let of_file = in_file(path)
            .with_context(|| format!("--secrets {} cannot be used", path.display()))?;
        for (name, _) in &of_file {
            let twice = secrets.iter().any(|(known, _)| known == name);
            ensure!(
                !twice,
                "the secret `{name}` is in {PREFIX}{name} and in {}: remove one of them",
                path.display()
            );
        }
        secrets.extend(of_file);
    }
    Secrets::new(secrets)
        .with_context(|| format!("the server's secrets cannot be used ({PREFIX}…, --secrets)"))
}

fn in_environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut secrets = Vec::new();
    for (variable, value) in variables {
        let Some(name) = variable.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
            continue;
        };
        let Ok(value) = value.into_string() else {
            bail!("the environment variable {PREFIX}{name} is not UTF-8");
        };
        secrets.push((name.to_owned(), value));
    }
    Ok(secrets)
}

fn in_file(path: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if is_open_to_others(&metadata) {
        tracing::warn!(
            file = %path.display(),
            "everybody on this machine can read the secrets: take that right from others (chmod o-r)"
        );
    }
    let mut text = String::new();
    let read = file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    ensure!(
        read as u64 <= MAX_FILE_BYTES,
        "it has more than {MAX_FILE_BYTES} bytes"
    );
    parse(&text)
}

#[cfg(unix)]
fn is_open_to_others(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    const READ_BY_OTHERS: u32 = 0o004;
    metadata.permissions().mode() & READ_BY_OTHERS != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Metadata) -> bool {
    false
}

fn parse(text: &str) -> anyhow::Result<Vec<(String, String)>> {
    let expected = "expected a JSON object of names and strings, such as {\"service-key\": \"…\"}";
    let Entries(entries) = serde_json::from_str(text).map_err(|error| {
        // What it says of other JSON has that in it, which may be a secret.
        if error.is_data() {
            anyhow::anyhow!("{expected}")
        } else {
            anyhow::anyhow!("it is not JSON: {error}; {expected}")
        }
    })?;
    let mut secrets = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        let Value::String(value) = value else {
            bail!("the value of `{name}` is no string: {expected}");
        };
        secrets.push((name, value));
    }
    Ok(secrets)
}

/// The fields of a JSON object, those that are there twice included.
struct Entries(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        from.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "hunter2-hunter2";

    /// All that an error says.
    fn said(error: &anyhow::Error) -> String {
        format!("{error:#} {error:?}")
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("it is written");
        file
    }

    #[test]
    fn a_variable_is_a_secret_by_what_follows_the_prefix() {
        let variables = [
            ("WASAGA_SECRET_service.Key-1", VALUE),
            ("WASAGA_SECRETS", "/a/file"),
            ("MY_WASAGA_SECRET_x", VALUE),
        ];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let secrets = in_environment(variables.into_iter()).expect("secrets");
        assert_eq!(secrets, [("service.Key-1".to_owned(), VALUE.to_owned())]);
    }

    #[test]
    fn a_file_is_an_object_of_strings() {
        let good = file(&format!(r#"{{"a": "{VALUE}", "b": "{VALUE}"}}"#));
        let secrets = read(Some(good.path())).expect("secrets");
        assert_eq!(secrets.names().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_without_a_value() {
        for (text, expected) in [
            (format!(r#""{VALUE}""#), "expected a JSON object"),
            (format!(r#"["{VALUE}"]"#), "expected a JSON object"),
            (format!(r#"{{"a": ["{VALUE}"]}}"#), "the value of `a`"),
            (format!(r#"{{"a": "{VALUE}""#), "not JSON"),
            (format!(r#"{{"a": {VALUE}}}"#), "not JSON"),
            (
                format!(r#"{{"a": "{VALUE}", "a": "{VALUE}"}}"#),
                "`a` is there twice",
            ),
            (
                format!(r#"{{"a": "{VALUE}\n"}}"#),
                "`a` has a control character",
            ),
            (r#"{"a": "hunter2"}"#.to_owned(), "`a` has 7 bytes"),
            (format!(r#"{{"a b": "{VALUE}"}}"#), "`a b` is not the name"),
        ] {
            let file = file(&text);
            let said = said(&read(Some(file.path())).expect_err("a problem"));
            assert!(said.contains(expected), "{text}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        let missing = read(Some(Path::new("/nowhere/secrets.json"))).expect_err("a problem");
        assert!(said(&missing).contains("/nowhere/secrets.json"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_found_out() {
        use std::os::unix::fs::PermissionsExt as _;
        let file = file("{}");
        for (mode, open) in [(0o600, false), (0o640, false), (0o644, true)] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(file.path(), permissions).expect("permissions");
            let metadata = std::fs::metadata(file.path()).expect("metadata");
            assert_eq!(is_open_to_others(&metadata), open, "{mode:o}");
        }
    }
}
