//! The description of the API in OpenAPI 3.1, made from the handlers.

use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, Response};

use crate::wire::{PROBLEM_JSON, Problem};

/// What the handlers do not say.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Wasaga",
        description = "Runs sagas whose steps are WebAssembly components.\n\n\
            Errors are problems (RFC 9457) with a stable `code`. Lists are paged: send `next_cursor` \
            as `cursor` until it is null.\n\n\
            The server answers to its IP address, to `localhost`, and to the names that it was given \
            with `--allowed-host`.",
    ),
    components(schemas(Problem)),
    tags(
        (name = "components", description = "Uploaded code, its versions, and what it is granted"),
        (name = "definitions", description = "Which steps a saga has, in which order, under which policies"),
        (name = "sagas", description = "Executions of definitions"),
        (name = "callbacks", description = "Replies to steps that wait for one"),
        (name = "breakers", description = "Actions that fail so often that they are left alone for a while"),
        (name = "secrets", description = "What components may use without knowing it"),
        (name = "operation", description = "Health, readiness and metrics"),
    ),
)]
pub(crate) struct Description;

/// Problem that every operation may answer with.
const ALWAYS: [(&str, &str); 1] = [(
    "421",
    "`unknown-host`: the server does not answer to the host of the request",
)];

/// Problem that every operation may answer with that changes something.
const CHANGING: [(&str, &str); 1] = [(
    "403",
    "`cross-site`: the request comes from a web page of another origin",
)];

/// Problems that every operation under `/v1` may answer with, beside its own.
const COMMON: [(&str, &str); 3] = [
    ("500", "`internal`"),
    (
        "503",
        "`overloaded`, `shutting-down`, `unavailable`: try again after `Retry-After` seconds",
    ),
    (
        "504",
        "`timeout`: whether the request was done is not known",
    ),
];

/// Adds what holds for every operation: each error is a problem.
pub(crate) fn finish(mut document: Document) -> Document {
    for (path, item) in &mut document.paths.paths {
        for operation in changing(item) {
            add(operation, &CHANGING);
        }
        for operation in operations(item) {
            add(operation, &ALWAYS);
            if path.starts_with("/v1/") {
                add(operation, &COMMON);
            }
            for (status, response) in &mut operation.responses.responses {
                if status.starts_with(['4', '5'])
                    && let RefOr::T(response) = response
                    && response.content.is_empty()
                {
                    let problem = ContentBuilder::new()
                        .schema(Some(Ref::from_schema_name("Problem")))
                        .build();
                    response
                        .content
                        .insert(PROBLEM_JSON.to_owned(), RefOr::T(problem));
                }
            }
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

fn changing(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.put,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

fn add(operation: &mut Operation, problems: &[(&str, &str)]) {
    for &(status, description) in problems {
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(Response::new(description)));
    }
}

#[cfg(test)]
mod tests;
