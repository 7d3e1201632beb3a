//! Values in a definition that are computed: `{"$cel": "…"}` in the Common Expression Language.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, Program};
use serde_json::Value;

use crate::definition::Problem;

/// The key that marks a value as an expression.
pub const KEY: &str = "$cel";

/// Longest expression, in bytes.
pub const MAX_BYTES: usize = 4096;

/// One CEL expression.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    program: Arc<Program>,
}

/// An expression that could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the expression `{expression}` failed: {reason}")]
pub struct EvaluationError {
    /// The expression as the definition has it.
    pub expression: Arc<str>,
    /// What went wrong.
    pub reason: String,
}

/// What expressions can see.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The saga's input.
    pub input: &'a Value,
    /// The saga's context.
    pub context: &'a Value,
    /// Results of completed steps by name.
    pub steps: &'a HashMap<String, Arc<Value>>,
}

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    /// Why it is none, for people.
    pub fn parse(source: &str) -> Result<Self, String> {
        if source.len() > MAX_BYTES {
            return Err(format!(
                "the expression has {} bytes; the most is {MAX_BYTES}",
                source.len()
            ));
        }
        let program = ENV
            .compile(source)
            .map_err(|error| format!("`{source}` is not a CEL expression: {error}"))?;
        Ok(Self {
            source: source.into(),
            program: Arc::new(program),
        })
    }

    /// Computes the expression's value.
    ///
    /// # Errors
    /// When a name or key is missing, types do not fit, or the value has no JSON form.
    pub fn evaluate(&self, scope: Scope<'_>) -> Result<Value, EvaluationError> {
        let failed = |reason: String| EvaluationError {
            expression: Arc::clone(&self.source),
            reason,
        };
        let mut context = Context::with_env(Arc::clone(&ENV));
        context.add_variable_from_value("input", to_cel(scope.input));
        context.add_variable_from_value("context", to_cel(scope.context));
        let steps: HashMap<String, cel::Value> = scope
            .steps
            .iter()
            .map(|(name, result)| (name.clone(), to_cel(result)))
            .collect();
        context.add_variable_from_value("steps", steps);
        let value = self
            .program
            .execute(&context)
            .map_err(|error| failed(error.to_string()))?;
        value.json().map_err(|error| failed(error.to_string()))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// JSON in which any value may be an [`Expression`].
#[derive(Clone, Debug)]
pub enum Template {
    /// No expression anywhere inside.
    Literal(Arc<Value>),
    /// The value of an expression.
    Computed(Expression),
    /// An array with an expression inside.
    Array(Vec<Template>),
    /// An object with an expression inside.
    Object(Vec<(String, Template)>),
}

impl Template {
    /// The template that is always `null`.
    #[must_use]
    pub fn null() -> Self {
        Self::Literal(Arc::new(Value::Null))
    }

    /// Reads a template. Problems are added to `problems` with their place below `pointer`.
    #[must_use]
    pub fn parse(value: &Value, pointer: &str, problems: &mut Vec<Problem>) -> Self {
        match value {
            Value::Object(fields) if fields.contains_key(KEY) => {
                let source = (fields.len() == 1).then(|| fields[KEY].as_str()).flatten();
                let Some(source) = source else {
                    problems.push(Problem::new(
                        pointer,
                        format!("expected {{\"{KEY}\": \"…\"}} with the expression as its only field, a string"),
                    ));
                    return Self::null();
                };
                match Expression::parse(source) {
                    Ok(expression) => Self::Computed(expression),
                    Err(reason) => {
                        problems.push(Problem::new(format!("{pointer}/{KEY}"), reason));
                        Self::null()
                    }
                }
            }
            Value::Object(fields) => {
                let parts: Vec<_> = fields
                    .iter()
                    .map(|(name, field)| {
                        let place = format!("{pointer}/{}", Problem::escape(name));
                        (name.clone(), Self::parse(field, &place, problems))
                    })
                    .collect();
                if parts.iter().all(|(_, part)| part.is_literal()) {
                    Self::Literal(Arc::new(value.clone()))
                } else {
                    Self::Object(parts)
                }
            }
            Value::Array(items) => {
                let parts: Vec<_> = items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| Self::parse(item, &format!("{pointer}/{index}"), problems))
                    .collect();
                if parts.iter().all(Self::is_literal) {
                    Self::Literal(Arc::new(value.clone()))
                } else {
                    Self::Array(parts)
                }
            }
            _ => Self::Literal(Arc::new(value.clone())),
        }
    }

    /// Whether the value needs no evaluation.
    #[must_use]
    pub const fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }

    /// The value, with every expression replaced by what it evaluates to.
    ///
    /// # Errors
    /// The first expression that fails.
    pub fn evaluate(&self, scope: Scope<'_>) -> Result<Arc<Value>, EvaluationError> {
        match self {
            Self::Literal(value) => Ok(Arc::clone(value)),
            _ => self.compute(scope).map(Arc::new),
        }
    }

    fn compute(&self, scope: Scope<'_>) -> Result<Value, EvaluationError> {
        match self {
            Self::Literal(value) => Ok(Value::clone(value)),
            Self::Computed(expression) => expression.evaluate(scope),
            Self::Array(items) => items
                .iter()
                .map(|item| item.compute(scope))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            Self::Object(fields) => fields
                .iter()
                .map(|(name, field)| Ok((name.clone(), field.compute(scope)?)))
                .collect::<Result<_, _>>()
                .map(Value::Object),
        }
    }
}

