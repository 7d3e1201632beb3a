//! Hosts, calls and services for the tests.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::IntoFuture as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::any;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use wasaga_core::event::Pin;
use wasaga_core::id::idempotency_key;
use wasaga_core::{
    Call, CallId, Certainty, Completion, Digest, Direction, Ended, Failure, Limits, Name, Policy,
    Reply, SagaId, StepPath, Timestamp,
};
use wasaga_host::{Called, Components, Host, HostConfig};

/// The bytes of a component that `tests/guests.sh` builds.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("the target directory");
    let file = target.join("guests").join(format!("{name}.wasm"));
    std::fs::read(&file)
        .unwrap_or_else(|error| panic!("{}: {error}: run tests/guests.sh", file.display()))
}

/// Components in memory.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<BTreeMap<Digest, Vec<u8>>>);

impl Shelf {
    pub(crate) fn put(&self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.0.lock().unwrap().insert(digest, bytes);
        digest
    }
}

#[async_trait]
impl Components for Shelf {
    async fn wasm(
        &self,
        digest: Digest,
    ) -> Result<Option<Vec<u8>>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.lock().unwrap().get(&digest).cloned())
    }
}

/// A host with one component.
pub(crate) struct Sandbox {
    pub(crate) host: Host,
    pub(crate) policy: Policy,
    pub(crate) digest: Digest,
}

impl Sandbox {
    /// With a component of `tests/guests`. What was compiled is kept from test to test.
    pub(crate) async fn new(component: &str) -> Self {
        Self::with(component, |_| {}).await
    }

    pub(crate) async fn with(component: &str, configure: impl FnOnce(&mut HostConfig)) -> Self {
        static COMPILED: OnceCell<()> = OnceCell::const_new();
        COMPILED
            .get_or_init(|| async {
                let host =
                    Host::new(HostConfig::new(cache_dir()), Arc::new(Shelf::default())).unwrap();
                host.prepare(guest("script")).await.unwrap();
            })
            .await;
        let shelf = Shelf::default();
        let digest = shelf.put(guest(component));
        let mut config = HostConfig::new(cache_dir());
        configure(&mut config);
        let host = Host::new(config, Arc::new(shelf)).unwrap();
        Self {
            host,
            policy: Policy::default(),
            digest,
        }
    }

    /// With the component `script`, which may reach `service`.
    pub(crate) async fn reaching(service: &Service) -> Self {
        let mut sandbox = Self::new("script").await;
        sandbox.policy.allowed_hosts = vec![service.host.clone()];
        sandbox
    }

    /// A call of `act` with these arguments.
    pub(crate) fn call(&self, arguments: Value) -> Call {
        let step = Name::new("step").unwrap();
        let path = StepPath::root(&step);
        let saga = SagaId::from_parts(1, &[7; 10]);
        Call {
            saga,
            definition: Name::new("test").unwrap(),
            idempotency_key: idempotency_key(saga, &path, Direction::Act, 0),
            id: CallId {
                direction: Direction::Act,
                step: path,
                attempt: 1,
            },
            attempt: 1,
            pin: Pin {
                component: Name::new("script").unwrap(),
                version: 1,
                digest: self.digest,
            },
            action: step,
            input: Arc::new(json!({ "in": 1 })),
            context: Arc::new(json!({ "con": "text" })),
            arguments: Arc::new(arguments),
            previous: None,
            result: None,
            reply: None,
            timeout: Duration::from_secs(60),
            limits: Limits::default(),
            started_at: Timestamp::from_unix_ms(1_700_000_000_123),
        }
    }

    /// A call of `on-reply` for the first reply to a step with these arguments, which was called twice
    /// until it answered `pending`.
    pub(crate) fn reply_call(&self, arguments: Value, reply: Reply) -> Call {
        let mut call = self.call(arguments);
        call.id.direction = Direction::OnReply;
        call.id.attempt = 3;
        call.idempotency_key = idempotency_key(call.saga, call.step(), Direction::OnReply, 1);
        call.reply = Some(Arc::new(reply));
        call
    }

    /// A call of `confirm` for a step with these arguments that completed with this result.
    pub(crate) fn confirm_call(&self, arguments: Value, result: Value) -> Call {
        let mut call = self.call(arguments);
        call.id.direction = Direction::Confirm;
        call.idempotency_key = idempotency_key(call.saga, call.step(), Direction::Confirm, 0);
        call.result = Some(Arc::new(result));
        call
    }

    pub(crate) async fn run(&self, call: &Call) -> Called {
        self.host.call(call, &Arc::new(self.policy.clone())).await
    }

    pub(crate) async fn act(&self, arguments: Value) -> Called {
        self.run(&self.call(arguments)).await
    }
}

fn cache_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("host-cache")
}

/// What a call completed with.
#[track_caller]
pub(crate) fn completed(called: &Called) -> &Completion {
    match &called.report.ended {
        Ended::Completed(completion) => completion,
        other => panic!("the call did not complete: {other:?}"),
    }
}

/// The payload of a call that answered `pending`.
#[track_caller]
pub(crate) fn pending(called: &Called) -> &Value {
    match &called.report.ended {
        Ended::Pending(payload) => payload,
        other => panic!("the call does not wait for a reply: {other:?}"),
    }
}

/// Why a call failed.
#[track_caller]
pub(crate) fn failed(called: &Called) -> (&Failure, Certainty) {
    match &called.report.ended {
        Ended::Failed { failure, certainty } => (failure, *certainty),
        other => panic!("the call did not fail: {other:?}"),
    }
}

/// A request that a service received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A service on this machine that keeps what it received.
///
/// `/hang` never answers, `/stall` stops after a byte, `/bytes/<n>` answers with so many bytes, `/away` redirects, everything else
/// answers `{"ok": true}`.
pub(crate) struct Service {
    /// `127.0.0.1` and its port.
    pub(crate) host: String,
    received: Arc<Mutex<Vec<Received>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let router = Router::new()
            .route("/hang", any(hang))
            .route("/stall", any(stall))
            .route("/bytes/{size}", any(bytes))
            .route(
                "/away",
                any(async || (StatusCode::FOUND, [("location", "http://127.0.0.1:1/")])),
            )
            .fallback(any(async || r#"{"ok": true}"#));
        Self::serving(router).await
    }

    /// One that answers otherwise.
    pub(crate) async fn serving(router: Router) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let router = router.layer(axum::middleware::from_fn_with_state(
            Arc::clone(&received),
            keep,
        ));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let server =
            tokio::spawn(async move { axum::serve(listener, router).into_future().await.unwrap() });
        Self {
            host,
            received,
            server,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }

    pub(crate) fn port(&self) -> &str {
        self.host.rsplit_once(':').unwrap().1
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn keep(
    State(received): State<Arc<Mutex<Vec<Received>>>>,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> axum::response::Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default();
    received.lock().unwrap().push(Received {
        method: head.method.clone(),
        path: head.uri.path().to_owned(),
        headers: head.headers.clone(),
        body: body.clone(),
    });
    next.run(axum::extract::Request::from_parts(head, body.into()))
        .await
}

async fn hang() {
    std::future::pending().await
}

async fn stall() -> Body {
    let byte = futures::stream::iter([Ok::<_, Infallible>("x")]);
    Body::from_stream(byte.chain(futures::stream::pending()))
}

async fn bytes(UrlPath(size): UrlPath<usize>) -> Vec<u8> {
    vec![b'x'; size]
}
