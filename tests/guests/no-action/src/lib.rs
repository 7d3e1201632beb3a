//! A proper component that is no step: it exports `acme:greeter/greeting` and not `wasaga:saga/action`.

#[allow(missing_docs, unreachable_pub, reason = "generated code")]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "greeter" });
}

use bindings::exports::acme::greeter::greeting::Guest;

struct Greeter;

impl Guest for Greeter {
    fn greet(name: String) -> String {
        format!("Hello, {name}")
    }
}

bindings::export!(Greeter with_types_in bindings);
