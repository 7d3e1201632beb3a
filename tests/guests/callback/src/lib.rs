//! A [`script`](program) that can wait for replies: it exports `callback` too.

use program::Script;

wasaga_sdk::bindings::export_step!(Script with_types_in wasaga_sdk::bindings);
wasaga_sdk::bindings::replies::export_callback!(Script with_types_in wasaga_sdk::bindings::replies);
