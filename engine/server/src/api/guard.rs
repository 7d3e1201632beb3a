//! What surrounds every request: counts, room and time.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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

/// A place among the uploads that are worked on at the same time, kept until the last clone of it is
/// dropped.
#[derive(Clone, Debug)]
pub(crate) struct UploadPlace {
    _permit: Arc<OwnedSemaphorePermit>,
}

/// Lets an upload wait for its place: a component and what the compiler makes of it take far more
/// memory than other requests. Its body is read after that.
pub(crate) async fn queue(
    State(api): State<Arc<Api>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refused> {
    let place = upload_place(&api.uploads, api.limits.upload_timeout).await?;
    request.extensions_mut().insert(place);
    Ok(next.run(request).await)
}

async fn upload_place(uploads: &Arc<Semaphore>, most: Duration) -> Result<UploadPlace, Refused> {
    let permit = place(uploads, most, "uploads").await?;
    Ok(UploadPlace {
        _permit: Arc::new(permit),
    })
}

/// A place among the verifications that run at the same time. Who waits for one for longer than an
/// ordinary request may take is told to come back.
pub(crate) async fn verification_place(api: &Api) -> Result<OwnedSemaphorePermit, Refused> {
    place(
        &api.verifications,
        api.limits.request_timeout,
        "verifications",
    )
    .await
}

async fn place(
    places: &Arc<Semaphore>,
    most: Duration,
    others: &str,
) -> Result<OwnedSemaphorePermit, Refused> {
    match tokio::time::timeout(most, Arc::clone(places).acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        // The semaphore is never closed.
        Ok(Err(_)) | Err(_) => Err(Refused::new(
            Code::Overloaded,
            format!("Other {others} were not done within {most:?}: try again later."),
        )),
    }
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
    use super::*;

    #[tokio::test]
    async fn an_upload_has_its_place_until_it_is_done_and_others_wait_for_it() {
        let uploads = Arc::new(Semaphore::new(1));
        let patient = Duration::from_secs(60);
        let first = upload_place(&uploads, patient).await.expect("a place");
        let work = first.clone();
        drop(first);
        let refused = upload_place(&uploads, Duration::from_millis(1)).await;
        let refused = refused.expect_err("the work goes on");
        assert_eq!(refused.problem().code, Code::Overloaded);
        let mut second = Box::pin(upload_place(&uploads, patient));
        assert!(futures::poll!(second.as_mut()).is_pending());
        drop(work);
        second.await.expect("a place");
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
