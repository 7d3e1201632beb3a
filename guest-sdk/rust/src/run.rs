//! Actions without their types, as a component's exports run them.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::exports::wasaga::saga::action;
use crate::bindings::replies::exports::wasaga::saga::callback;
use crate::bindings::second_phase::exports::wasaga::saga::confirmation;
use crate::bindings::wasaga::saga::types::{Call, Completion, Failure, Outcome, Reply};
use crate::call::decode;
use crate::{Action, Callback, Completed, Confirmation, StepError};

/// The actions of a component. [`export!`](crate::export) implements it.
pub trait Actions {
    /// The action that a call is for.
    fn select(call: &Call) -> Result<Run, Failure>;
}

impl<A: Actions> action::Guest for A {
    fn act(call: Call) -> Result<Outcome, Failure> {
        begin();
        (A::select(&call)?.act)(call)
    }

    fn compensate(call: Call, result: Option<String>) -> Result<(), Failure> {
        begin();
        (A::select(&call)?.compensate)(call, result)
    }
}

impl<A: Actions> callback::Guest for A {
    fn on_reply(call: Call, reply: Reply) -> Result<Outcome, Failure> {
        begin();
        (A::select(&call)?.on_reply)(call, reply)
    }
}

impl<A: Actions> confirmation::Guest for A {
    fn confirm(call: Call, result: String) -> Result<(), Failure> {
        begin();
        (A::select(&call)?.confirm)(call, result)
    }
}

/// Before everything else in a call.
fn begin() {
    #[cfg(target_arch = "wasm32")]
    crate::log::panics();
}

/// One action's functions, untyped.
#[derive(Debug)]
pub struct Run {
    act: fn(Call) -> Result<Outcome, Failure>,
    on_reply: fn(Call, Reply) -> Result<Outcome, Failure>,
    confirm: fn(Call, String) -> Result<(), Failure>,
    compensate: fn(Call, Option<String>) -> Result<(), Failure>,
}

impl Run {
    /// Of a plain step.
    pub fn action<A: Action>() -> Self {
        Self {
            act: |call| completed(A::act(call.try_into()?)?),
            on_reply: unexpected_reply,
            confirm: nothing_to_confirm,
            compensate: |call, result| {
                Ok(A::compensate(call.try_into()?, optional_result(result)?)?)
            },
        }
    }

    /// Of a step that waits for replies.
    pub fn callback<C: Callback>() -> Self {
        Self {
            act: |call| outcome(C::act(call.try_into()?)?),
            on_reply: |call, reply| {
                let reply = match reply {
                    Reply::Succeeded(json) => Ok(decode("reply", &json)?),
                    Reply::Failed(failure) => Err(StepError::replied(failure)),
                };
                outcome(C::on_reply(call.try_into()?, reply)?)
            },
            confirm: nothing_to_confirm,
            compensate: |call, result| {
                Ok(C::compensate(call.try_into()?, optional_result(result)?)?)
            },
        }
    }

    /// Of a plain step with a second phase.
    pub fn confirmed_action<A>() -> Self
    where
        A: Action + Confirmation<Result = <A as Action>::Result>,
    {
        Self {
            confirm: confirm::<A>,
            ..Self::action::<A>()
        }
    }

    /// Of a step that waits for replies and has a second phase.
    pub fn confirmed_callback<C>() -> Self
    where
        C: Callback + Confirmation<Result = <C as Callback>::Result>,
    {
        Self {
            confirm: confirm::<C>,
            ..Self::callback::<C>()
        }
    }

    /// Keeps a step's code alive where nothing exports it, or the compiler would call it unused.
    pub const fn exported<A: Actions>() -> Self {
        Self {
            act: <A as action::Guest>::act,
            on_reply: <A as callback::Guest>::on_reply,
            confirm: <A as confirmation::Guest>::confirm,
            compensate: <A as action::Guest>::compensate,
        }
    }
}

/// The failure of a call for an action that the component does not have.
pub fn unknown_action(name: &str, known: &[&str]) -> Failure {
    let message = format!(
        "this component has no action `{name}`, it has {}",
        known.join(", ")
    );
    StepError::permanent("unknown-action", message).into()
}

/// Replies are for calls that answered `pending`, and a plain step's do not. A component can have changed since.
fn unexpected_reply(call: Call, _: Reply) -> Result<Outcome, Failure> {
    let message = format!("the action `{}` waits for no reply", call.action);
    Err(StepError::permanent("unexpected-reply", message).into())
}

/// The engine confirms every step of a component where one action has a second phase.
fn nothing_to_confirm(_: Call, _: String) -> Result<(), Failure> {
    Ok(())
}

fn confirm<C: Confirmation>(call: Call, result: String) -> Result<(), Failure> {
    Ok(C::confirm(call.try_into()?, decode("result", &result)?)?)
}

