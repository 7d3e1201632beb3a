//! Names and identifiers, each a type of its own.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::call::Direction;
use crate::path::StepPath;
use crate::time::Timestamp;

/// Namespace of the idempotency keys, itself a UUIDv5 of the word `wasaga` in the DNS namespace.
const KEY_NAMESPACE: Uuid = Uuid::from_u128(0x91c7_635f_67d0_53d1_911c_8f60_71ff_ee99);

/// Identifies a saga: a UUIDv7, so ids sort by the time at which sagas were started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SagaId(Uuid);

impl SagaId {
    /// Makes the id of a new saga from the time (milliseconds since 1970) and 74 random bits.
    #[must_use]
    pub fn from_parts(unix_ms: u64, random: &[u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, random).into_uuid())
    }

    /// Takes any UUID: a client may choose the id of its saga.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id of the saga that a request with this `Idempotency-Key` starts: the same key, the same
    /// saga.
    #[must_use]
    pub fn from_key(key: &str) -> Self {
        Self(Uuid::new_v5(
            &KEY_NAMESPACE,
            format!("start/{key}").as_bytes(),
        ))
    }

    /// The id of a nested saga that starts now: the same one however often it is asked for, and
    /// another one for each attempt.
    #[must_use]
    pub fn of_child(parent: Self, step: &StepPath, attempt: u32, now: Timestamp) -> Self {
        let hash = Sha256::digest(format!("{parent}/{step}/{attempt}").as_bytes());
        let mut random = [0; 10];
        random.copy_from_slice(&hash[..10]);
        let unix_ms = u64::try_from(now.unix_ms()).unwrap_or(0);
        Self::from_parts(unix_ms, &random)
    }

    /// The id as a UUID.
    #[must_use]
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl fmt::Display for SagaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0.as_hyphenated(), f)
    }
}

impl FromStr for SagaId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

/// Name of a definition, a step, a component or an action.
///
/// 1 to [`Name::MAX_BYTES`] ASCII letters, digits, `_`, `-` or `.`, the first a letter or a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(Arc<str>);

/// A text that is no [`Name`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a name: expected 1 to {max} ASCII letters, digits, `_`, `-` or `.`, \
     the first a letter or a digit",
    max = Name::MAX_BYTES
)]
pub struct NameError(String);

impl Name {
    /// Longest name, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Checks a text and makes it a name.
    ///
    /// # Errors
    /// When the text is not of the form that [`Name`] describes.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let bytes = text.as_bytes();
        let ok = !bytes.is_empty()
            && bytes.len() <= Self::MAX_BYTES
            && bytes[0].is_ascii_alphanumeric()
            && bytes
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b));
        if ok {
            Ok(Self(text.into()))
        } else {
            // A text of any size came in; what goes out again is bounded.
            Err(NameError(text.chars().take(Self::MAX_BYTES + 1).collect()))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text itself, shared.
    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

/// Maps keyed by name can be asked with a text.
impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The idempotency key of a step's call: the same for every attempt, and after every restart.
///
/// `round` counts the replies that a step has got: each `on-reply` is a call of its own. It is 0
/// for all other directions.
#[must_use]
pub fn idempotency_key(saga: SagaId, step: &StepPath, direction: Direction, round: u32) -> Uuid {
    let name = match direction {
        Direction::OnReply => format!("{saga}/{step}/{direction}/{round}"),
        Direction::Act | Direction::Confirm | Direction::Compensate => {
            format!("{saga}/{step}/{direction}")
        }
    };
    Uuid::new_v5(&KEY_NAMESPACE, name.as_bytes())
}

/// The sha256 of some bytes, written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// A text that is no [`Digest`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: expected `sha256:` and 64 hexadecimal digits")]
pub struct DigestError;

impl Digest {
    /// Computes the digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A digest that was stored as its 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 64 hexadecimal digits alone, for file names.
    #[must_use]
    pub fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let hex = text.strip_prefix("sha256:").ok_or(DigestError)?.as_bytes();
        if hex.len() != 64 {
            return Err(DigestError);
        }
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(DigestError),
        };
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_for_every_attempt_and_differs_by_direction_step_and_saga() {
        let saga = SagaId::from_parts(1, &[7; 10]);
        let other = SagaId::from_parts(1, &[8; 10]);
        let pay = StepPath::root(&Name::new("pay").expect("a name"));
        let ship = StepPath::root(&Name::new("ship").expect("a name"));
        let key = idempotency_key(saga, &pay, Direction::Act, 0);
        assert_eq!(key, idempotency_key(saga, &pay, Direction::Act, 0));
        assert_ne!(key, idempotency_key(saga, &pay, Direction::Compensate, 0));
        assert_ne!(key, idempotency_key(saga, &ship, Direction::Act, 0));
        assert_ne!(key, idempotency_key(other, &pay, Direction::Act, 0));
        assert_ne!(
            idempotency_key(saga, &pay, Direction::OnReply, 1),
            idempotency_key(saga, &pay, Direction::OnReply, 2)
        );
    }

    #[test]
    fn keys_have_a_namespace_of_their_own() {
        assert_eq!(KEY_NAMESPACE, Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"wasaga"));
    }

    #[test]
    fn a_digest_reads_back_what_it_writes() {
        let digest = Digest::of(b"wasaga");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!("sha256:xyz".parse::<Digest>(), Err(DigestError));
        assert_eq!(digest.hex().parse::<Digest>(), Err(DigestError));
    }

    #[test]
    fn names_are_bounded_and_plain() {
        assert!(Name::new("reserve_inventory.v2-eu").is_ok());
        for wrong in ["", "-x", "a b", "ä", "a/b", &"x".repeat(65)] {
            assert!(Name::new(wrong).is_err(), "{wrong:?} was taken for a name");
        }
    }
}
