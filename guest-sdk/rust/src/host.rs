//! The engine, as a step reaches it. On other targets than wasm there is none: the log goes to standard error, nothing
//! is configured and no host can be reached, so that a step's own unit tests run.

#[cfg(target_arch = "wasm32")]
mod engine {
    pub(crate) use crate::bindings::wasaga::saga::config::get as config;
    pub(crate) use crate::bindings::wasaga::saga::http::send;
    pub(crate) use crate::bindings::wasaga::saga::log::write as log;
}

#[cfg(not(target_arch = "wasm32"))]
mod engine {
    use crate::bindings::wasaga::saga::http::{Error, Request, Response};
    use crate::bindings::wasaga::saga::log::Level;

    pub(crate) fn log(level: Level, message: &str) {
        eprintln!("{level:?}: {message}");
    }

    pub(crate) fn config(_name: &str) -> Option<String> {
        None
    }

    pub(crate) fn send(request: &Request) -> Result<Response, Error> {
        Err(Error::Connect(format!(
            "{} {}: outside the engine there is no network",
            request.method, request.url
        )))
    }
}

pub(crate) use engine::{config, log, send};
