//! Definitions.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use wasaga_core::{Digest, Name, Timestamp};

use super::schema;

/// The latest version of a definition, as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DefinitionSummary {
    /// Name of the definition.
    #[schema(value_type = schema::Name)]
    pub name: Name,
    /// Number of the version, from 1.
    pub version: u32,
    /// Digest of its content.
    #[schema(value_type = schema::Digest)]
    pub digest: Digest,
    /// When it was applied.
    #[schema(value_type = schema::Timestamp)]
    pub created_at: Timestamp,
}

/// A version of a definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DefinitionVersion {
    /// Name of the definition.
    #[schema(value_type = schema::Name)]
    pub name: Name,
    /// Number of the version, from 1.
    pub version: u32,
    /// Digest of its content.
    #[schema(value_type = schema::Digest)]
    pub digest: Digest,
    /// The document as it was applied. `GET /v1/schemas/definition` has its JSON Schema.
    #[schema(value_type = Object)]
    pub document: Value,
    /// When it was applied.
    #[schema(value_type = schema::Timestamp)]
    pub created_at: Timestamp,
}
