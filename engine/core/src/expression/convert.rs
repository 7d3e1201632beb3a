//! JSON as CEL sees it, and back.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::json::MAX_DEPTH;

/// Largest value that an expression, or all expressions of one template together, may make; in
/// bytes, roughly. CEL shares what it copies, JSON does not: a short expression can ask for much.
pub(super) const MAX_VALUE_BYTES: usize = 1024 * 1024;

/// What a value that is no string takes of the budget.
const SCALAR_BYTES: usize = 8;

/// Whole numbers become `int` where they fit: CEL's `uint`, which JSON's positive numbers would map
/// to, cannot be mixed with literals such as `1` in arithmetic.
pub(super) fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(flag) => cel::Value::Bool(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => cel::Value::Int(whole),
            None => cel::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(fields) => {
            let fields: HashMap<String, cel::Value> = fields
                .iter()
                .map(|(name, field)| (name.clone(), to_cel(field)))
                .collect();
            fields.into()
        }
    }
}

/// How much JSON may still be made.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) const fn new() -> Self {
        Self(MAX_VALUE_BYTES)
    }

    fn take(&mut self, bytes: usize) -> Result<(), String> {
        self.0 = self
            .0
            .checked_sub(bytes)
            .ok_or_else(|| format!("its value is larger than {MAX_VALUE_BYTES} bytes"))?;
        Ok(())
    }

    /// JSON of a CEL value.
    pub(super) fn json(&mut self, value: &cel::Value) -> Result<Value, String> {
        self.convert(value, MAX_DEPTH)
    }

    fn convert(&mut self, value: &cel::Value, levels: usize) -> Result<Value, String> {
        let below = || {
            levels
                .checked_sub(1)
                .ok_or_else(|| format!("its value is nested deeper than {MAX_DEPTH}"))
        };
        match value {
            cel::Value::List(items) => {
                let levels = below()?;
                self.take(SCALAR_BYTES)?;
                let items = items.iter().map(|item| self.convert(item, levels));
                Ok(Value::Array(items.collect::<Result<_, _>>()?))
            }
            cel::Value::Map(fields) => {
                let levels = below()?;
                self.take(SCALAR_BYTES)?;
                let mut object = Map::new();
                for (key, field) in fields.map.iter() {
                    let name = key.to_string();
                    self.take(name.len() + SCALAR_BYTES)?;
                    object.insert(name, self.convert(field, levels)?);
                }
                Ok(Value::Object(object))
            }
            cel::Value::String(text) => {
                self.take(text.len() + SCALAR_BYTES)?;
                Ok(Value::String(text.to_string()))
            }
            cel::Value::Bytes(bytes) => {
                self.take(bytes.len() * 2 + SCALAR_BYTES)?;
                value.json().map_err(|error| error.to_string())
            }
            other => {
                self.take(SCALAR_BYTES)?;
                other.json().map_err(|error| error.to_string())
            }
        }
    }
}
