//! Which path and method leads where, and what surrounds every request.

use std::sync::Arc;

use axum::http::{Method, Uri, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::openapi::{Description, finish};
use super::problem::Refused;
use super::{
    Api, breaker, callback, component, definition, feed, guard, operation, origin, saga, secret,
};
use crate::wire::Code;

/// Where the description is.
const DESCRIPTION: &str = "/openapi.json";

/// The whole API.
pub fn router(api: Arc<Api>) -> Router {
    let limits = api.limits;
    let within = |timeout| from_fn_with_state((Arc::clone(&api), timeout), guard::admit);
    let requests = Router::new()
        .merge(Router::from(ordinary()).route_layer(within(limits.request_timeout)))
        .merge(
            Router::from(uploads())
                .route_layer(within(limits.upload_timeout))
                .route_layer(from_fn_with_state(Arc::clone(&api), guard::queue)),
        )
        .merge(Router::from(lengthy()).route_layer(within(limits.upload_timeout)))
        .merge(
            Router::from(starts()).route_layer(within(limits.request_timeout + limits.max_wait)),
        );
    let description = serde_json::to_string(&description()).unwrap_or_default();
    let docs = SwaggerUi::new("/docs").config(Config::from(DESCRIPTION));
    requests
        .merge(Router::from(operations()))
        .route(
            DESCRIPTION,
            get(describe).layer(Extension(Arc::<str>::from(description))),
        )
        .merge(docs)
        .route("/", get(async || Redirect::to("/docs/")))
        .fallback(unknown_path)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(guard::panicked))
        .layer(from_fn_with_state(Arc::clone(&api), origin::check))
        .layer(from_fn_with_state(Arc::clone(&api), guard::count))
        .layer(map_response(harden))
        .with_state(api)
}

/// The API's description.
pub(crate) fn description() -> Document {
    let router = OpenApiRouter::<Arc<Api>>::with_openapi(Description::openapi())
        .merge(ordinary())
        .merge(uploads())
        .merge(lengthy())
        .merge(starts())
        .merge(operations());
    finish(router.into_openapi())
}

fn ordinary() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(component::list_components))
        .routes(routes!(component::show_component))
        .routes(routes!(component::set_component_policy))
        .routes(routes!(component::list_component_switches))
        .routes(routes!(
            component::show_component_version,
            component::describe_component_version,
            component::remove_component_version
        ))
        .routes(routes!(component::download_component))
        .routes(routes!(definition::list_definitions))
        .routes(routes!(
            definition::show_definition,
            definition::apply_definition
        ))
        .routes(routes!(definition::show_definition_version))
        .routes(routes!(definition::draw_definition))
        .routes(routes!(definition::draw_definition_version))
        .routes(routes!(definition::show_definition_schema))
        .routes(routes!(saga::list_sagas))
        .routes(routes!(saga::show_saga))
        .routes(routes!(saga::read_saga_events))
        .routes(routes!(saga::read_saga_logs))
        .routes(routes!(saga::list_saga_calls))
        .routes(routes!(saga::show_saga_call))
        .routes(routes!(saga::draw_saga))
        .routes(routes!(saga::start_sagas))
        .routes(routes!(saga::cancel_saga))
        .routes(routes!(saga::pause_saga))
        .routes(routes!(saga::resume_saga))
        .routes(routes!(saga::retry_saga))
        .routes(routes!(saga::skip_saga))
        .routes(routes!(saga::abandon_saga))
        .routes(routes!(saga::commit_saga))
        .routes(routes!(saga::reject_saga))
        .routes(routes!(callback::reply))
        .routes(routes!(feed::follow_events))
        .routes(routes!(breaker::list_breakers))
        .routes(routes!(breaker::reset_breaker))
        .routes(routes!(secret::list_secrets))
}

/// What takes longer because the engine compiles.
fn uploads() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(component::upload_component))
}

/// What may take longer because the engine makes a version ready first, runs calls again, or has many
/// sagas to go through.
fn lengthy() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(component::activate_component))
        .routes(routes!(component::set_candidate, component::drop_candidate))
        .routes(routes!(component::verify_component_version))
        .routes(routes!(component::move_sagas))
        .routes(routes!(saga::rerun_saga_call))
}

/// What takes longer because the client waits.
fn starts() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(saga::start_saga))
}

/// What has to work however much there is to do.
fn operations() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(operation::health))
        .routes(routes!(operation::ready))
        .routes(routes!(operation::metrics))
}

async fn describe(
    Extension(description): Extension<Arc<str>>,
) -> impl axum::response::IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json")],
        description.to_string(),
    )
}

async fn unknown_path(uri: Uri) -> Refused {
    let path = uri.path();
    Refused::new(
        Code::UnknownPath,
        format!("There is nothing at `{path:.200}`. `/docs` has what there is."),
    )
}

async fn method_not_allowed(method: Method, uri: Uri) -> Refused {
    let path = uri.path();
    let detail =
        format!("`{path:.200}` does not take {method:.20}; the header `Allow` has what it takes.");
    Refused::new(Code::MethodNotAllowed, detail)
}

/// Browsers shall take every answer for what it says it is.
async fn harden(mut response: Response) -> Response {
    let nosniff = axum::http::HeaderValue::from_static("nosniff");
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}
