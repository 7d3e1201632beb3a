//! `PUT /v1/components/{name}/active`

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use wasaga_core::Name;
use wasaga_journal::Activation;

use super::{component, etag, unknown};
use crate::api::Api;
use crate::api::extract::{At, Json};
use crate::api::guard::to_the_end;
use crate::api::problem::Refused;
use crate::wire::{ActivateComponent, Code, Component};

/// Swap the active version of a component, or roll it back.
///
/// New steps take the active version; those that started keep theirs.
#[utoipa::path(
    put, path = "/v1/components/{name}/active", tag = "components",
    params(
        ("name" = crate::wire::schema::Name, Path, description = "Name of the component"),
        ("If-Match" = Option<String>, Header, description = "The component's `ETag`: swap only if nobody did meanwhile"),
    ),
    request_body = ActivateComponent,
    responses(
        (status = 200, description = "The version is active", body = Component,
            headers(("ETag" = String, description = "The new one"))),
        (status = 400, description = "`invalid-name`, `invalid-header`, `malformed-json`"),
        (status = 404, description = "`unknown-component`"),
        (status = 412, description = "`outdated`: somebody else swapped it; `generation` is the present one"),
        (status = 413, description = "`body-too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid-body`"),
    )
)]
pub(crate) async fn activate_component(
    State(api): State<Arc<Api>>,
    At(name): At<Name>,
    headers: HeaderMap,
    Json(body): Json<ActivateComponent>,
) -> Result<Response, Refused> {
    let condition = if_match(&headers)?;
    let version = body.version;
    let activation = to_the_end(async move {
        let components = api.coordinator.components();
        let if_generation = match condition {
            Condition::None => None,
            Condition::Generation(generation) => Some(generation),
            Condition::Never => {
                // Says what the present one is; there is nothing else to do.
                let row = components
                    .get(&name)
                    .await?
                    .ok_or_else(|| unknown(&name, None))?;
                return Ok(Activation::Outdated {
                    generation: row.generation,
                });
            }
        };
        match components.activate(&name, version, if_generation).await? {
            Activation::NotFound => Err(unknown(&name, Some(version))),
            other => Ok::<_, Refused>(other),
        }
    })
    .await??;
    match activation {
        Activation::Done(row) => Ok((etag(row.generation), axum::Json(component(row))).into_response()),
        Activation::Outdated { generation } => Err(Refused::new(
            Code::Outdated,
            format!("Somebody else changed the active version: its ETag is \"{generation}\" now. Look at it before you swap."),
        )
        .with("generation", generation)),
        Activation::NotFound => Err(Refused::new(Code::UnknownComponent, "There is no such component or version.")),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// Whatever it is.
    None,
    /// While the generation is this one.
    Generation(u64),
    /// The tag is none that this server gives out, or a weak one: it matches nothing.
    Never,
}

fn if_match(headers: &HeaderMap) -> Result<Condition, Refused> {
    let refused = || {
        let detail =
            "Expected one entity tag in `If-Match`, the component's `ETag` such as \"3\", or `*`.";
        Refused::new(Code::InvalidHeader, detail)
    };
    let mut values = headers.get_all(header::IF_MATCH).iter();
    let Some(value) = values.next() else {
        return Ok(Condition::None);
    };
    if values.next().is_some() {
        return Err(refused());
    }
    let text = value.to_str().map_err(|_| refused())?.trim();
    if text == "*" {
        return Ok(Condition::None);
    }
    if text.starts_with("W/\"") && text.ends_with('"') {
        return Ok(Condition::Never);
    }
    let tag = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or_else(refused)?;
    if tag.contains('"') {
        return Err(refused());
    }
    Ok(tag.parse().map_or(Condition::Never, Condition::Generation))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(text: &'static str) -> Result<Condition, Refused> {
        if_match(&HeaderMap::from_iter([(
            header::IF_MATCH,
            HeaderValue::from_static(text),
        )]))
    }

    #[test]
    fn a_tag_is_a_condition_and_what_is_no_tag_a_problem() {
        assert_eq!(
            if_match(&HeaderMap::new()).expect("no condition"),
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
