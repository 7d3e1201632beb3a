//! One invocation of a step, as the step sees it.

use serde::de::DeserializeOwned;

use crate::StepError;
use crate::bindings::wasaga::saga::types;

/// One invocation of a step: its typed input, and everything else the engine says about it.
///
/// ```
/// use wasaga_sdk::prelude::*;
///
/// #[derive(Deserialize)]
/// struct Settings {
///     warehouse: String,
/// }
///
/// fn describe(call: &Call<Value>) -> Result<String, StepError> {
///     let Settings { warehouse } = call.arguments()?;
///     let before: Option<Value> = call.previous()?;
///     Ok(format!("{} of saga {} at {warehouse}, after {before:?}", call.step(), call.saga_id()))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Call<I> {
    /// The saga's input, as it was submitted.
    pub input: I,
    raw: types::Call,
}

impl<I> Call<I> {
    /// The saga instance, a `UUIDv7` in its hyphenated form.
    pub fn saga_id(&self) -> &str {
        &self.raw.saga_id
    }

    /// Name of the saga definition.
    pub fn saga(&self) -> &str {
        &self.raw.saga
    }

    /// Name of the step within the definition, unique there.
    pub fn step(&self) -> &str {
        &self.raw.step
    }

    /// Which of the component's actions the definition asks for.
    pub fn action(&self) -> &str {
        &self.raw.action
    }

    /// 1 for the first attempt.
    pub fn attempt(&self) -> u32 {
        self.raw.attempt
    }

    /// The same for every attempt of this invocation, different for `act`, `compensate`, `confirm` and each `on_reply`.
    ///
    /// Requests made with [`http`](crate::http) need no help: the engine adds an `Idempotency-Key`, derived from this
    /// key and the request's position within the call, to each one that is not a GET, HEAD or OPTIONS. Use this where
    /// a service wants the key elsewhere, for example in the body.
    pub fn idempotency_key(&self) -> &str {
        &self.raw.idempotency_key
    }

    /// What whoever has to reply must name, at `POST /v1/callbacks/{token}`, when this call answers
    /// [`Outcome::Pending`](crate::Outcome::Pending).
    ///
    /// It is known beforehand, so hand it out first and answer then: a reply that comes early is kept.
    pub fn reply_token(&self) -> String {
        format!("{}.{}", self.raw.saga_id, self.raw.idempotency_key)
    }

    /// The saga's context: the object that the steps before this one have patched.
    ///
    /// # Errors
    ///
    /// Permanent, `invalid-context`, when the context does not fit `T`.
    pub fn context<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        decode("context", &self.raw.context)
    }

    /// The step's arguments in the definition, `null` when it has none.
    ///
    /// # Errors
    ///
    /// Permanent, `invalid-arguments`, when they do not fit `T`.
    pub fn arguments<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        decode("arguments", &self.raw.arguments)
    }

    /// The result of the step before this one, `None` for the first.
    ///
    /// # Errors
    ///
    /// Permanent, `invalid-previous`, when it does not fit `T`.
    pub fn previous<T: DeserializeOwned>(&self) -> Result<Option<T>, StepError> {
        self.raw
            .previous
            .as_deref()
            .map(|json| decode("previous", json))
            .transpose()
    }
}

impl<I: DeserializeOwned> TryFrom<types::Call> for Call<I> {
    type Error = StepError;

    /// Reads the input. Permanent, `invalid-input`, when it does not fit `I`.
    fn try_from(raw: types::Call) -> Result<Self, StepError> {
        let input = decode("input", &raw.input)?;
        Ok(Self { input, raw })
    }
}

/// Reads JSON text that the engine handed over. `what` names it in the failure's code and message.
pub(crate) fn decode<T: DeserializeOwned>(what: &str, json: &str) -> Result<T, StepError> {
    serde_json::from_str(json).map_err(|error| {
        StepError::permanent(
            format!("invalid-{what}"),
            format!("the {what} does not fit what this step reads: {error}"),
        )
    })
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;
    use crate::FailureKind;

    pub(crate) fn raw_call(input: &Value) -> types::Call {
        types::Call {
            saga_id: "0197c2a5-7a38-7c6e-9c5e-0a8d3f3c1b2a".into(),
            saga: "order".into(),
            step: "reserve".into(),
            action: "reserve".into(),
            attempt: 2,
            idempotency_key: "key".into(),
            input: input.to_string(),
            context: json!({ "total": 12.5 }).to_string(),
            arguments: "null".into(),
            previous: None,
        }
    }

    #[test]
    fn a_call_gives_its_parts_typed() {
        let call: Call<Vec<u8>> = raw_call(&json!([1, 2])).try_into().unwrap();
        assert_eq!(call.input, [1, 2]);
        assert_eq!(call.attempt(), 2);
        assert_eq!(call.context::<Value>().unwrap()["total"], 12.5);
        assert_eq!(call.arguments::<Option<Value>>().unwrap(), None);
        assert_eq!(call.previous::<Value>().unwrap(), None);
    }

    #[test]
    fn the_reply_token_is_the_saga_and_the_key_of_the_call() {
        let call: Call<Value> = raw_call(&Value::Null).try_into().unwrap();
        assert_eq!(
            call.reply_token(),
            "0197c2a5-7a38-7c6e-9c5e-0a8d3f3c1b2a.key"
        );
    }

    #[test]
    fn input_that_does_not_fit_is_a_permanent_failure() {
        let error = Call::<Vec<u8>>::try_from(raw_call(&json!({ "order_id": 1 }))).unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert_eq!(error.code(), "invalid-input");
        assert!(error.message().contains("expected a sequence"), "{error}");
    }

    #[test]
    fn what_does_not_fit_is_named_in_the_code() {
        let mut raw = raw_call(&Value::Null);
        raw.previous = Some("{".into());
        let call: Call<Value> = raw.try_into().unwrap();
        assert_eq!(call.context::<u8>().unwrap_err().code(), "invalid-context");
        assert_eq!(
            call.arguments::<u8>().unwrap_err().code(),
            "invalid-arguments"
        );
        assert_eq!(
            call.previous::<u8>().unwrap_err().code(),
            "invalid-previous"
        );
    }
}
