//! `PATCH /v1/components/{name}/versions/{version}`, and what may be said about a version.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use wasaga_coordinator::Describe;
use wasaga_core::{Name, Problem};

use super::condition::get;
use super::{unknown, version};
use crate::api::Api;
use crate::api::extract::{At, Json};
use crate::api::guard::to_the_end;
use crate::api::order::too_long;
use crate::api::problem::Refused;
use crate::wire::{ComponentVersion, DescribeVersion};

/// Most labels of a version.
const MAX_LABELS: usize = 16;

/// Most bytes of a label's name, and of its value.
const MAX_LABEL_BYTES: usize = 128;

/// Say something else about a version.
#[utoipa::path(
    patch, path = "/v1/components/{name}/versions/{version}", tag = "components",
    params(
        ("name" = crate::wire::schema::Name, Path, description = "Name of the component"),
        ("version" = u32, Path, description = "Number of the version"),
    ),
    request_body = DescribeVersion,
    responses(
        (status = 200, description = "The version, as it is described now", body = ComponentVersion),
        (status = 400, description = "`invalid-name`, `invalid-version`, `malformed-json`"),
        (status = 404, description = "`unknown-component`"),
        (status = 413, description = "`body-too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid-body`: a note of more than 4 KiB, more than 16 labels, or a label or its value of more than 128 bytes"),
    )
)]
pub(crate) async fn describe_component_version(
    State(api): State<Arc<Api>>,
    At((name, number)): At<(Name, u32)>,
    Json(body): Json<DescribeVersion>,
) -> Result<axum::Json<ComponentVersion>, Refused> {
    let DescribeVersion { note, labels } = body;
    let found = note.as_deref().and_then(faulty_note);
    let found = found.or_else(|| labels.as_ref().and_then(faulty_labels));
    if let Some(problem) = found {
        return Err(Refused::invalid_body(problem));
    }
    let change = Describe { note, labels };
    to_the_end(async move {
        let components = api.coordinator.components();
        let row = components.describe(&name, number, change).await?;
        let row = row.ok_or_else(|| unknown(&name, Some(number)))?;
        Ok(axum::Json(version(row, &get(&api, &name).await?)))
    })
    .await?
}

/// What is wrong with a note.
pub(super) fn faulty_note(note: &str) -> Option<Problem> {
    too_long(note).map(|message| Problem::new("/note", message))
}

/// What is wrong with labels.
pub(super) fn faulty_labels(labels: &BTreeMap<String, String>) -> Option<Problem> {
    if labels.len() > MAX_LABELS {
        let message = format!("{} labels; the most is {MAX_LABELS}", labels.len());
        return Some(Problem::new("/labels", message));
    }
    let mut names = labels.iter();
    let (name, _) = names.find(|(name, value)| {
        name.is_empty() || name.len() > MAX_LABEL_BYTES || value.len() > MAX_LABEL_BYTES
    })?;
    let message = format!(
        "expected a name and a value of at most {MAX_LABEL_BYTES} bytes each, and the name not empty"
    );
    let pointer = format!("/labels/{}", Problem::escape(name));
    Some(Problem::new(pointer, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_about_a_version_is_bounded() {
        let labels = |count: usize, value: usize| -> BTreeMap<_, _> {
            let label = |number| (format!("label-{number}"), "x".repeat(value));
            (0..count).map(label).collect()
        };
        assert_eq!(faulty_labels(&labels(16, 128)), None);
        let place = |found: Option<Problem>| found.map(|problem| problem.pointer);
        assert_eq!(
            place(faulty_labels(&labels(17, 1))).as_deref(),
            Some("/labels")
        );
        assert_eq!(
            place(faulty_labels(&labels(1, 129))).as_deref(),
            Some("/labels/label-0")
        );
        let nameless = BTreeMap::from([(String::new(), "x".to_owned())]);
        assert_eq!(place(faulty_labels(&nameless)).as_deref(), Some("/labels/"));
        assert_eq!(faulty_note(&"x".repeat(4096)), None);
        assert_eq!(
            place(faulty_note(&"x".repeat(4097))).as_deref(),
            Some("/note")
        );
    }
}
