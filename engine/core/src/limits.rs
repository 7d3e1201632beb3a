//! What one call may use.

use serde::{Deserialize, Serialize};

/// Limits of one call. `None` leaves the limit to whoever is asked next: a step's definition
/// first, then the component's policy, then the server's configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Units of fuel; about one for each WebAssembly instruction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Bytes of all linear memories together.
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "memory",
        with = "size"
    )]
    pub memory_bytes: Option<u64>,
    /// Bytes of a result, a context patch, or failure details.
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "payload",
        with = "size"
    )]
    pub payload_bytes: Option<u64>,
    /// Bytes that a call may write to the saga's log.
    #[serde(skip_serializing_if = "Option::is_none", rename = "log", with = "size")]
    pub log_bytes: Option<u64>,
    /// Bytes of the body of a response to an outgoing request.
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "response",
        with = "size"
    )]
    pub response_bytes: Option<u64>,
    /// Outgoing requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
}

impl Limits {
    /// These limits, and where there is none, those of `next`.
    #[must_use]
    pub fn or(self, next: Self) -> Self {
        Self {
            fuel: self.fuel.or(next.fuel),
            memory_bytes: self.memory_bytes.or(next.memory_bytes),
            payload_bytes: self.payload_bytes.or(next.payload_bytes),
            log_bytes: self.log_bytes.or(next.log_bytes),
            response_bytes: self.response_bytes.or(next.response_bytes),
            requests: self.requests.or(next.requests),
        }
    }
}

/// A text that is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size: expected a number with a unit, for example \"64KiB\" or \"32MiB\"")]
pub struct SizeError(String);

/// Reads a size such as `64KiB` or `32MiB`, in bytes.
///
/// # Errors
/// When the text is no size.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    text.parse::<bytesize::ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|_| SizeError(text.chars().take(64).collect()))
}

/// Writes a size in the largest unit that leaves no remainder.
fn write_size(bytes: u64) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if bytes > 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    format!("{bytes}B")
}

mod size {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[allow(clippy::ref_option, reason = "the signature that serde's `with` calls")]
    pub(super) fn serialize<S: Serializer>(bytes: &Option<u64>, out: S) -> Result<S::Ok, S::Error> {
        bytes.map(super::write_size).serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
        Option::<String>::deserialize(from)?
            .map(|text| super::parse_size(&text).map_err(D::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_written_in_the_largest_unit_that_fits() {
        for text in ["0B", "1000B", "64KiB", "32MiB", "3GiB"] {
            assert_eq!(write_size(parse_size(text).expect("a size")), text);
        }
    }

    #[test]
    fn limits_read_back_what_they_write() {
        let limits: Limits =
            serde_json::from_str(r#"{"fuel": 7, "memory": "32MiB"}"#).expect("limits");
        assert_eq!(limits.memory_bytes, Some(32 * 1024 * 1024));
        let text = serde_json::to_string(&limits).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Limits>(&text).expect("limits"),
            limits
        );
        assert!(serde_json::from_str::<Limits>(r#"{"fule": 7}"#).is_err());
        assert!(parse_size("much").is_err());
    }
}
