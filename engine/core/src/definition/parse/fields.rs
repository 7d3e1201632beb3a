//! Reads the fields of a JSON object and remembers which were read, so that a misspelt one is found.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::definition::Problem;
use crate::id::Name;
use crate::limits::parse_size;
use crate::time::parse_duration;

/// An object whose fields are being read.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    pointer: String,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Starts to read `value`, which has to be an object.
    pub(super) fn new(
        value: &'a Value,
        pointer: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let Some(object) = value.as_object() else {
            problems.push(Problem::new(
                pointer,
                format!("expected an object, found {}", kind_of(value)),
            ));
            return None;
        };
        Some(Self {
            object,
            pointer: pointer.to_owned(),
            known: Vec::new(),
        })
    }

    /// Where a field of this object stands.
    pub(super) fn place(&self, field: &str) -> String {
        format!("{}/{}", self.pointer, Problem::escape(field))
    }

    pub(super) fn pointer(&self) -> &str {
        &self.pointer
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    /// Takes a field as it is.
    pub(super) fn take(&mut self, field: &'static str) -> Option<&'a Value> {
        self.known.push(field);
        self.object.get(field)
    }

    /// Takes a field and converts it; what `convert` refuses becomes a problem.
    fn convert<T>(
        &mut self,
        field: &'static str,
        problems: &mut Vec<Problem>,
        convert: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.take(field)?;
        convert(value)
            .map_err(|message| problems.push(Problem::new(self.place(field), message)))
            .ok()
    }

    pub(super) fn object(
        &mut self,
        field: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Fields<'a>> {
        let value = self.take(field)?;
        Fields::new(value, &self.place(field), problems)
    }

    pub(super) fn text(
        &mut self,
        field: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<String> {
        self.convert(field, problems, |value| text_of(value).map(str::to_owned))
    }

    pub(super) fn name(
        &mut self,
        field: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Name> {
        self.convert(field, problems, |value| {
            Name::new(text_of(value)?).map_err(|error| error.to_string())
        })
    }

    pub(super) fn duration(
        &mut self,
        field: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Duration> {
        self.convert(field, problems, |value| {
            let Some(text) = value.as_str() else {
                return Err(format!(
                    "expected a length of time such as \"10s\" or \"200ms\", found {value:.40}"
                ));
            };
            let duration = parse_duration(text).map_err(|error| error.to_string())?;
            if duration.is_zero() {
                Err("expected more than no time at all".to_owned())
            } else {
                Ok(duration)
            }
        })
    }

    pub(super) fn whole(
        &mut self,
        field: &'static str,
        least: u64,
        most: u64,
        problems: &mut Vec<Problem>,
    ) -> Option<u64> {
        self.convert(field, problems, |value| match value.as_u64() {
            Some(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(format!(
                "expected a whole number from {least} to {most}, found {value:.40}"
            )),
        })
    }

    /// Takes a whole number from `least` that fits 32 bits.
    pub(super) fn small(
        &mut self,
        field: &'static str,
        least: u32,
        problems: &mut Vec<Problem>,
    ) -> Option<u32> {
        let number = self.whole(field, u64::from(least), u64::from(u32::MAX), problems)?;
        u32::try_from(number).ok()
    }

    pub(super) fn flag(
        &mut self,
        field: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<bool> {
        self.convert(field, problems, |value| {
            value
                .as_bool()
                .ok_or_else(|| format!("expected true or false, found {}", kind_of(value)))
        })
    }

    /// Takes a list of strings.
    pub(super) fn texts(
        &mut self,
        field: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Vec<String>> {
        self.convert(field, problems, |value| {
            let items = value
                .as_array()
                .ok_or_else(|| format!("expected an array of strings, found {}", kind_of(value)))?;
            items
                .iter()
                .map(|item| text_of(item).map(str::to_owned))
                .collect()
        })
    }

    pub(super) fn number(
        &mut self,
        field: &'static str,
        least: f64,
        most: f64,
        problems: &mut Vec<Problem>,
    ) -> Option<f64> {
        self.convert(field, problems, |value| match value.as_f64() {
            Some(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(format!(
                "expected a number from {least} to {most}, found {value:.40}"
            )),
        })
    }

    /// Takes a size in bytes.
    pub(super) fn size(&mut self, field: &'static str, problems: &mut Vec<Problem>) -> Option<u64> {
        self.convert(field, problems, |value| match value.as_str() {
            Some(text) => parse_size(text).map_err(|error| error.to_string()),
            None => Err(format!(
                "expected a size such as \"64KiB\" or \"32MiB\", found {value:.40}"
            )),
        })
    }

    /// Reports every field that nobody took.
    pub(super) fn finish(self, problems: &mut Vec<Problem>) {
        for field in self.object.keys() {
            if !self.known.contains(&field.as_str()) {
                let message = format!("unknown field; known here are {}", list(&self.known));
                problems.push(Problem::new(self.place(field), message));
            }
        }
    }
}

fn text_of(value: &Value) -> Result<&str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("expected a string, found {}", kind_of(value)))
}

/// What a JSON value is, in words.
pub(super) const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Names in backticks, separated by commas.
pub(super) fn list(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
