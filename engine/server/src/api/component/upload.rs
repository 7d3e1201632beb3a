//! `POST /v1/components/{name}`

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use wasaga_coordinator::{Activate, Upload, UploadError};
use wasaga_core::{Name, Problem};
use wasaga_host::{Changes, PrepareError};
use wasaga_journal::{Description, Made};

use super::describe::{faulty_labels, faulty_note};
use super::version;
use crate::api::Api;
use crate::api::extract::{At, Query, Wasm};
use crate::api::guard::{UploadPlace, to_the_end};
use crate::api::order::order_in_query;
use crate::api::problem::{Refused, sentence};
use crate::wire::{Code, InterfaceChanges, UploadedComponent};

/// The query of an upload. `label` may be there more than once.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<(String, String)>")]
pub(crate) struct UploadQuery {
    activate: Option<bool>,
    note: Option<String>,
    labels: BTreeMap<String, String>,
    by: Option<String>,
    reason: Option<String>,
}

impl TryFrom<Vec<(String, String)>> for UploadQuery {
    type Error = String;

    fn try_from(parameters: Vec<(String, String)>) -> Result<Self, String> {
        let mut query = Self::default();
        for (name, value) in parameters {
            let twice = match name.as_str() {
                "activate" => {
                    let activate = value.parse().map_err(|_| {
                        format!("`activate`: expected `true` or `false`, found `{value:.40}`")
                    })?;
                    query.activate.replace(activate).is_some()
                }
                "note" => query.note.replace(value).is_some(),
                "by" => query.by.replace(value).is_some(),
                "reason" => query.reason.replace(value).is_some(),
                "label" => {
                    let (label, value) = value.split_once('=').ok_or_else(|| {
                        format!(
                            "`label`: expected a label and its value such as `team=orders`, found `{value:.64}`"
                        )
                    })?;
                    let before = query.labels.insert(label.to_owned(), value.to_owned());
                    before.is_some()
                }
                other => {
                    return Err(format!(
                        "unknown field `{other:.64}`, expected one of `activate`, `note`, `label`, `by`, `reason`"
                    ));
                }
            };
            if twice {
                return Err(format!("`{name}` says the same thing twice"));
            }
        }
        Ok(query)
    }
}

impl UploadQuery {
    /// What is said about the version.
    fn description(&mut self) -> Result<Description, Refused> {
        let note = self.note.take().unwrap_or_default();
        let labels = std::mem::take(&mut self.labels);
        match faulty_note(&note).or_else(|| faulty_labels(&labels)) {
            None => Ok(Description { note, labels }),
            Some(problem) => {
                let Problem { pointer, message } = problem;
                let detail = format!("The query cannot be used: {pointer}: {message}.");
                Err(Refused::new(Code::InvalidQuery, detail))
            }
        }
    }
}

