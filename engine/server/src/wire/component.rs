//! Components.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasaga_core::{Digest, Name, Policy, Timestamp};

use super::schema;

/// A version of a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ComponentVersion {
    /// Name of the component.
    #[schema(value_type = schema::Name)]
    pub name: Name,
    /// Number of the version, from 1.
    pub version: u32,
    /// Digest of the bytes.
    #[schema(value_type = schema::Digest)]
    pub digest: Digest,
    /// Size of the bytes.
    pub size: u64,
    /// Interfaces it imports.
    pub imports: Vec<String>,
    /// Interfaces it exports.
    pub exports: Vec<String>,
    /// Whether new steps take this version.
    pub active: bool,
    /// When it was uploaded.
    #[schema(value_type = schema::Timestamp)]
    pub created_at: Timestamp,
}

/// What an upload answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UploadedComponent {
    /// The version that was made, or the one that has the same bytes.
    #[serde(flatten)]
    pub version: ComponentVersion,
    /// What the engine noticed and the uploader may want to change.
    pub warnings: Vec<String>,
}

/// A component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Component {
    /// Its name.
    #[schema(value_type = schema::Name)]
    pub name: Name,
    /// Number of the active version, when one is.
    pub active: Option<u32>,
    /// Number of the latest version; 0 when it has a policy and no version yet.
    pub latest: u32,
    /// Counts activations. The `ETag` is this number in quotes.
    pub generation: u64,
    /// What the operator grants it.
    #[schema(value_type = schema::Policy)]
    pub policy: Policy,
}

/// A component with its versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ComponentDetail {
    /// The component.
    #[serde(flatten)]
    pub component: Component,
    /// Its versions, the latest first.
    pub versions: Vec<ComponentVersion>,
    /// What to send as `cursor` to get earlier versions; absent (null) when there are none.
    pub next_cursor: Option<String>,
}

/// Which version to make the active one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivateComponent {
    /// Number of the version.
    pub version: u32,
}