fn optional_result<R: DeserializeOwned>(json: Option<String>) -> Result<Option<R>, StepError> {
    json.map(|json| decode("result", &json)).transpose()
}

fn outcome<R: Serialize>(outcome: crate::Outcome<R>) -> Result<Outcome, Failure> {
    match outcome {
        crate::Outcome::Completed(done) => completed(done),
        crate::Outcome::Pending(payload) => Ok(Outcome::Pending(payload.to_string())),
    }
}

fn completed<R: Serialize>(completed: Completed<R>) -> Result<Outcome, Failure> {
    let Completed { result, patch } = completed;
    let result = serde_json::to_string(&result).map_err(|error| {
        StepError::permanent(
            "invalid-result",
            format!("the result cannot be written as JSON: {error}"),
        )
    })?;
    Ok(Outcome::Completed(Completion {
        result,
        context_patch: patch.map(|patch| patch.to_string()),
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::{Run, unknown_action};
    use crate::bindings::wasaga::saga::types;
    use crate::call::tests::raw_call;
    use crate::{Action, Call, Callback, Completed, Confirmation, FailureKind, Outcome, StepError};

    #[derive(Deserialize)]
    struct Order {
        quantity: u32,
    }

    #[derive(Serialize, Deserialize)]
    struct Doubled {
        doubled: u32,
    }

    /// Doubles a quantity; undoing it only succeeds with the right result or with none.
    struct Double;

    impl Action for Double {
        type Input = Order;
        type Result = Doubled;

        fn act(call: Call<Order>) -> Result<Completed<Doubled>, StepError> {
            let doubled = call.input.quantity * 2;
            Ok(Completed::new(Doubled { doubled }).patch(json!({ "doubled": doubled })))
        }

        fn compensate(call: Call<Order>, result: Option<Doubled>) -> Result<(), StepError> {
            result.map_or(Ok(()), |result| check(&call, &result))
        }
    }

    impl Confirmation for Double {
        type Input = Order;
        type Result = Doubled;

        fn confirm(call: Call<Order>, result: Doubled) -> Result<(), StepError> {
            check(&call, &result)
        }
    }

    fn check(call: &Call<Order>, result: &Doubled) -> Result<(), StepError> {
        if result.doubled == call.input.quantity * 2 {
            Ok(())
        } else {
            Err(StepError::permanent("wrong", "wrong result"))
        }
    }

    /// Asks for a number until it is larger than the quantity. The reply `too-many` is repaired.
    struct Ask;

    impl Callback for Ask {
        type Input = Order;
        type Result = Doubled;
        type Reply = u32;

        fn act(call: Call<Order>) -> Result<Outcome<Doubled>, StepError> {
            Ok(Outcome::Pending(json!(call.reply_token())))
        }

        fn on_reply(
            call: Call<Order>,
            reply: Result<u32, StepError>,
        ) -> Result<Outcome<Doubled>, StepError> {
            match reply {
                Ok(doubled) if doubled > call.input.quantity => {
                    Ok(Completed::new(Doubled { doubled })
                        .patch(json!({ "doubled": doubled }))
                        .into())
                }
                Ok(_) => Ok(Outcome::Pending(json!("more"))),
                Err(error) if error.code() == "too-many" => Ok(Doubled { doubled: 0 }.into()),
                Err(error) => Err(error),
            }
        }
    }

    impl Confirmation for Ask {
        type Input = Order;
        type Result = Doubled;

        fn confirm(call: Call<Order>, result: Doubled) -> Result<(), StepError> {
            check(&call, &result)
        }
    }

    /// Has nothing to undo.
    struct Check;

    impl Action for Check {
        type Input = Order;
        type Result = ();

        fn act(_: Call<Order>) -> Result<Completed<()>, StepError> {
            Err(StepError::retryable("busy", "later"))
        }
    }

    fn order() -> types::Call {
        raw_call(&json!({ "quantity": 4 }))
    }

    fn failed(code: &str) -> types::Reply {
        types::Reply::Failed(StepError::permanent(code, "no").into())
    }

    fn completion(outcome: types::Outcome) -> (String, Option<String>) {
        match outcome {
            types::Outcome::Completed(completion) => (completion.result, completion.context_patch),
            types::Outcome::Pending(payload) => panic!("it waits: {payload}"),
        }
    }

    fn payload(outcome: types::Outcome) -> String {
        match outcome {
            types::Outcome::Pending(payload) => payload,
            types::Outcome::Completed(completion) => panic!("it completed: {completion:?}"),
        }
    }

    #[test]
    fn a_completed_act_gives_its_result_and_patch_as_json() {
        let outcome = (Run::action::<Double>().act)(order()).unwrap();
        let json = r#"{"doubled":8}"#.to_owned();
        assert_eq!(completion(outcome), (json.clone(), Some(json)));
    }

    #[test]
    fn a_failed_act_gives_its_failure() {
        let failure = (Run::action::<Check>().act)(order()).unwrap_err();
        assert_eq!(
            (failure.kind, failure.code.as_str()),
            (FailureKind::Retryable, "busy")
        );
    }

    #[test]
    fn input_that_does_not_fit_fails_before_the_action_runs() {
        let failure = (Run::action::<Double>().act)(raw_call(&json!("four"))).unwrap_err();
        assert_eq!(
            (failure.kind, failure.code.as_str()),
            (FailureKind::Permanent, "invalid-input")
        );
    }

    #[test]
    fn a_compensation_gets_the_result_of_its_act() {
        let compensate = Run::action::<Double>().compensate;
        compensate(order(), None).unwrap();
        compensate(order(), Some(r#"{"doubled":8}"#.into())).unwrap();
        assert_eq!(
            compensate(order(), Some(r#"{"doubled":9}"#.into()))
                .unwrap_err()
                .code,
            "wrong"
        );
        assert_eq!(
            compensate(order(), Some("[]".into())).unwrap_err().code,
            "invalid-result"
        );
    }

    #[test]
    fn an_action_without_compensate_has_nothing_to_undo() {
        (Run::action::<Check>().compensate)(order(), None).unwrap();
    }

    #[test]
    fn a_callback_that_asks_gives_its_payload_as_json() {
        let outcome = (Run::callback::<Ask>().act)(order()).unwrap();
        assert_eq!(
            payload(outcome),
            r#""0197c2a5-7a38-7c6e-9c5e-0a8d3f3c1b2a.key""#
        );
    }

    #[test]
    fn a_reply_completes_asks_again_fails_or_is_repaired() {
        let on_reply = Run::callback::<Ask>().on_reply;
        let succeeded = |json: &str| types::Reply::Succeeded(json.into());
        let json = r#"{"doubled":8}"#.to_owned();
        assert_eq!(
            completion(on_reply(order(), succeeded("8")).unwrap()),
            (json.clone(), Some(json))
        );
        assert_eq!(
            payload(on_reply(order(), succeeded("3")).unwrap()),
            r#""more""#
        );
        assert_eq!(
            completion(on_reply(order(), failed("too-many")).unwrap()),
            (r#"{"doubled":0}"#.to_owned(), None)
        );
    }

    #[test]
    fn a_failed_reply_that_is_passed_on_keeps_all_it_said() {
        let said = StepError::retryable("away", "until Monday").with_details(json!({ "days": 2 }));
        let reply = types::Reply::Failed(said.into());
        let failure = (Run::callback::<Ask>().on_reply)(order(), reply).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Retryable);
        assert_eq!(failure.code, "away");
        assert_eq!(failure.message, "until Monday");
        assert_eq!(failure.details.as_deref(), Some(r#"{"days":2}"#));
    }

    #[test]
    fn a_reply_that_does_not_fit_is_permanent() {
        let reply = types::Reply::Succeeded(r#""eight""#.into());
        let failure = (Run::callback::<Ask>().on_reply)(order(), reply).unwrap_err();
        assert_eq!(
            (failure.kind, failure.code.as_str()),
            (FailureKind::Permanent, "invalid-reply")
        );
    }

    #[test]
    fn a_reply_to_an_action_that_waits_for_none_is_permanent() {
        let failure = (Run::action::<Double>().on_reply)(order(), failed("no")).unwrap_err();
        assert_eq!(
            (failure.kind, failure.code.as_str()),
            (FailureKind::Permanent, "unexpected-reply")
        );
        assert_eq!(failure.message, "the action `reserve` waits for no reply");
    }

    #[test]
    fn a_confirmation_gets_the_result_of_the_first_phase() {
        for run in [
            Run::confirmed_action::<Double>(),
            Run::confirmed_callback::<Ask>(),
        ] {
            (run.confirm)(order(), r#"{"doubled":8}"#.into()).unwrap();
            assert_eq!(
                (run.confirm)(order(), r#"{"doubled":9}"#.into())
                    .unwrap_err()
                    .code,
                "wrong"
            );
            assert_eq!(
                (run.confirm)(order(), "[]".into()).unwrap_err().code,
                "invalid-result"
            );
        }
    }

    #[test]
    fn an_action_of_one_phase_has_nothing_to_confirm() {
        (Run::action::<Double>().confirm)(order(), r#"{"doubled":9}"#.into()).unwrap();
        (Run::callback::<Ask>().confirm)(order(), r#"{"doubled":9}"#.into()).unwrap();
    }

    #[test]
    fn an_unknown_action_is_permanent_and_names_the_known_ones() {
        let failure = unknown_action("ship", &["reserve", "count"]);
        assert_eq!(
            (failure.kind, failure.code.as_str()),
            (FailureKind::Permanent, "unknown-action")
        );
        assert_eq!(
            failure.message,
            "this component has no action `ship`, it has reserve, count"
        );
    }
}
