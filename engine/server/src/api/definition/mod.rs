//! Definitions.

mod apply;
mod diagram;
mod read;
mod schema;

pub(crate) use self::apply::*;
pub(crate) use self::diagram::*;
pub(crate) use self::read::*;
pub(crate) use self::schema::*;

use wasaga_core::Name;

use super::problem::Refused;
use crate::wire::{Code, DefinitionSummary, DefinitionVersion};

fn summary(row: wasaga_journal::DefinitionVersion) -> DefinitionSummary {
    DefinitionSummary {
        name: row.name,
        version: row.version,
        digest: row.digest,
        created_at: row.created_at,
    }
}

fn version(row: wasaga_journal::DefinitionVersion) -> DefinitionVersion {
    DefinitionVersion {
        name: row.name,
        version: row.version,
        digest: row.digest,
        document: row.document,
        created_at: row.created_at,
    }
}

fn unknown(name: &Name, version: Option<u32>) -> Refused {
    let detail = match version {
        Some(version) => format!("There is no version {version} of a definition `{name}`."),
        None => format!("There is no definition `{name}`."),
    };
    Refused::new(Code::UnknownDefinition, detail)
}
