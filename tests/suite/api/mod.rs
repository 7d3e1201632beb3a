//! The HTTP API, one file a resource.

mod calls;
mod candidates;
mod components;
mod definitions;
mod general;
mod moves;
mod sagas;
mod secrets;
mod verifications;
mod versions;

use serde_json::Value;

use crate::support::{Server, guest};

/// A guest in other bytes: an empty custom section at its end, named so.
fn copy(guest_name: &str, name: &str) -> Vec<u8> {
    let mut wasm = guest(guest_name);
    let length = u8::try_from(name.len()).expect("a short name");
    wasm.extend([0, length + 1, length]);
    wasm.extend(name.as_bytes());
    wasm
}

/// Uploads a version that is not active, and answers with its number.
async fn push(server: &Server, component: &str, wasm: Vec<u8>) -> u64 {
    let path = format!("/v1/components/{component}?activate=false");
    let request = server.request("POST", &path).body(wasm);
    let made = server.send(request).await.expect(201);
    made["version"].as_u64().expect("a number")
}

async fn delete(server: &Server, path: &str) -> crate::support::Answer {
    server.send(server.request("DELETE", path)).await
}

async fn patch(server: &Server, path: &str, body: &Value) -> crate::support::Answer {
    server.send(server.request("PATCH", path).json(body)).await
}
