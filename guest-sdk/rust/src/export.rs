//! From actions to a component's exports.

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
/// A type that is more than an [`Action`](crate::Action) says so: it has a [`Callback`](crate::Callback) in the action's
/// place, a [`Confirmation`](crate::Confirmation) beside it, or both. They go together with others:
///
/// ```
/// # use wasaga_sdk::prelude::*;
/// # struct Reserve;
/// # impl Action for Reserve {
/// #     type Input = Value;
/// #     type Result = ();
/// #     fn act(_: Call<Value>) -> Result<Completed<()>, StepError> { Ok(().into()) }
/// # }
/// # impl Confirmation for Reserve {
/// #     type Input = Value;
/// #     type Result = ();
/// #     fn confirm(_: Call<Value>, _: ()) -> Result<(), StepError> { Ok(()) }
/// # }
/// # struct Review;
/// # impl Callback for Review {
/// #     type Input = Value;
/// #     type Result = ();
/// #     type Reply = Value;
/// #     fn act(_: Call<Value>) -> Result<Outcome<()>, StepError> { Ok(Outcome::Pending(json!(null))) }
/// #     fn on_reply(_: Call<Value>, _: Result<Value, StepError>) -> Result<Outcome<()>, StepError> { Ok(().into()) }
/// # }
/// # impl Confirmation for Review {
/// #     type Input = Value;
/// #     type Result = ();
/// #     fn confirm(_: Call<Value>, _: ()) -> Result<(), StepError> { Ok(()) }
/// # }
/// # type Count = Reserve;
/// # type Seat = Reserve;
/// # type Loan = Review;
/// wasaga_sdk::export! {
///     "count" => Count,
///     "review" => Review: Callback,
///     "seat" => Seat: Confirmation,
///     "loan" => Loan: Callback + Confirmation,
/// }
/// ```
///
/// The two phases of an action have one result. Another type is refused when the component is built:
///
/// ```compile_fail,E0271
/// # use wasaga_sdk::prelude::*;
/// # struct Seat;
/// # impl Action for Seat {
/// #     type Input = Value;
/// #     type Result = u32;
/// #     fn act(_: Call<Value>) -> Result<Completed<u32>, StepError> { Ok(7.into()) }
/// # }
/// impl Confirmation for Seat {
///     type Input = Value;
///     type Result = String; // `act` leaves a number
/// #     fn confirm(_: Call<Value>, _: String) -> Result<(), StepError> { Ok(()) }
/// }
/// wasaga_sdk::export!(Seat: Confirmation);
/// ```
///
/// The component exports what its actions need and no more: `callback` when one of them is a `Callback`,
/// `confirmation` when one has a `Confirmation`.
///
/// Use it once in a crate of type `cdylib`. On targets other than wasm it only checks types, so that a step's own
/// tests build.
#[macro_export]
macro_rules! export {
    ($($name:literal => $action:ty $(: $kind:ident $(+ $more:ident)?)?),+ $(,)?) => {
        $crate::export!(@component [$($($kind $($more)?)?)*] call => match call.action.as_str() {
            $($name => ::std::result::Result::Ok($crate::export!(@run $action $(: $kind $($more)?)?)),)+
            unknown => ::std::result::Result::Err($crate::__private::unknown_action(unknown, &[$($name),+])),
        });
    };
    ($action:ty $(: $kind:ident $(+ $more:ident)?)? $(,)?) => {
        $crate::export!(@component [$($kind $($more)?)?] _call =>
            ::std::result::Result::Ok($crate::export!(@run $action $(: $kind $($more)?)?))
        );
    };

    (@run $action:ty) => { $crate::__private::Run::action::<$action>() };
    (@run $action:ty: Callback) => { $crate::__private::Run::callback::<$action>() };
    (@run $action:ty: Confirmation) => { $crate::__private::Run::confirmed_action::<$action>() };
    (@run $action:ty: Callback Confirmation) => { $crate::__private::Run::confirmed_callback::<$action>() };

    (@component [$($kind:ident)*] $call:ident => $select:expr) => {
        const _: () = {
            struct Component;

            impl $crate::__private::Actions for Component {
                fn select(
                    $call: &$crate::__private::Call,
                ) -> ::std::result::Result<$crate::__private::Run, $crate::__private::Failure> {
                    $select
                }
            }

            #[cfg(target_arch = "wasm32")]
            $crate::bindings::export_step!(Component with_types_in $crate::bindings);
            $crate::export!(@callback $($kind)*);
            $crate::export!(@confirmation $($kind)*);

            #[cfg(not(target_arch = "wasm32"))]
            #[used]
            static COMPONENT: $crate::__private::Run = $crate::__private::Run::exported::<Component>();
        };
    };

    // The first of its kind exports the interface for all of them.
    (@callback) => {};
    (@callback Callback $($rest:ident)*) => {
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::replies::export_callback!(Component with_types_in $crate::bindings::replies);
    };
    (@callback $other:ident $($rest:ident)*) => { $crate::export!(@callback $($rest)*); };
    (@confirmation) => {};
    (@confirmation Confirmation $($rest:ident)*) => {
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::second_phase::export_confirmation!(Component with_types_in $crate::bindings::second_phase);
    };
    (@confirmation $other:ident $($rest:ident)*) => { $crate::export!(@confirmation $($rest)*); };
}
