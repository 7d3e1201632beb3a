//! Definitions.

mod apply;
mod read;
mod schema;

pub(crate) use self::apply::*;
pub(crate) use self::read::*;
pub(crate) use self::schema::*;

use crate::wire::{DefinitionSummary, DefinitionVersion};

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
