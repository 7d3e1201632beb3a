//! What surrounds every request: counts, room, time, and where it may come from.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::problem::Refused;
use crate::wire::Code;

/// Counts a request, and logs it at level debug.
pub(crate) async fn count(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let took = began.elapsed();
    let route = route.as_ref().map(MatchedPath::as_str);
    api.metrics
        .answered(&method, route, response.status(), took);
    tracing::debug!(%method, route, status = response.status().as_u16(), ?took, "request");
    response
}

/// Lets a request in while there is room, and gives it `timeout`.
pub(crate) async fn admit(
    State((api, timeout)): State<(Arc<Api>, Duration)>,
    request: Request,
    next: Next,
) -> Result<Response, Refused> {
    from_here(request.method(), request.headers())?;
    let _room = api.room.try_acquire().map_err(|_| {
        let most = api.limits.max_requests;
        Refused::new(
            Code::Overloaded,
            format!("{most} requests are being worked on: try again in a moment."),
        )
    })?;
    tokio::time::timeout(timeout, next.run(request)).await.map_err(|_| {
        let detail = format!("The request was not done within {timeout:?}. Ask whether it was before you repeat it.");
        Refused::new(Code::Timeout, detail)
    })
}

/// Refuses what a page of another site makes a browser send. The server may listen where a browser
/// of its user can reach it, and has no other way to tell the two apart.
fn from_here(method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
    let cross_site = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site");
    if cross_site && !method.is_safe() {
        return Err(Refused::new(
            Code::CrossSite,
            "A page of another site may not change anything here.",
        ));
    }
    Ok(())
}

/// What a panic in a handler becomes.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the signature that the layer calls"
)]
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let reason = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason was given");
    tracing::error!(reason, "a handler panicked");
    Refused::new(
        Code::Internal,
        "The server could not do it; its log has the reason.",
    )
    .into_response()
}

/// Does something to its end though the client may hang up, or its time be over, before that: what
/// changes the journal is not to be dropped between two steps.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Refused> {
    match tokio::spawn(work).await {
        Ok(done) => Ok(done),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only the end of the runtime cancels it.
            Err(_) => Err(Refused::shutting_down()),
        },
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn pages_of_other_sites_can_read_and_not_write() {
        let site = |site| {
            HeaderMap::from_iter([(
                "sec-fetch-site".parse().expect("a name"),
                HeaderValue::from_static(site),
            )])
        };
        assert!(from_here(&Method::GET, &site("cross-site")).is_ok());
        assert!(from_here(&Method::POST, &site("same-origin")).is_ok());
        assert!(from_here(&Method::POST, &HeaderMap::new()).is_ok());
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let refused = from_here(&method, &site("cross-site")).expect_err("a problem");
            assert_eq!(refused.problem().code, Code::CrossSite);
        }
    }

    #[tokio::test]
    async fn work_goes_on_when_nobody_waits_for_it_any_more() {
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let (done, mut is_done) = tokio::sync::oneshot::channel();
        let mut work = Box::pin(to_the_end(async move {
            gone.await.expect("a signal");
            done.send(()).expect("somebody listens");
        }));
        assert!(futures::poll!(work.as_mut()).is_pending());
        drop(work);
        assert!(is_done.try_recv().is_err());
        go.send(()).expect("the work goes on");
        is_done.await.expect("the work was done");
    }
}