/// JSON as CEL sees it. Whole numbers become `int` where they fit: CEL's `uint`, which JSON's
/// positive numbers would map to, cannot be mixed with literals such as `1` in arithmetic.
fn to_cel(value: &Value) -> cel::Value {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn evaluate(template: &Value) -> Result<Value, EvaluationError> {
        let mut problems = Vec::new();
        let template = Template::parse(template, "/arguments", &mut problems);
        assert_eq!(problems, []);
        let steps = HashMap::from([("pay-now".to_owned(), Arc::new(json!({"id": "p1"})))]);
        let scope = Scope {
            input: &json!({"qty": 3, "price": 19.99, "tags": ["a", "b"]}),
            context: &json!({"total": 120}),
            steps: &steps,
        };
        template.evaluate(scope).map(|value| Value::clone(&value))
    }

    #[test]
    fn an_expression_may_stand_anywhere_and_keeps_types() {
        let value = evaluate(&json!({
            "sku": "x",
            "n": {"$cel": "input.qty + 1"},
            "deep": [{"$cel": "steps['pay-now'].id"}, {"$cel": "input.tags"}],
            "sum": {"$cel": "double(input.qty) * input.price"},
        }));
        assert_eq!(
            value,
            Ok(json!({"sku": "x", "n": 4, "deep": ["p1", ["a", "b"]], "sum": 3.0 * 19.99}))
        );
    }

    #[test]
    fn whole_numbers_compare_with_fractions() {
        assert_eq!(
            evaluate(&json!({"$cel": "context.total > 100.0"})),
            Ok(json!(true))
        );
    }

    #[test]
    fn what_fails_names_its_expression() {
        let error = evaluate(&json!({"$cel": "input.nothing"})).expect_err("no such key");
        assert_eq!(&*error.expression, "input.nothing");
        assert!(error.to_string().contains("nothing"), "{error}");
    }

    #[test]
    fn what_does_not_parse_is_reported_with_its_place() {
        let mut problems = Vec::new();
        let value = json!({"a/b": {"$cel": "1 +"}, "c": {"$cel": 1}, "d": {"$cel": "1", "e": 2}});
        let _ = Template::parse(&value, "/x", &mut problems);
        let places: Vec<_> = problems.iter().map(|p| p.pointer.as_str()).collect();
        assert_eq!(places, ["/x/a~1b/$cel", "/x/c", "/x/d"]);
    }
}
