//! A [`script`](program) that has a second phase: it exports `confirmation` too.

use program::Script;

wasaga_sdk::bindings::export_step!(Script with_types_in wasaga_sdk::bindings);
wasaga_sdk::bindings::second_phase::export_confirmation!(Script with_types_in wasaga_sdk::bindings::second_phase);
