//! A [`script`](program) with all that a component can export.

use program::Script;

wasaga_sdk::bindings::export_step!(Script with_types_in wasaga_sdk::bindings);
wasaga_sdk::bindings::replies::export_callback!(Script with_types_in wasaga_sdk::bindings::replies);
wasaga_sdk::bindings::second_phase::export_confirmation!(Script with_types_in wasaga_sdk::bindings::second_phase);
