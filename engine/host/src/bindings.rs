//! The contract's types, and traits for what a component may import, generated from `wit/`.

#![allow(missing_docs, unreachable_pub, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "step",
    imports: { "wasaga:saga/http.send": async },
});
