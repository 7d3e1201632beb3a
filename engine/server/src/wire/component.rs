//! Components.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasaga_core::{Digest, Name, Policy, SagaId, Status, Timestamp};

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
    /// How many of a hundred sagas take this version in place of the active one, when some do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// What people say about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Labels with their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
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
    /// What it imports and exports otherwise than the version that was active before; absent when
    /// none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<InterfaceChanges>,
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
    /// A version that some sagas take in place of the active one, when one shares them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<ShareComponent>,
    /// Number of the latest version; 0 when it has a policy and no version yet.
    pub latest: u32,
    /// Counts changes of the active version, of the candidate and of the policy. The `ETag` is this
    /// number in quotes.
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

/// How the interfaces of two versions differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InterfaceChanges {
    /// Imports that only the later version has.
    pub added_imports: Vec<String>,
    /// Imports that only the earlier version has.
    pub removed_imports: Vec<String>,
    /// Exports that only the later version has.
    pub added_exports: Vec<String>,
    /// Exports that only the earlier version has.
    pub removed_exports: Vec<String>,
}

/// A version that shares sagas with the active one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShareComponent {
    /// Number of the version.
    pub version: u32,
    /// How many of a hundred sagas take it.
    #[schema(minimum = 0, maximum = 100)]
    pub percent: u8,
}

/// Which version to make the active one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivateComponent {
    /// Number of the version.
    pub version: u32,
    /// For people, kept with the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who asks for it, kept with the change; `api` unless it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Which version to let some sagas take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetCandidate {
    /// Number of the version.
    pub version: u32,
    /// How many of a hundred sagas take it, chosen by the saga's id: the same saga always gets the
    /// same answer, and keeps it when the share grows.
    #[schema(minimum = 0, maximum = 100)]
    pub percent: u8,
    /// For people, kept with the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who asks for it, kept with the change; `api` unless it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What to say about a version. What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DescribeVersion {
    /// A text; an empty one removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Labels in place of those that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
}

/// A change of which version sagas take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComponentSwitch {
    /// The component's generation after it.
    pub generation: u64,
    /// What became of the component.
    #[serde(flatten)]
    pub to: SwitchTo,
    /// Who did it.
    pub by: String,
    /// Why, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    #[schema(value_type = schema::Timestamp)]
    pub at: Timestamp,
}

/// What became of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "to", rename_all = "kebab-case")]
pub enum SwitchTo {
    /// All sagas take this version.
    Active {
        /// Its number.
        version: u32,
    },
    /// Some sagas take this version in place of the active one.
    Shared {
        /// Its number.
        version: u32,
        /// How many of a hundred sagas.
        percent: u8,
    },
    /// All sagas take the active version again.
    Unshared,
}

/// Which sagas to run on another version. Either `sagas`, or `status` with what else they have in
/// common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MoveSagas {
    /// Only steps that are bound to this version.
    pub from: u32,
    /// The version to run on; the one that new steps take unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u32>,
    /// These sagas, at most 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<schema::SagaId>>)]
    pub sagas: Option<Vec<SagaId>>,
    /// Sagas of this status: `waiting`, `paused` or `stuck`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::SagaStatus>)]
    pub status: Option<Status>,
    /// Only sagas of this definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Name>)]
    pub definition: Option<Name>,
    /// Only sagas with this label, as `name=value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// `next_cursor` of the answer before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Whether what waits for its next attempt, or gave up, is tried again at once.
    pub retry: bool,
    /// For people, kept in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who asks for it, kept in the journal; `api` unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What became of sagas that were to run on another version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MovedSagas {
    /// Those that do from now on.
    #[schema(value_type = Vec<schema::SagaId>)]
    pub moved: Vec<SagaId>,
    /// The others.
    pub left: Vec<LeftSaga>,
    /// What to send as `cursor` to go on; absent (null) when there are no more.
    pub next_cursor: Option<String>,
}

/// A saga that was not moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftSaga {
    /// Which saga.
    #[schema(value_type = schema::SagaId)]
    pub saga: SagaId,
    /// Why not.
    pub reason: String,
}
