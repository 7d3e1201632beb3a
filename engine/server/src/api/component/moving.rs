//! `POST /v1/components/{name}/move`

use std::sync::Arc;

use axum::extract::State;
use wasaga_coordinator::{MAX_MOVED, Move, MoveError, Moved, Then, Which};
use wasaga_core::{Name, Problem, Status};
use wasaga_journal::Cursor;

use super::unknown;
use crate::api::Api;
use crate::api::extract::{At, Json};
use crate::api::guard::to_the_end;
use crate::api::order::order;
use crate::api::problem::{Refused, sentence};
use crate::wire::{Code, LeftSaga, MoveSagas, MovedSagas};

/// Let sagas that wait, are paused or are stuck go on on another version of a component.
///
/// Of each saga those steps are moved that are bound to `from` and have something left to do; its
/// journal says who did it. The other version has to export what the present one does of the contract.
/// Of sagas that are found by `status`, 200 are moved at a time: go on with `next_cursor`.
#[utoipa::path(
    post, path = "/v1/components/{name}/move", tag = "components",
    params(("name" = crate::wire::schema::Name, Path, description = "Name of the component")),
    request_body = MoveSagas,
    responses(
        (status = 200, description = "Which sagas were moved, and which were not and why", body = MovedSagas),
        (status = 400, description = "`invalid-name`, `invalid-cursor`, `malformed-json`"),
        (status = 404, description = "`unknown-component`"),
        (status = 409, description = "`version-lacks-export`: `exports` has what the version lacks; `import-not-granted`: `imports` has what the policy does not grant; `no-active-version`: say which version to move `to`"),
        (status = 413, description = "`body-too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid-body`"),
    )
)]
pub(crate) async fn move_sagas(
    State(api): State<Arc<Api>>,
    At(name): At<Name>,
    Json(body): Json<MoveSagas>,
) -> Result<axum::Json<MovedSagas>, Refused> {
    let request = request(name, body)?;
    let moved =
        to_the_end(async move { api.coordinator.sagas().change_version(request).await }).await??;
    let Moved { moved, left, next } = moved;
    let left = left.into_iter();
    Ok(axum::Json(MovedSagas {
        moved,
        left: left
            .map(|(saga, reason)| LeftSaga { saga, reason })
            .collect(),
        next_cursor: next.map(|cursor| cursor.0),
    }))
}

fn request(component: Name, body: MoveSagas) -> Result<Move, Refused> {
    let wrong =
        |pointer: &str, message: String| Refused::invalid_body(Problem::new(pointer, message));
    let MoveSagas {
        from,
        to,
        sagas,
        status,
        definition,
        tag,
        cursor,
        retry,
        reason,
        by,
    } = body;
    if from == 0 {
        let message = "expected the number of the version that sagas are bound to";
        return Err(wrong("/from", message.to_owned()));
    }
    if to == Some(from) {
        let message = format!("expected another version than {from}, to which they are bound");
        return Err(wrong("/to", message));
    }
    let which = match (sagas, status) {
        (Some(ids), None) => {
            let found = ids.len();
            if !(1..=MAX_MOVED as usize).contains(&found) {
                let message = format!("expected 1 to {MAX_MOVED} sagas, found {found}");
                return Err(wrong("/sagas", message));
            }
            for (field, is_there) in [
                ("/definition", definition.is_some()),
                ("/tag", tag.is_some()),
                ("/cursor", cursor.is_some()),
            ] {
                if is_there {
                    let message = "goes with `status`, not with `sagas`";
                    return Err(wrong(field, message.to_owned()));
                }
            }
            Which::Ids(ids)
        }
        (None, Some(status @ (Status::Waiting | Status::Paused | Status::Stuck))) => {
            let tag = match tag {
                None => None,
                Some(text) => match text.split_once('=') {
                    Some((label, value)) if !label.is_empty() => {
                        Some((label.to_owned(), value.to_owned()))
                    }
                    _ => {
                        let message = format!(
                            "expected a label and its value such as `customer=42`, found `{text:.64}`"
                        );
                        return Err(wrong("/tag", message));
                    }
                },
            };
            Which::Filter {
                status,
                definition,
                tag,
                after: cursor.map(Cursor),
            }
        }
        (None, Some(status)) => {
            let message = format!("expected waiting, paused or stuck, found {status}");
            return Err(wrong("/status", message));
        }
        (Some(_), Some(_)) | (None, None) => {
            let message = "expected either `sagas` or `status`";
            return Err(wrong("", message.to_owned()));
        }
    };
    Ok(Move {
        component,
        from,
        to,
        which,
        then: if retry { Then::Retry } else { Then::Wait },
        order: order(by, reason)?,
    })
}

impl From<MoveError> for Refused {
    fn from(error: MoveError) -> Self {
        let detail = sentence(&error);
        match error {
            MoveError::NoVersion { component, version } => unknown(&component, Some(version)),
            MoveError::NoActive(_) => Self::new(Code::NoActiveVersion, detail),
            MoveError::Lacks { exports, .. } => {
                Self::new(Code::VersionLacksExport, detail).with("exports", exports)
            }
            MoveError::NotGranted { imports, .. } => {
                Self::new(Code::ImportNotGranted, detail).with("imports", imports)
            }
            MoveError::Command(error) => error.into(),
            MoveError::Journal(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wasaga_core::SagaId;

    use super::*;

    fn read(body: Value) -> Result<Move, Refused> {
        let body = serde_json::from_value(body).expect("a body");
        request(Name::new("pay").expect("a name"), body)
    }

    fn place(body: Value) -> String {
        let refused = read(body).expect_err("a problem");
        assert_eq!(refused.problem().code, Code::InvalidBody);
        refused.problem().errors[0].pointer.clone()
    }

    #[test]
    fn sagas_are_named_or_found_and_not_both() {
        let id = SagaId::from_parts(1, &[7; 10]);
        let named = read(json!({"from": 1, "sagas": [id]})).expect("a request");
        assert!(matches!(named.which, Which::Ids(ids) if ids == [id]));
        assert_eq!(named.then, Then::Wait);
        let body = json!({"from": 1, "to": 2, "status": "stuck", "tag": "a=b=c", "retry": true});
        let found = read(body).expect("a request");
        assert_eq!((found.to, found.then), (Some(2), Then::Retry));
        let Which::Filter { status, tag, .. } = found.which else {
            panic!("sagas are found");
        };
        assert_eq!(status, Status::Stuck);
        assert_eq!(tag, Some(("a".to_owned(), "b=c".to_owned())));

        assert_eq!(place(json!({"from": 1})), "");
        let both = json!({"from": 1, "sagas": [id], "status": "stuck"});
        assert_eq!(place(both), "");
        assert_eq!(place(json!({"sagas": [id]})), "/from");
        assert_eq!(place(json!({"from": 1, "sagas": []})), "/sagas");
        assert_eq!(place(json!({"from": 1, "sagas": vec![id; 201]})), "/sagas");
        let with_cursor = json!({"from": 1, "sagas": [id], "cursor": "s1"});
        assert_eq!(place(with_cursor), "/cursor");
        assert_eq!(place(json!({"from": 1, "status": "running"})), "/status");
        let tag = json!({"from": 1, "status": "stuck", "tag": "customer"});
        assert_eq!(place(tag), "/tag");
    }
}
