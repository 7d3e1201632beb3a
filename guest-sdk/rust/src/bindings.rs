//! The contract as `wit-bindgen` generates it from the WIT files of package `wasaga:saga`.
//!
//! A step does not need this module: the rest of the crate is the typed way to the same things. It is public for
//! components that must control the exact JSON text which crosses the boundary.

#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "step",
    pub_export_macro: true,
    export_macro_name: "export_step",
    default_bindings_module: "wasaga_sdk::bindings",
});
