//! A step that imports `acme:crm/customers@1.0.0`, which the engine does not have.

use wasaga_sdk::prelude::*;

#[allow(missing_docs, unreachable_pub, reason = "generated code")]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "imports" });
}

struct Greet;

impl Action for Greet {
    type Input = Value;
    type Result = Option<String>;

    fn act(call: Call<Value>) -> Result<Completed<Option<String>>, StepError> {
        Ok(bindings::acme::crm::customers::name(call.saga_id()).into())
    }
}

wasaga_sdk::export!(Greet);
