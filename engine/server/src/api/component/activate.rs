//! `PUT /v1/components/{name}/active`

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Deserializer, de};
use wasaga_coordinator::{MAX_SAGAS, SwitchRequest};
use wasaga_core::Name;
use wasaga_journal::SwitchTo;

use super::condition::{Condition, get, outdated, switch};
use super::verify::verify;
use crate::api::Api;
use crate::api::extract::{At, Json, Query};
use crate::api::guard::to_the_end;
use crate::api::order::order;
use crate::api::problem::Refused;
use crate::wire::{ActivateComponent, Code, Component, Verification};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ActivateQuery {
    verify: Option<Sagas>,
    differences: Differences,
}

/// How many sagas to verify a version on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sagas(u32);

impl<'de> Deserialize<'de> for Sagas {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match text.parse() {
            Ok(sagas @ 1..=MAX_SAGAS) => Ok(Self(sagas)),
            _ => Err(de::Error::custom(format_args!(
                "expected a number of sagas from 1 to {MAX_SAGAS}, found `{text:.40}`"
            ))),
        }
    }
}

/// What differences mean for an activation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Differences {
    /// That it is refused.
    #[default]
    Refuse,
    /// Nothing: nobody looks for them.
    Accept,
}

/// Swap the active version of a component, roll it back, or promote its candidate.
///
/// New steps take the active version; those that started keep theirs. Nothing is shared any more with
/// a candidate.
///
/// With `verify` the version is tried first on the recorded calls of the last sagas of the present one,
/// and is not activated unless it does what that one did. The `ETag` of before that is then a condition
/// too: what somebody else activates meanwhile is not undone.
#[utoipa::path(
    put, path = "/v1/components/{name}/active", tag = "components",
    params(
        ("name" = crate::wire::schema::Name, Path, description = "Name of the component"),
        ("verify" = Option<u32>, Query, description = "Verify first, on the calls of so many sagas", minimum = 1, maximum = 1000),
        ("differences" = Option<String>, Query, description = "`refuse` unless it is given; with `accept` the version is activated whatever it does, and not verified"),
        ("If-Match" = Option<String>, Header, description = "The component's `ETag`: activate only if nobody changed the component meanwhile"),
    ),
    request_body = ActivateComponent,
    responses(
        (status = 200, description = "The version is active", body = Component,
            headers(("ETag" = String, description = "The new one"))),
        (status = 400, description = "`invalid-name`, `invalid-query`, `invalid-header`, `malformed-json`"),
        (status = 404, description = "`unknown-component`"),
        (status = 409, description = "`import-not-granted`: `imports` has what the policy does not grant; `verification-differs`: `verification` is the report (a `Verification`), which has differences, or nothing to compare; `no-active-version`: there is nothing to verify against"),
        (status = 412, description = "`outdated`: somebody else changed the component; `generation` is the present one"),
        (status = 413, description = "`body-too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid-body`, `invalid-component`: it cannot be loaded any more"),
    )
)]
pub(crate) async fn activate_component(
    State(api): State<Arc<Api>>,
    At(name): At<Name>,
    Query(query): Query<ActivateQuery>,
    headers: HeaderMap,
    Json(body): Json<ActivateComponent>,
) -> Result<Response, Refused> {
    let condition = Condition::read(&headers)?;
    let order = order(body.by, body.reason)?;
    let mut if_generation = condition.generation(&api, &name).await?;
    if let (Some(sagas), Differences::Refuse) = (query.verify, query.differences) {
        let seen = verified(&api, &name, body.version, sagas, if_generation).await?;
        if_generation = Some(seen);
    }
    let request = SwitchRequest {
        name,
        to: SwitchTo::Active {
            version: body.version,
        },
        if_generation,
        order,
    };
    to_the_end(async move { switch(&api, request).await }).await?
}

/// Makes sure that a version does what the active one did. Answers with the generation at which that one
/// was active.
async fn verified(
    api: &Api,
    name: &Name,
    version: u32,
    Sagas(sagas): Sagas,
    if_generation: Option<u64>,
) -> Result<u64, Refused> {
    let row = get(api, name).await?;
    if if_generation.is_some_and(|generation| generation != row.generation) {
        return Err(outdated(row.generation));
    }
    let active = row.active.ok_or_else(|| {
        let detail = format!(
            "Component `{name}` has no active version that this one could be verified against: activate it without `verify`."
        );
        Refused::new(Code::NoActiveVersion, detail)
    })?;
    let report = verify(api, name, version, Some(active), sagas).await?;
    if report.clean {
        return Ok(row.generation);
    }
    let detail = explain(&report);
    let report = serde_json::to_value(&report).map_err(|error| Refused::internal(&error))?;
    Err(Refused::new(Code::VerificationDiffers, detail).with("verification", report))
}

/// What is wrong with a verification that is not clean.
fn explain(report: &Verification) -> String {
    let Verification {
        version,
        against,
        calls,
        compared,
        same,
        ..
    } = report;
    let instead = "activate it with `?differences=accept` if that is as it should be";
    if *compared == 0 {
        let reasons = report.incomparable.keys();
        let reasons: Vec<&str> = reasons.map(String::as_str).collect();
        let why = match (*calls, reasons.join(", ")) {
            (0, _) => format!("no call of version {against} is in the journal"),
            (calls, why) => {
                format!("none of the {calls} calls of version {against} can be compared ({why})")
            }
        };
        return format!("There is nothing to verify version {version} on: {why}; {instead}.");
    }
    let different = compared - same;
    format!(
        "Version {version} does something else than version {against} in {different} of {compared} calls: `verification` has the differences; {instead}."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ActivateQuery, axum::extract::rejection::QueryRejection> {
        let uri = format!("/?{text}").parse().expect("a URI");
        axum::extract::Query::try_from_uri(&uri).map(|query| query.0)
    }

    #[test]
    fn a_verification_has_bounds_and_differences_are_refused_or_accepted() {
        assert_eq!(read("").expect("a query").verify, None);
        let query = read("verify=1000&differences=accept").expect("a query");
        assert_eq!(
            (query.verify, query.differences),
            (Some(Sagas(1000)), Differences::Accept)
        );
        for wrong in ["verify=0", "verify=1001", "verify=all", "differences=some"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
