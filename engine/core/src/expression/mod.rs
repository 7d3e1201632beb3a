//! Values in a definition that are computed: `{"$cel": "…"}` in the Common Expression Language.

mod convert;
mod loops;
mod names;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, Program};
use serde_json::Value;

pub use self::names::check_variable;

use self::convert::{Budget, to_cel};
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
    /// The variables of the loops around the expression, with their values.
    pub variables: &'a [(Arc<str>, Value)],
}

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

impl Expression {
    /// Parses an expression. `variables` are those of the loops around it.
    ///
    /// # Errors
    /// Why it is none, for people.
    pub fn parse(source: &str, variables: &[Arc<str>]) -> Result<Self, String> {
        if source.len() > MAX_BYTES {
            return Err(format!(
                "the expression has {} bytes; the most is {MAX_BYTES}",
                source.len()
            ));
        }
        let program = ENV
            .compile(source)
            .map_err(|error| format!("`{source}` is not a CEL expression: {error}"))?;
        if let Some(name) = names::unknown(program.expression(), variables) {
            let roots = names::ROOTS.into_iter();
            let known: Vec<_> = roots.chain(variables.iter().map(AsRef::as_ref)).collect();
            return Err(format!(
                "`{name}` in `{source}` is not known: expected one of {}",
                known.join(", ")
            ));
        }
        let depth = loops::depth(program.expression());
        if depth > loops::MAX_DEPTH {
            return Err(format!(
                "`{source}` nests {depth} loops; the most is {}: compute that in a step",
                loops::MAX_DEPTH
            ));
        }
        Ok(Self {
            source: source.into(),
            program: Arc::new(program),
        })
    }

    /// The expression as the definition has it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Computes the expression's value.
    ///
    /// # Errors
    /// When a name or key is missing, types do not fit, or the value is too large or has no JSON
    /// form.
    pub fn evaluate(&self, scope: Scope<'_>) -> Result<Value, EvaluationError> {
        self.compute(&scope.variables(), &mut Budget::new())
    }

    fn compute(&self, variables: &Context, budget: &mut Budget) -> Result<Value, EvaluationError> {
        let failed = |reason: String| EvaluationError {
            expression: Arc::clone(&self.source),
            reason,
        };
        let value = self
            .program
            .execute(variables)
            .map_err(|error| failed(bounded(&error.to_string())))?;
        budget.json(&value).map_err(failed)
    }
}

impl Scope<'_> {
    /// What CEL sees.
    fn variables(&self) -> Context<'static, 'static> {
        let mut context = Context::with_env(Arc::clone(&ENV));
        context.add_variable_from_value("input", to_cel(self.input));
        context.add_variable_from_value("context", to_cel(self.context));
        let steps: HashMap<String, cel::Value> = self
            .steps
            .iter()
            .map(|(name, result)| (name.clone(), to_cel(result)))
            .collect();
        context.add_variable_from_value("steps", steps);
        for (name, value) in self.variables {
            context.add_variable_from_value(&**name, to_cel(value));
        }
        context
    }
}

/// An error of CEL shows the values it is about, whatever their size.
fn bounded(text: &str) -> String {
    const MAX_CHARS: usize = 300;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
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

    /// Reads a template. `variables` are those of the loops around it. Problems are added to
    /// `problems` with their place below `pointer`.
    #[must_use]
    pub fn parse(
        value: &Value,
        pointer: &str,
        variables: &[Arc<str>],
        problems: &mut Vec<Problem>,
    ) -> Self {
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
                match Expression::parse(source, variables) {
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
                        (
                            name.clone(),
                            Self::parse(field, &place, variables, problems),
                        )
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
                    .map(|(index, item)| {
                        let place = format!("{pointer}/{index}");
                        Self::parse(item, &place, variables, problems)
                    })
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
            _ => self
                .compute(&scope.variables(), &mut Budget::new())
                .map(Arc::new),
        }
    }

    fn compute(&self, variables: &Context, budget: &mut Budget) -> Result<Value, EvaluationError> {
        match self {
            Self::Literal(value) => Ok(Value::clone(value)),
            Self::Computed(expression) => expression.compute(variables, budget),
            Self::Array(items) => items
                .iter()
                .map(|item| item.compute(variables, budget))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            Self::Object(fields) => fields
                .iter()
                .map(|(name, field)| Ok((name.clone(), field.compute(variables, budget)?)))
                .collect::<Result<_, _>>()
                .map(Value::Object),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn evaluate(template: &Value) -> Result<Value, EvaluationError> {
        let mut problems = Vec::new();
        let template = Template::parse(template, "/arguments", &[], &mut problems);
        assert_eq!(problems, []);
        let steps = HashMap::from([("pay-now".to_owned(), Arc::new(json!({"id": "p1"})))]);
        let scope = Scope {
            input: &json!({"qty": 3, "price": 19.99, "tags": ["a", "b"]}),
            context: &json!({"total": 120}),
            steps: &steps,
            variables: &[],
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
        let _ = Template::parse(&value, "/x", &[], &mut problems);
        let places: Vec<_> = problems.iter().map(|p| p.pointer.as_str()).collect();
        assert_eq!(places, ["/x/a~1b/$cel", "/x/c", "/x/d"]);
    }

    #[test]
    fn loops_may_walk_a_list_of_lists_and_no_deeper() {
        assert!(Expression::parse("input.a.all(x, x.b.exists(y, y > 1))", &[]).is_ok());
        assert!(Expression::parse("input.a.map(x, x).filter(y, y).map(z, z)", &[]).is_ok());
        let error =
            Expression::parse("input.a.map(x, x.map(y, y.map(z, z)))", &[]).expect_err("3 deep");
        assert!(error.contains("3 loops"), "{error}");
    }

    #[test]
    fn a_name_that_means_nothing_is_found_before_anything_runs() {
        for fine in [
            "input.a.map(x, x + 1)",
            "input.a.all(x, input.b.exists(y, y == x))",
            "type(input.n) == int && has(context.a)",
            "{'a': steps.pay.id, 'b': [duration('1s')]}",
            "size(input.name) > 3 ? input.name : 'short'",
        ] {
            assert!(
                Expression::parse(fine, &[]).is_ok(),
                "{:?}",
                Expression::parse(fine, &[])
            );
        }
        for wrong in ["inputs.a", "input.a.map(x, y)", "[1, nosuch]", "{'a': b}"] {
            assert!(Expression::parse(wrong, &[]).is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn a_short_expression_cannot_make_a_huge_value() {
        let big = "x".repeat(100_000);
        let expression = format!("[{}]", vec!["input.big"; 50].join(","));
        let scope = Scope {
            input: &json!({ "big": big }),
            context: &json!({}),
            steps: &HashMap::new(),
            variables: &[],
        };
        let error = Expression::parse(&expression, &[])
            .expect("CEL")
            .evaluate(scope)
            .expect_err("5 MB");
        assert!(error.reason.contains("larger"), "{error}");
    }

    #[test]
    fn an_error_does_not_repeat_a_large_value() {
        let scope = Scope {
            input: &json!({ "big": vec![7; 10_000] }),
            context: &json!({}),
            steps: &HashMap::new(),
            variables: &[],
        };
        let error = Expression::parse("input.big + 'x'", &[])
            .expect("CEL")
            .evaluate(scope)
            .expect_err("types");
        assert!(error.reason.len() < 1_500, "{} bytes", error.reason.len());
    }
}
