//! Components.

mod activate;
mod candidate;
mod condition;
mod describe;
mod moving;
mod policy;
mod read;
mod remove;
mod switches;
mod upload;
mod verify;

pub(crate) use self::activate::*;
pub(crate) use self::candidate::*;
pub(crate) use self::describe::*;
pub(crate) use self::moving::*;
pub(crate) use self::policy::*;
pub(crate) use self::read::*;
pub(crate) use self::remove::*;
pub(crate) use self::switches::*;
pub(crate) use self::upload::*;
pub(crate) use self::verify::*;

use axum::http::{HeaderName, HeaderValue, header};
use wasaga_core::{Candidate, Name};
use wasaga_journal::ComponentRow;

use super::problem::Refused;
use crate::wire::{Code, Component, ComponentVersion, ShareComponent};

fn component(row: ComponentRow) -> Component {
    let ComponentRow {
        name,
        active,
        candidate,
        generation,
        policy,
        latest,
    } = row;
    let share = |Candidate { version, percent }| ShareComponent { version, percent };
    Component {
        name,
        active,
        candidate: candidate.map(share),
        latest,
        generation,
        policy,
    }
}

/// A version of a component that stands so.
fn version(row: wasaga_journal::ComponentVersion, component: &ComponentRow) -> ComponentVersion {
    let candidate = component.candidate;
    let candidate = candidate.filter(|candidate| candidate.version == row.version);
    ComponentVersion {
        active: component.active == Some(row.version),
        percent: candidate.map(|candidate| candidate.percent),
        note: row.description.note,
        labels: row.description.labels,
        name: row.name,
        version: row.version,
        digest: row.digest,
        size: row.size_bytes,
        imports: row.info.imports,
        exports: row.info.exports,
        created_at: row.created_at,
    }
}

/// The component's `ETag`: who changes which version sagas take says which one it saw.
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
