//! An action that does what its arguments say: see [`program`]. A plain step, with nothing but `act` and `compensate`.

use program::Script;

wasaga_sdk::bindings::export_step!(Script with_types_in wasaga_sdk::bindings);
