//! `POST /v1/sagas/batch`

use std::error::Error;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use wasaga_coordinator::{BatchError, StartError, StartRequest, Started};
use wasaga_core::Problem;
use wasaga_journal::Made;

use super::start::{idempotency_key, request};
use crate::api::Api;
use crate::api::extract::Json;
use crate::api::guard::to_the_end;
use crate::api::problem::Refused;
use crate::wire::{Code, Fault, MAX_BATCH, StartSagas, StartedBy, StartedSaga, StartedSagas};

/// Most faults that an answer lists.
const MAX_FAULTS: usize = 1_000;

/// Start many sagas at once.
///
/// They are durable when this answers, all of them: when one cannot be started, none is. With an
/// `Idempotency-Key`, a saga's key is that one, a slash, and its place in the request, from 0.
#[utoipa::path(
    post, path = "/v1/sagas/batch", tag = "sagas",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, in place of ids: the same key, the same sagas"),
    ),
    request_body = StartSagas,
    responses(
        (status = 201, description = "The sagas, in the order of the request; at least one was started by it", body = StartedSagas),
        (status = 200, description = "Earlier requests started all of them", body = StartedSagas),
        (status = 400, description = "`malformed-json`, `invalid-header`: an `Idempotency-Key` that is none, or one beside an `id`"),
        (status = 413, description = "`body-too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid-body`; `invalid-batch`: `errors` has every fault of every saga with its place, for example `/sagas/3/input/amount`; none was started"),
    )
)]
pub(crate) async fn start_sagas(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Json(body): Json<StartSagas>,
) -> Result<(StatusCode, axum::Json<StartedSagas>), Refused> {
    let requests = requests(body, idempotency_key(&headers)?)?;
    let started =
        to_the_end(async move { api.coordinator.sagas().start_batch(requests).await }).await??;
    let items: Vec<_> = started.iter().map(item).collect();
    let status = if items.iter().any(|item| item.made == StartedBy::New) {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, axum::Json(StartedSagas { items })))
}

fn requests(body: StartSagas, key: Option<&str>) -> Result<Vec<StartRequest>, Refused> {
    let count = body.sagas.len();
    if count > MAX_BATCH {
        let message = format!("expected at most {MAX_BATCH} sagas, found {count}");
        return Err(Refused::invalid_body(Problem::new("/sagas", message)));
    }
    let sagas = body.sagas.into_iter().enumerate();
    sagas
        .map(|(index, saga)| {
            let key = key.map(|key| format!("{key}/{index}"));
            request(saga, key.as_deref())
        })
        .collect()
}

fn item(started: &Started) -> StartedSaga {
    StartedSaga {
        id: started.state.id,
        status: started.state.status(),
        made: match started.made {
            Made::New => StartedBy::New,
            Made::Existing => StartedBy::Existing,
        },
    }
}

impl From<BatchError> for Refused {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::Items { errors } => faults(errors).unwrap_or_else(|refused| refused),
            BatchError::ShuttingDown => Self::shutting_down(),
            error @ BatchError::Commit(_) => Self::internal(&error),
        }
    }
}

/// What is wrong with which sagas; or, when it is not the client's fault, that.
fn faults(errors: Vec<(usize, StartError)>) -> Result<Refused, Refused> {
    let count = errors.len();
    let mut faults = Vec::new();
    for (index, error) in errors {
        faults.extend(of_saga(index, error)?);
    }
    let left_out = faults.len().saturating_sub(MAX_FAULTS);
    faults.truncate(MAX_FAULTS);
    let sagas = match count {
        1 => "One of the sagas cannot".to_owned(),
        _ => format!("{count} of the sagas cannot"),
    };
    let detail = match left_out {
        0 => format!("{sagas} be started, so none was; `errors` says why."),
        _ => format!(
            "{sagas} be started, so none was; `errors` says why, {left_out} more faults left out."
        ),
    };
    Ok(Refused::new(Code::InvalidBatch, detail).errors(faults))
}

fn of_saga(index: usize, error: StartError) -> Result<Vec<Fault>, Refused> {
    let saga = format!("/sagas/{index}");
    let one = |field: &str, error: &dyn Error| {
        let pointer = format!("{saga}/{field}");
        vec![Fault::from(Problem::new(pointer, error.to_string()))]
    };
    let within = |base: &str, problems: Vec<Problem>| {
        let place = |problem: Problem| {
            let pointer = format!("{base}{}", problem.pointer);
            Fault::from(Problem::new(pointer, problem.message))
        };
        problems.into_iter().map(place).collect()
    };
    Ok(match error {
        error @ StartError::UnknownDefinition { .. } => one("definition", &error),
        error @ StartError::Conflict { .. } => one("id", &error),
        StartError::Input { problems } => within(&format!("{saga}/input"), problems),
        StartError::Tags { problems } => within(&saga, problems),
        error => return Err(error.into()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wasaga_core::{Name, SagaId};

    use super::*;

    fn body(count: usize) -> StartSagas {
        let sagas = vec![json!({ "definition": "order" }); count];
        serde_json::from_value(json!({ "sagas": sagas })).expect("a body")
    }

    #[test]
    fn the_sagas_of_a_batch_have_keys_of_their_own() {
        let ids = |key| -> Vec<_> {
            let requests = requests(body(2), key).expect("requests");
            requests.into_iter().map(|request| request.id).collect()
        };
        assert_eq!(ids(None), [None, None]);
        let keyed = ["a/0", "a/1"].map(|key| Some(SagaId::from_key(key)));
        assert_eq!(ids(Some("a")), keyed);
    }

    #[test]
    fn a_batch_is_bounded() {
        assert!(requests(body(MAX_BATCH), None).is_ok());
        let refused = requests(body(MAX_BATCH + 1), None).expect_err("a problem");
        assert_eq!(refused.problem().errors[0].pointer, "/sagas");
    }

    #[test]
    fn every_fault_of_every_saga_has_its_place() {
        let problem = |pointer: &str| vec![Problem::new(pointer, "no")];
        let unknown = StartError::UnknownDefinition {
            name: Name::new("order").expect("a name"),
            version: None,
        };
        let errors = vec![
            (0, unknown),
            (
                3,
                StartError::Input {
                    problems: problem("/amount"),
                },
            ),
            (
                3,
                StartError::Tags {
                    problems: problem("/tags/a"),
                },
            ),
            (
                7,
                StartError::Conflict {
                    id: SagaId::from_parts(1, &[7; 10]),
                },
            ),
        ];
        let refused = Refused::from(BatchError::Items { errors });
        let problem = refused.problem();
        assert_eq!((problem.code, problem.status), (Code::InvalidBatch, 422));
        let places: Vec<_> = problem
            .errors
            .iter()
            .map(|fault| fault.pointer.as_str())
            .collect();
        let expected = [
            "/sagas/0/definition",
            "/sagas/3/input/amount",
            "/sagas/3/tags/a",
            "/sagas/7/id",
        ];
        assert_eq!(places, expected);
    }

    #[test]
    fn what_is_not_the_client_s_fault_is_not_told_as_one() {
        let errors = vec![(0, StartError::Commit("disk full".to_owned()))];
        let refused = Refused::from(BatchError::Items { errors });
        assert_eq!(refused.problem().code, Code::Internal);
    }
}
