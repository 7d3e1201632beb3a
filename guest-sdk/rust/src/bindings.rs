//! The contract as `wit-bindgen` generates it from the WIT files of package `wasaga:saga`.
//!
//! A step does not need this module: the rest of the crate is the typed way to the same things. It is public for
//! components that must control the exact JSON text which crosses the boundary. Such a component exports its type with
//! `export_step!`, and when it has them `callback` and `confirmation` with `replies::export_callback!` and
//! `second_phase::export_confirmation!`.

#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "step",
    pub_export_macro: true,
    export_macro_name: "export_step",
    default_bindings_module: "wasaga_sdk::bindings",
});

/// What a component with actions that wait for replies exports beside `action`.
pub mod replies {
    wit_bindgen::generate!({
        path: ["../../wit", "wit"],
        world: "wasaga:sdk/replies",
        with: { "wasaga:saga/types@0.1.0": crate::bindings::wasaga::saga::types },
        pub_export_macro: true,
        export_macro_name: "export_callback",
        default_bindings_module: "wasaga_sdk::bindings::replies",
    });
}

/// What a component with actions of two phases exports beside `action`.
pub mod second_phase {
    wit_bindgen::generate!({
        path: ["../../wit", "wit"],
        world: "wasaga:sdk/second-phase",
        with: { "wasaga:saga/types@0.1.0": crate::bindings::wasaga::saga::types },
        pub_export_macro: true,
        export_macro_name: "export_confirmation",
        default_bindings_module: "wasaga_sdk::bindings::second_phase",
    });
}
