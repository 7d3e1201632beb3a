//! Components.

mod activate;
mod policy;
mod read;
mod upload;

pub(crate) use self::activate::*;
pub(crate) use self::policy::*;
pub(crate) use self::read::*;
pub(crate) use self::upload::*;

use axum::http::{HeaderName, HeaderValue, header};
use wasaga_core::Name;
use wasaga_journal::ComponentRow;

use super::problem::Refused;
use crate::wire::{Code, Component, ComponentVersion};

fn component(row: ComponentRow) -> Component {
    let ComponentRow {
        name,
        active,
        generation,
        policy,
        latest,
    } = row;
    Component {
        name,
        active,
        latest,
        generation,
        policy,
    }
}

fn version(row: wasaga_journal::ComponentVersion, active: Option<u32>) -> ComponentVersion {
    ComponentVersion {
        active: active == Some(row.version),
        name: row.name,
        version: row.version,
        digest: row.digest,
        size: row.size_bytes,
        imports: row.info.imports,
        exports: row.info.exports,
        created_at: row.created_at,
    }
}

/// The component's `ETag`: who changes the active version says which one it saw.
fn etag(generation: u64) -> [(HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(&format!("\"{generation}\""));
    [(
        header::ETAG,
        value.unwrap_or_else(|_| HeaderValue::from_static("\"\"")),
    )]
}

fn unknown(name: &Name, version: Option<u32>) -> Refused {
    let detail = match version {
        Some(version) => format!("There is no version {version} of a component `{name}`."),
        None => format!("There is no component `{name}`."),
    };
    Refused::new(Code::UnknownComponent, detail)
}
