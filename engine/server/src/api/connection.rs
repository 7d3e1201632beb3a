//! Accepting connections, and ending them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::write_timeout::WriteTimeout;

/// Most bytes of a request's line and headers together.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Most headers of a request.
const MAX_HEADERS: usize = 100;

/// How long to wait before accepting again after the system had no file descriptor left.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// What connections may do.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Connections at the same time. Others wait until one is closed.
    pub max_connections: usize,
    /// Time for the head of a request, counted from the end of the request before it: a connection
    /// that is idle for longer is closed.
    pub header_timeout: Duration,
    /// Time in which a client has to take something of what is sent to it: one that takes nothing for
    /// longer is hung up on.
    pub write_timeout: Duration,
}

/// Serves `router` until `stopping` is cancelled. Then lets requests that are being worked on
/// finish, and closes what is idle. Whoever does not want to wait for that drops the future.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: Settings,
    stopping: CancellationToken,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES);
    let room = Arc::new(Semaphore::new(settings.max_connections));
    let graceful = GracefulShutdown::new();
    let service = TowerToHyperService::new(router);
    loop {
        let (permit, accepted) = tokio::select! {
            () = stopping.cancelled() => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                rest_after(&error).await;
                continue;
            }
        };
        // A response is written whole: waiting for more to send with it only delays it.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection without TCP_NODELAY");
        }
        let stream = WriteTimeout::new(stream, settings.write_timeout);
        let connection =
            graceful.watch(builder.serve_connection(TokioIo::new(stream), service.clone()));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(permit);
        });
    }
    // Nobody shall queue where nobody accepts any more.
    drop(listener);
    graceful.shutdown().await;
}

type Accepted = io::Result<(tokio::net::TcpStream, std::net::SocketAddr)>;

/// Accepts a connection once there is room for it.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (Option<tokio::sync::OwnedSemaphorePermit>, Accepted) {
    // The semaphore is never closed.
    let permit = Arc::clone(room).acquire_owned().await.ok();
    (permit, listener.accept().await)
}

/// A client that is gone already is no reason to pause; a system without file descriptors is.
async fn rest_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        tracing::error!(%error, "a connection could not be accepted");
        tokio::time::sleep(EXHAUSTED_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::Notify;

    use super::*;

    const WRITE_TIMEOUT: Duration = Duration::from_millis(50);

    struct Server {
        address: std::net::SocketAddr,
        stopping: CancellationToken,
        ended: tokio::task::JoinHandle<()>,
    }

    async fn server(router: Router, max_connections: usize, header_timeout: Duration) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stopping = CancellationToken::new();
        let settings = Settings {
            max_connections,
            header_timeout,
            write_timeout: WRITE_TIMEOUT,
        };
        let ended = tokio::spawn(serve(listener, router, settings, stopping.clone()));
        Server {
            address,
            stopping,
            ended,
        }
    }

    fn hello() -> Router {
        Router::new().route("/", get(|| async { "hello" }))
    }

    /// Sends a request and reads up to the end of its response.
    async fn ask(stream: &mut TcpStream) {
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .expect("a connection");
        let mut text = Vec::new();
        while !text.ends_with(b"hello") {
            assert_ne!(
                stream.read_buf(&mut text).await.expect("a response"),
                0,
                "the connection ended"
            );
        }
    }

    /// Reads until the server closes the connection.
    async fn end(stream: &mut TcpStream) {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.expect("an end");
    }

    #[tokio::test]
    async fn an_idle_connection_is_closed_at_shutdown() {
        let server = server(hello(), 8, Duration::from_secs(60)).await;
        let mut stream = TcpStream::connect(server.address)
            .await
            .expect("a connection");
        ask(&mut stream).await;
        ask(&mut stream).await;
        server.stopping.cancel();
        end(&mut stream).await;
        server.ended.await.expect("an end");
        assert!(TcpStream::connect(server.address).await.is_err());
    }

    #[tokio::test]
    async fn a_request_that_is_being_worked_on_is_finished_at_shutdown() {
        let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let notes = (Arc::clone(&began), Arc::clone(&go));
        let slow = get(move || async move {
            notes.0.notify_one();
            notes.1.notified().await;
            "hello"
        });
        let server = server(Router::new().route("/", slow), 8, Duration::from_secs(60)).await;
        let mut stream = TcpStream::connect(server.address)
            .await
            .expect("a connection");
        let asked = tokio::spawn(async move { ask(&mut stream).await });
        began.notified().await;
        server.stopping.cancel();
        go.notify_one();
        asked.await.expect("a response");
        server.ended.await.expect("an end");
    }

    #[tokio::test]
    async fn who_is_slow_with_a_request_s_head_is_hung_up_on() {
        let server = server(hello(), 8, Duration::from_millis(50)).await;
        let mut stream = TcpStream::connect(server.address)
            .await
            .expect("a connection");
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost:")
            .await
            .expect("a connection");
        end(&mut stream).await;
    }

    #[tokio::test]
    async fn connections_beyond_the_limit_wait_for_one_to_end() {
        let server = server(hello(), 1, Duration::from_secs(60)).await;
        let mut first = TcpStream::connect(server.address)
            .await
            .expect("a connection");
        ask(&mut first).await;
        let mut second = TcpStream::connect(server.address)
            .await
            .expect("a place in the queue");
        let mut asked = Box::pin(ask(&mut second));
        assert!(futures::poll!(asked.as_mut()).is_pending());
        drop(first);
        asked.await;
    }

    #[tokio::test]
    async fn who_does_not_read_is_hung_up_on() {
        let (held, dropped) = tokio::sync::oneshot::channel::<()>();
        let held = Arc::new(std::sync::Mutex::new(Some(held)));
        let endless = get(move || {
            let held = held.lock().expect("a lock").take();
            let pieces = futures::stream::repeat_with(move || {
                let _ = &held;
                Ok::<_, io::Error>(vec![0; 64 * 1024])
            });
            async { axum::body::Body::from_stream(pieces) }
        });
        let router = Router::new().route("/", endless);
        let server = server(router, 8, Duration::from_secs(60)).await;
        let mut stream = TcpStream::connect(server.address)
            .await
            .expect("a connection");
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .expect("a connection");
        dropped.await.expect_err("the body is dropped");
    }
}
