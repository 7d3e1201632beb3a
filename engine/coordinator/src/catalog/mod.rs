//! Definitions and components: what the store has of them, and what sagas see of it.

mod blobs;
mod components;
mod definitions;

pub use self::blobs::Blobs;
pub use self::components::{
    Activate, Components, Describe, RemoveError, Removed, SwitchError, SwitchRequest, Upload,
    Uploaded,
};
pub use self::definitions::Definitions;