/// Upload a version of a component.
///
/// The body is a WebAssembly component, or a core module that carries its component type. The same
/// bytes again are the same version, whose note and labels stay as they are.
///
/// `changes` says what it imports and exports otherwise than the version that was active before.
#[utoipa::path(
    post, path = "/v1/components/{name}", tag = "components",
    params(
        ("name" = crate::wire::schema::Name, Path, description = "Name of the component; the first upload makes it"),
        ("activate" = Option<bool>, Query, description = "Whether new steps take this version at once; `true` unless it is given"),
        ("note" = Option<String>, Query, description = "What there is to say about it, up to 4 KiB"),
        ("label" = Option<Vec<String>>, Query, description = "A label and its value, written `label=value`; up to 16, each and its value up to 128 bytes"),
        ("by" = Option<String>, Query, description = "Who asks for it, kept with the activation; `api` unless it is given"),
        ("reason" = Option<String>, Query, description = "For people, kept with the activation"),
    ),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses(
        (status = 201, description = "A new version", body = UploadedComponent,
            headers(("Location" = String, description = "Where the version is"))),
        (status = 200, description = "The version that has these bytes already", body = UploadedComponent),
        (status = 400, description = "`invalid-name`, `invalid-query`, `incomplete-body`"),
        (status = 409, description = "`import-not-granted`: it is to become active, and the policy does not grant an import; `imports` has those. Nothing was stored"),
        (status = 413, description = "`body-too-large`"),
        (status = 422, description = "`invalid-component`: not wasm, no `action` among its exports, an import that the engine does not have (`imports` has them all), or it cannot be compiled within the server's limits"),
    )
)]
pub(crate) async fn upload_component(
    State(api): State<Arc<Api>>,
    At(name): At<Name>,
    query: Result<Query<UploadQuery>, Refused>,
    Extension(place): Extension<UploadPlace>,
    Wasm(bytes): Wasm,
) -> Result<Response, Refused> {
    // Only now, when the body is read: many clients send all they have before they look at the answer.
    let Query(mut query) = query?;
    let description = query.description()?;
    let upload = Upload {
        name,
        bytes,
        description,
        activate: match query.activate {
            Some(false) => Activate::Later,
            _ => Activate::Now,
        },
        order: order_in_query(query.by, query.reason)?,
    };
    let uploaded = to_the_end(async move {
        // Kept for as long as the component is, whether or not the client waits.
        let _place = place;
        api.coordinator.components().upload(upload).await
    })
    .await??;
    let made = uploaded.made;
    let body = UploadedComponent {
        version: version(uploaded.version, &uploaded.component),
        changes: uploaded.changes.map(changes),
        warnings: uploaded.warnings,
    };
    Ok(match made {
        Made::Existing => Json(body).into_response(),
        Made::New => {
            let place = format!(
                "/v1/components/{}/versions/{}",
                body.version.name, body.version.version
            );
            (StatusCode::CREATED, [(header::LOCATION, place)], Json(body)).into_response()
        }
    })
}

fn changes(changes: Changes) -> InterfaceChanges {
    InterfaceChanges {
        added_imports: changes.added_imports,
        removed_imports: changes.removed_imports,
        added_exports: changes.added_exports,
        removed_exports: changes.removed_exports,
    }
}

impl From<UploadError> for Refused {
    fn from(error: UploadError) -> Self {
        let detail = sentence(&error);
        match error {
            UploadError::Prepare(error) => error.into(),
            UploadError::NotGranted { imports, .. } => {
                Self::new(Code::ImportNotGranted, detail).with("imports", imports)
            }
            UploadError::Journal(error) => error.into(),
        }
    }
}

impl From<PrepareError> for Refused {
    fn from(error: PrepareError) -> Self {
        let refused = |code| Self::new(code, sentence(&error));
        match &error {
            PrepareError::TooLarge { max_bytes, .. } => {
                refused(Code::BodyTooLarge).with("limit_bytes", *max_bytes)
            }
            PrepareError::UnknownImports { imports } => {
                refused(Code::InvalidComponent).with("imports", imports.clone())
            }
            PrepareError::CompileStarved { .. } => refused(Code::Overloaded),
            PrepareError::CompilerUnavailable(_) => refused(Code::Unavailable),
            _ => refused(Code::InvalidComponent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<UploadQuery, axum::extract::rejection::QueryRejection> {
        let uri = format!("/?{text}").parse().expect("a URI");
        axum::extract::Query::try_from_uri(&uri).map(|query| query.0)
    }

    #[test]
    fn labels_are_repeated_and_anything_else_is_said_once() {
        let query = "activate=false&note=first%20try&label=team=orders&label=a=b%3Dc&by=ci";
        let mut query = read(query).expect("a query");
        let description = query.description().expect("a description");
        assert_eq!(description.note, "first try");
        let labels = [("a", "b=c"), ("team", "orders")];
        let labels = labels.map(|(label, value)| (label.to_owned(), value.to_owned()));
        assert_eq!(description.labels, labels.into());
        assert_eq!(
            (query.activate, query.by.as_deref()),
            (Some(false), Some("ci"))
        );
        assert_eq!(read("").expect("a query"), UploadQuery::default());
        for wrong in [
            "activate=yes",
            "activate=true&activate=false",
            "note=a&note=b",
            "label=team",
            "label=team=a&label=team=b",
            "labels=team=a",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_label_without_a_name_and_a_long_note_are_refused() {
        for wrong in ["label==x".to_owned(), format!("note={}", "x".repeat(4097))] {
            let mut query = read(&wrong).expect("a query");
            let refused = query.description().expect_err("a problem");
            assert_eq!(refused.problem().code, Code::InvalidQuery);
        }
    }
}
