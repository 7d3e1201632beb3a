//! The secrets that the server has.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Shortest value, in bytes.
const MIN_VALUE_BYTES: usize = 8;
/// Longest value, in bytes.
const MAX_VALUE_BYTES: usize = 8 * 1024;
/// Longest name, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// How many there can be.
const MAX_SECRETS: usize = 256;

/// Values that the engine puts into requests and that no component ever sees, by name.
///
/// Clones share the values. Nothing prints them: [`fmt::Debug`] shows the names.
#[derive(Clone, Default)]
pub struct Secrets(Arc<BTreeMap<String, String>>);

/// What is wrong with a secret. Says nothing of its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// There are too many.
    #[error("there are more than {MAX_SECRETS} secrets")]
    TooMany,
    /// A name is not of the form that it must have.
    #[error(
        "`{0}` is not the name of a secret: expected 1 to {MAX_NAME_BYTES} letters of A-Z and a-z, \
         digits, `_`, `.` and `-`"
    )]
    Name(String),
    /// A name stands twice.
    #[error("the secret `{0}` is there twice")]
    Twice(String),
    /// A value could not be told from ordinary text.
    #[error(
        "the secret `{name}` has {bytes} bytes: it needs at least {MIN_VALUE_BYTES}, because a \
         shorter one cannot be kept out of what services answer"
    )]
    TooShort {
        /// Its name.
        name: String,
        /// How long it is.
        bytes: usize,
    },
    /// A value is too large.
    #[error("the secret `{name}` has {bytes} bytes: it can have at most {MAX_VALUE_BYTES}")]
    TooLong {
        /// Its name.
        name: String,
        /// How long it is.
        bytes: usize,
    },
    /// A value could not be sent in a header.
    #[error(
        "the secret `{0}` has a control character in it, which no header can carry: look for a line \
         break at its end"
    )]
    ControlCharacter(String),
}

impl Secrets {
    /// Takes names and values.
    ///
    /// # Errors
    /// For the first one that cannot be kept secret or cannot be sent: [`SecretsError`] says why.
    pub fn new(secrets: impl IntoIterator<Item = (String, String)>) -> Result<Self, SecretsError> {
        let mut taken = BTreeMap::new();
        for (name, value) in secrets {
            if !is_name(&name) {
                let shown = name.chars().take(MAX_NAME_BYTES).collect();
                return Err(SecretsError::Name(shown));
            }
            let bytes = value.len();
            if bytes < MIN_VALUE_BYTES {
                return Err(SecretsError::TooShort { name, bytes });
            }
            if bytes > MAX_VALUE_BYTES {
                return Err(SecretsError::TooLong { name, bytes });
            }
            if value.chars().any(char::is_control) {
                return Err(SecretsError::ControlCharacter(name));
            }
            if taken.contains_key(&name) {
                return Err(SecretsError::Twice(name));
            }
            if taken.len() == MAX_SECRETS {
                return Err(SecretsError::TooMany);
            }
            taken.insert(name, value);
        }
        Ok(Self(Arc::new(taken)))
    }

    /// Their names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// Whether this can be the name of a secret, the server's or a component's.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, value: &str) -> Result<Secrets, SecretsError> {
        Secrets::new([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn what_cannot_be_kept_secret_or_sent_is_refused() {
        assert!(one("a.B-c_9", "12345678").is_ok());
        assert!(matches!(one("", "12345678"), Err(SecretsError::Name(_))));
        assert!(matches!(one("a b", "12345678"), Err(SecretsError::Name(_))));
        let long_name = "n".repeat(65);
        assert!(matches!(
            one(&long_name, "12345678"),
            Err(SecretsError::Name(_))
        ));
        let short = one("a", "1234567");
        assert!(matches!(
            short,
            Err(SecretsError::TooShort { bytes: 7, .. })
        ));
        let long = one("a", &"x".repeat(8 * 1024 + 1));
        assert!(matches!(long, Err(SecretsError::TooLong { .. })));
        for control in ["12345678\n", "1234\t5678", "1234\u{7f}5678"] {
            let refused = one("a", control);
            assert!(matches!(refused, Err(SecretsError::ControlCharacter(_))));
        }
        let twice = ["12345678", "87654321"].map(|value| ("a".to_owned(), value.to_owned()));
        assert_eq!(
            Secrets::new(twice).err(),
            Some(SecretsError::Twice("a".to_owned()))
        );
        let many = (0..257).map(|number| (format!("s{number}"), "12345678".to_owned()));
        assert_eq!(Secrets::new(many).err(), Some(SecretsError::TooMany));
    }

    #[test]
    fn a_value_is_neither_printed_nor_part_of_an_error() {
        let secrets = one("token", "hunter2-hunter2").expect("secrets");
        assert_eq!(format!("{secrets:?}"), r#"{"token"}"#);
        let error = one("token", "hunter2\nhunter2").expect_err("a line break");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
