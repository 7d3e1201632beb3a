//! From [`Action`](crate::Action) to a component's exports.

/// Makes a component of one action, or of several by name.
///
/// One action answers to every name that a definition may give in `action`:
///
/// ```
/// # use wasaga_sdk::prelude::*;
/// # struct Charge;
/// # impl Action for Charge {
/// #     type Input = Value;
/// #     type Result = ();
/// #     fn act(_: Call<Value>) -> Result<Completed<()>, StepError> { Ok(().into()) }
/// # }
/// wasaga_sdk::export!(Charge);
/// ```
///
/// Of several the definition picks one; a name that is not among them is a permanent failure, `unknown-action`:
///
/// ```
/// # use wasaga_sdk::prelude::*;
/// # struct Reserve;
/// # impl Action for Reserve {
/// #     type Input = Value;
/// #     type Result = ();
/// #     fn act(_: Call<Value>) -> Result<Completed<()>, StepError> { Ok(().into()) }
/// # }
/// # type Count = Reserve;
/// wasaga_sdk::export! {
///     "reserve" => Reserve,
///     "count" => Count,
/// }
/// ```
///
/// Use it once in a crate of type `cdylib`. On targets other than wasm it only checks types, so that a step's own
/// tests build.
#[macro_export]
macro_rules! export {
    ($($name:literal => $action:ty),+ $(,)?) => {
        $crate::export!(@component {
            fn select(call: &$crate::__private::Call) -> ::std::result::Result<$crate::__private::Run, $crate::__private::Failure> {
                match call.action.as_str() {
                    $($name => ::std::result::Result::Ok($crate::__private::Run::of::<$action>()),)+
                    unknown => ::std::result::Result::Err($crate::__private::unknown_action(unknown, &[$($name),+])),
                }
            }
        });
    };
    ($action:ty $(,)?) => {
        $crate::export!(@component {
            fn select(_: &$crate::__private::Call) -> ::std::result::Result<$crate::__private::Run, $crate::__private::Failure> {
                ::std::result::Result::Ok($crate::__private::Run::of::<$action>())
            }
        });
    };
    (@component { $select:item }) => {
        const _: () = {
            #[allow(dead_code, reason = "only a type for the exports to hang on")]
            struct Component;

            impl $crate::__private::Guest for Component {
                fn act(
                    call: $crate::__private::Call,
                ) -> ::std::result::Result<$crate::__private::Outcome, $crate::__private::Failure> {
                    (select(&call)?.act)(call)
                }

                fn compensate(
                    call: $crate::__private::Call,
                    result: ::std::option::Option<::std::string::String>,
                ) -> ::std::result::Result<(), $crate::__private::Failure> {
                    (select(&call)?.compensate)(call, result)
                }
            }

            $select

            #[cfg(target_arch = "wasm32")]
            $crate::bindings::export_step!(Component with_types_in $crate::bindings);

            #[cfg(not(target_arch = "wasm32"))]
            #[used]
            static COMPONENT: $crate::__private::Run = $crate::__private::Run::exported::<Component>();
        };
    };
}

/// What [`export!`] expands to. No part of the public interface.
#[doc(hidden)]
pub mod __private {
    use crate::bindings::wasaga::saga::types::Completion;
    use crate::call::decode;
    use crate::{Action, Completed, StepError};

    pub use crate::bindings::exports::wasaga::saga::action::Guest;
    pub use crate::bindings::wasaga::saga::types::{Call, Failure, Outcome};

    /// An action's two functions, untyped.
    #[derive(Debug)]
    pub struct Run {
        pub act: fn(Call) -> Result<Outcome, Failure>,
        pub compensate: fn(Call, Option<String>) -> Result<(), Failure>,
    }

    impl Run {
        pub fn of<A: Action>() -> Self {
            Self {
                act: act::<A>,
                compensate: compensate::<A>,
            }
        }

        /// Keeps a step's code alive where nothing exports it, or the compiler would call it unused.
        pub const fn exported<C: Guest>() -> Self {
            Self {
                act: C::act,
                compensate: C::compensate,
            }
        }
    }

    pub fn unknown_action(name: &str, known: &[&str]) -> Failure {
        let message = format!(
            "this component has no action `{name}`, it has {}",
            known.join(", ")
        );
        StepError::permanent("unknown-action", message).into()
    }

    fn act<A: Action>(call: Call) -> Result<Outcome, Failure> {
        #[cfg(target_arch = "wasm32")]
        crate::log::panics();
        let Completed { result, patch } = A::act(call.try_into()?)?;
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

    fn compensate<A: Action>(call: Call, result: Option<String>) -> Result<(), Failure> {
        #[cfg(target_arch = "wasm32")]
        crate::log::panics();
        let result = result.map(|json| decode("result", &json)).transpose()?;
        Ok(A::compensate(call.try_into()?, result)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::__private::{Outcome, Run, unknown_action};
    use crate::call::tests::raw_call;
    use crate::{Action, Call, Completed, FailureKind, StepError};

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
            match result {
                Some(result) if result.doubled != call.input.quantity * 2 => {
                    Err(StepError::permanent("wrong", "wrong result"))
                }
                _ => Ok(()),
            }
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

    fn order() -> crate::__private::Call {
        raw_call(&json!({ "quantity": 4 }))
    }

    #[test]
    fn a_completed_act_gives_its_result_and_patch_as_json() {
        let Outcome::Completed(completion) = (Run::of::<Double>().act)(order()).unwrap() else {
            panic!("it completed")
        };
        assert_eq!(completion.result, r#"{"doubled":8}"#);
        assert_eq!(
            completion.context_patch.as_deref(),
            Some(r#"{"doubled":8}"#)
        );
    }

    #[test]
    fn a_failed_act_gives_its_failure() {
        let failure = (Run::of::<Check>().act)(order()).unwrap_err();
        assert_eq!(
            (failure.kind, failure.code.as_str()),
            (FailureKind::Retryable, "busy")
        );
    }

    #[test]
    fn input_that_does_not_fit_fails_before_the_action_runs() {
        let failure = (Run::of::<Double>().act)(raw_call(&json!("four"))).unwrap_err();
        assert_eq!(
            (failure.kind, failure.code.as_str()),
            (FailureKind::Permanent, "invalid-input")
        );
    }

    #[test]
    fn a_compensation_gets_the_result_of_its_act() {
        let compensate = Run::of::<Double>().compensate;
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
        (Run::of::<Check>().compensate)(order(), None).unwrap();
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
