//! Two JSON values, place by place.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{Compared, MAX_CHANGES, MAX_SHOWN_BYTES, text};
use crate::definition::Problem;

/// Longest pointer that is shown. A change below it is shown as one of the value around it.
const MAX_POINTER_BYTES: usize = 1_024;

/// The places where two JSON values are different.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// At most [`MAX_CHANGES`] of them.
    pub changes: Vec<Change>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub more: usize,
}

/// One place where two JSON values are different.
///
/// A value whose text is longer than [`MAX_SHOWN_BYTES`] is shown as a string with a part of that
/// text, with `…` where something was left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Where: a JSON pointer (RFC 6901), empty for the whole value.
    pub pointer: String,
    /// What was there in the recorded call, if anything.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub recorded: Option<Value>,
    /// What is there in the candidate's, if anything.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub candidate: Option<Value>,
}

/// `null` is a value, and not the lack of one.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

impl Changes {
    pub(super) fn between(recorded: &Value, candidate: &Value) -> Self {
        Self::between_options(Some(recorded), Some(candidate))
    }

    pub(super) fn between_options(recorded: Option<&Value>, candidate: Option<&Value>) -> Self {
        let mut changes = Self::default();
        changes.find("", recorded, candidate);
        changes
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    fn find(&mut self, pointer: &str, recorded: Option<&Value>, candidate: Option<&Value>) {
        match (recorded, candidate) {
            _ if recorded == candidate => {}
            (Some(Value::Object(one)), Some(Value::Object(other))) if fits(pointer, one, other) => {
                let added = other.keys().filter(|name| !one.contains_key(*name));
                for name in one.keys().chain(added) {
                    let below = format!("{pointer}/{}", Problem::escape(name));
                    self.find(&below, one.get(name), other.get(name));
                }
            }
            (Some(Value::Array(one)), Some(Value::Array(other))) => {
                self.find_in_arrays(pointer, one, other);
            }
            _ => self.add(pointer, recorded, candidate),
        }
    }

    /// What is the same at both ends stays out of it: of a list that has got one more element, that
    /// element is shown, wherever it is.
    fn find_in_arrays(&mut self, pointer: &str, one: &[Value], other: &[Value]) {
        let same = |pairs: &mut dyn Iterator<Item = (&Value, &Value)>| {
            pairs.take_while(|(one, other)| one == other).count()
        };
        let before = same(&mut one.iter().zip(other));
        let (one, other) = (&one[before..], &other[before..]);
        let after = same(&mut one.iter().rev().zip(other.iter().rev()));
        let (one, other) = (&one[..one.len() - after], &other[..other.len() - after]);
        for index in 0..one.len().max(other.len()) {
            let below = format!("{pointer}/{}", before + index);
            self.find(&below, one.get(index), other.get(index));
        }
    }

    fn add(&mut self, pointer: &str, recorded: Option<&Value>, candidate: Option<&Value>) {
        if self.changes.len() == MAX_CHANGES {
            self.more += 1;
            return;
        }
        let shown = shown(recorded, candidate);
        self.changes.push(Change {
            pointer: pointer.to_owned(),
            recorded: shown.recorded,
            candidate: shown.candidate,
        });
    }
}

/// Whether pointers to what is in these objects can be shown.
fn fits(pointer: &str, one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    let mut names = one.keys().chain(other.keys());
    names.all(|name| pointer.len() + name.len() < MAX_POINTER_BYTES)
}

/// Both values, shortened.
fn shown(recorded: Option<&Value>, candidate: Option<&Value>) -> Compared<Option<Value>> {
    let [one, other] = [recorded, candidate].map(|value| value.map(words));
    let excerpts = text::excerpts(
        one.as_deref().unwrap_or_default(),
        other.as_deref().unwrap_or_default(),
    );
    let pick = |value: Option<&Value>, words: Option<String>, excerpt: String| {
        let long = words?.len() > MAX_SHOWN_BYTES;
        Some(if long { excerpt.into() } else { value?.clone() })
    };
    Compared {
        recorded: pick(recorded, one, excerpts.recorded),
        candidate: pick(candidate, other, excerpts.candidate),
    }
}

/// The text of a value: a string's own, and of anything else its JSON.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
