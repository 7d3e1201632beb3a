//! The HTTP API, one file a resource.

mod components;
mod definitions;
mod general;
mod sagas;
