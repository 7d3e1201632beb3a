//! Changes of which version sagas take: on what condition, and what came of them.

use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use wasaga_coordinator::{SwitchError, SwitchRequest};
use wasaga_core::Name;
use wasaga_host::LoadError;
use wasaga_journal::{Activation, ComponentRow, SwitchTo};

use super::{component, etag, unknown};
use crate::api::Api;
use crate::api::problem::{Refused, sentence};
use crate::wire::Code;

/// What `If-Match` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Whatever it is.
    None,
    /// While the generation is this one.
    Generation(u64),
    /// The tag is none that this server gives out, or a weak one: it matches nothing.
    Never,
}

impl Condition {
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Refused> {
        let refused = || {
            let detail = "Expected one entity tag in `If-Match`, the component's `ETag` such as \"3\", or `*`.";
            Refused::new(Code::InvalidHeader, detail)
        };
        let mut values = headers.get_all(header::IF_MATCH).iter();
        let Some(value) = values.next() else {
            return Ok(Self::None);
        };
        if values.next().is_some() {
            return Err(refused());
        }
        let text = value.to_str().map_err(|_| refused())?.trim();
        if text == "*" {
            return Ok(Self::None);
        }
        if text.starts_with("W/\"") && text.ends_with('"') {
            return Ok(Self::Never);
        }
        let tag = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .ok_or_else(refused)?;
        if tag.contains('"') {
            return Err(refused());
        }
        Ok(tag.parse().map_or(Self::Never, Self::Generation))
    }

    /// The generation that a change is bound to, if it is to any.
    pub(super) async fn generation(self, api: &Api, name: &Name) -> Result<Option<u64>, Refused> {
        match self {
            Self::None => Ok(None),
            Self::Generation(generation) => Ok(Some(generation)),
            // Says what the present one is; there is nothing else to do.
            Self::Never => Err(outdated(get(api, name).await?.generation)),
        }
    }
}

/// A component that there is.
pub(super) async fn get(api: &Api, name: &Name) -> Result<ComponentRow, Refused> {
    let row = api.coordinator.components().get(name).await?;
    row.ok_or_else(|| unknown(name, None))
}

pub(super) fn outdated(generation: u64) -> Refused {
    let detail = format!(
        "Somebody else changed the component, its policy or which version sagas take: its ETag is \"{generation}\" now. Look at it before you change it."
    );
    Refused::new(Code::Outdated, detail).with("generation", generation)
}

/// Makes a change, and answers with the component after it.
pub(super) async fn switch(api: &Api, request: SwitchRequest) -> Result<Response, Refused> {
    let name = request.name.clone();
    let version = match request.to {
        SwitchTo::Active { version } => Some(version),
        SwitchTo::Shared(candidate) => Some(candidate.version),
        SwitchTo::Unshared => None,
    };
    match api.coordinator.components().switch(request).await? {
        Activation::Done(row) => {
            Ok((etag(row.generation), axum::Json(component(row))).into_response())
        }
        Activation::Outdated { generation } => Err(outdated(generation)),
        Activation::NotFound => Err(unknown(&name, version)),
        Activation::Unshareable => Err(match get(api, &name).await?.active {
            Some(_) => Refused::new(
                Code::VersionActive,
                format!(
                    "All sagas that start take this version of component `{name}`: it cannot share them with itself."
                ),
            ),
            None => Refused::new(
                Code::NoActiveVersion,
                format!(
                    "Component `{name}` has no active version that another one could share sagas with: activate one first."
                ),
            ),
        }),
    }
}

impl From<SwitchError> for Refused {
    fn from(error: SwitchError) -> Self {
        let detail = sentence(&error);
        match error {
            SwitchError::NotGranted { imports, .. } => {
                Self::new(Code::ImportNotGranted, detail).with("imports", imports)
            }
            SwitchError::Load(error) => error.into(),
            SwitchError::Journal(error) => error.into(),
        }
    }
}

impl From<LoadError> for Refused {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Prepare(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(text: &'static str) -> Result<Condition, Refused> {
        Condition::read(&HeaderMap::from_iter([(
            header::IF_MATCH,
            HeaderValue::from_static(text),
        )]))
    }

    #[test]
    fn a_tag_is_a_condition_and_what_is_no_tag_a_problem() {
        assert_eq!(
            Condition::read(&HeaderMap::new()).expect("no condition"),
            Condition::None
        );
        assert_eq!(read("*").expect("no condition"), Condition::None);
        assert_eq!(
            read("\"7\"").expect("a condition"),
            Condition::Generation(7)
        );
        assert_eq!(read("\"x\"").expect("a condition"), Condition::Never);
        assert_eq!(read("W/\"7\"").expect("a condition"), Condition::Never);
        for wrong in ["7", "\"7", "\"7\", \"8\"", ""] {
            let refused = read(wrong).expect_err("a problem");
            assert_eq!(refused.problem().code, Code::InvalidHeader, "{wrong}");
        }
    }
}
