//! What a component exports: looked up and checked once for a version, not at each call.

use std::marker::PhantomData;

use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, ComponentType, Instance, InstancePre, Lift, Lower,
};

use crate::bindings::wasaga::saga::types::{Call, Failure, Outcome, Reply};
use crate::store::CallState;

/// What every step exports.
pub(crate) const ACTION: &str = "wasaga:saga/action@0.1.0";
/// What a step exports whose action may answer `pending`.
pub(crate) const CALLBACK: &str = "wasaga:saga/callback@0.1.0";
/// What a step exports that has a second phase.
pub(crate) const CONFIRMATION: &str = "wasaga:saga/confirmation@0.1.0";

/// The functions of a version.
pub(crate) struct Exports {
    pub(crate) act: Function<(Call,), Result<Outcome, Failure>>,
    pub(crate) compensate: Function<(Call, Option<String>), Result<(), Failure>>,
    /// When it exports [`CALLBACK`].
    pub(crate) on_reply: Option<Function<(Call, Reply), Result<Outcome, Failure>>>,
    /// When it exports [`CONFIRMATION`].
    pub(crate) confirm: Option<Function<(Call, String), Result<(), Failure>>>,
}

impl Exports {
    /// Finds the functions, and checks their types against the contract's.
    ///
    /// # Errors
    /// When `action` is not there, or an interface of the contract is not as the contract has it.
    pub(crate) fn of(pre: &InstancePre<CallState>) -> wasmtime::Result<Self> {
        let exports = |interface| pre.component().get_export_index(None, interface).is_some();
        Ok(Self {
            act: Function::find(pre, ACTION, "act")?,
            compensate: Function::find(pre, ACTION, "compensate")?,
            on_reply: exports(CALLBACK)
                .then(|| Function::find(pre, CALLBACK, "on-reply"))
                .transpose()?,
            confirm: exports(CONFIRMATION)
                .then(|| Function::find(pre, CONFIRMATION, "confirm"))
                .transpose()?,
        })
    }
}

/// One function that takes the parameters `P` and returns `R`.
pub(crate) struct Function<P, R> {
    index: ComponentExportIndex,
    signature: PhantomData<fn(P) -> R>,
}

impl<P, R> Function<P, R>
where
    P: ComponentNamedList + Lower + Send + Sync + 'static,
    R: ComponentType + Lift + Send + Sync + 'static,
{
    fn find(pre: &InstancePre<CallState>, interface: &str, name: &str) -> wasmtime::Result<Self> {
        let component = pre.component();
        let function = component
            .get_export_index(None, interface)
            .and_then(|interface| component.get_export(Some(&interface), name));
        let Some((ComponentItem::ComponentFunc(function), index)) = function else {
            return Err(wasmtime::format_err!(
                "`{interface}` is exported without the function `{name}`"
            ));
        };
        // The check that wasmtime makes when it hands out a function of an instance. Bindings of a
        // whole world make it there too: too late for an upload, of which nothing runs.
        function
            .typecheck::<P, (R,)>(&pre.instance_type())
            .map_err(|error| {
                error.context(format!(
                    "the types of `{name}` in `{interface}` are not those of the contract"
                ))
            })?;
        Ok(Self {
            index,
            signature: PhantomData,
        })
    }

    /// Calls the function of this instance.
    ///
    /// # Errors
    /// When the component traps, or the engine refuses to go on.
    pub(crate) async fn call(
        &self,
        store: &mut Store<CallState>,
        instance: &Instance,
        parameters: P,
    ) -> wasmtime::Result<R> {
        let function = instance.get_typed_func::<P, (R,)>(&mut *store, &self.index)?;
        let (returned,) = function.call_async(store, parameters).await?;
        Ok(returned)
    }
}
