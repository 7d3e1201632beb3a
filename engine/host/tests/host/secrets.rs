//! Secrets: a component uses one and cannot learn it, whatever it tries.

use serde_json::{Value, json};
use wasaga_core::recording::RequestErrorKind;
use wasaga_core::{Policy, SecretGrant};
use wasaga_host::{Called, HostConfig, PolicyError, Secrets};

use crate::echo;
use crate::support::{Sandbox, Service, completed};

/// With all that is written differently in one form or another.
const VALUE: &str = "s3cr3t/+&\"<\u{fc}> value";
/// One that a header's name can be.
const WORD: &str = "Hunter2-Hunter2";

fn secrets(config: &mut HostConfig) {
    let secrets = [("payments", VALUE), ("word", WORD)];
    let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
    config.secrets = Secrets::new(secrets).unwrap();
}

fn grant(secret: &str, hosts: &[&str]) -> SecretGrant {
    SecretGrant {
        secret: secret.to_owned(),
        hosts: hosts.iter().map(ToString::to_string).collect(),
    }
}

/// A sandbox with the secret `token`, bound to this service.
async fn thief(component: &str, secret: &str, service: &Service) -> Sandbox {
    let mut sandbox = Sandbox::with(component, secrets).await;
    sandbox.policy.allowed_hosts = vec![
        service.host.clone(),
        format!("localhost:{}", service.port()),
    ];
    let grant = grant(secret, &[&service.host]);
    sandbox.policy.secrets.insert("token".to_owned(), grant);
    sandbox
}

/// Everything that leaves the sandbox, as text.
fn everything(called: &Called) -> String {
    let mut text = format!("{called:?}");
    for record in &called.report.requests {
        text.push_str(&serde_json::to_string(record).unwrap());
    }
    text.push_str(&serde_json::to_string(&called.logs).unwrap());
    if let wasaga_core::Ended::Completed(completion) = &called.report.ended {
        text.push_str(&completion.result.to_string());
    }
    text
}

/// No part of a value that says something is in what leaves the sandbox.
#[track_caller]
fn assert_kept(called: &Called, value: &str) {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD_NO_PAD;
    let all = everything(called);
    let mut telling = vec![
        value.to_owned(),
        value.to_lowercase(),
        value[..6].to_owned(),
    ];
    for before in ["", "x", "xx"] {
        let digits = BASE64_STANDARD_NO_PAD.encode(format!("{before}{value}"));
        telling.push(digits[4..14].to_owned());
    }
    for part in telling {
        assert!(!all.contains(&part), "{part} is in {all}");
    }
}

fn responses(called: &Called) -> &Vec<Value> {
    completed(called).result["responses"].as_array().unwrap()
}

async fn placeholder(sandbox: &Sandbox) -> String {
    let called = sandbox.act(json!({ "config": "token" })).await;
    completed(&called).result["config"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_component_gets_a_placeholder_that_stays_and_is_its_own() {
    let service = Service::serving(echo::router()).await;
    let sandbox = thief("script", "payments", &service).await;
    let mine = placeholder(&sandbox).await;
    assert!(mine.starts_with("wasaga-secret-"), "{mine}");
    assert_eq!(mine.len(), "wasaga-secret-".len() + 64);

    let again = thief("script", "word", &service).await;
    assert_eq!(
        placeholder(&again).await,
        mine,
        "after a restart, and with another secret behind it"
    );
    let mut call = sandbox.call(json!({ "config": "token" }));
    call.pin.component = wasaga_core::Name::new("other").unwrap();
    let other = sandbox.run(&call).await;
    assert_ne!(completed(&other).result["config"], mine.as_str());
}

#[tokio::test]
async fn headers_and_bodies_carry_the_value_to_the_host_it_is_bound_to_and_no_other() {
    let service = Service::serving(echo::router()).await;
    let sandbox = thief("script", "payments", &service).await;
    let mine = placeholder(&sandbox).await;
    let requests = |base: &str| {
        json!([
            { "url": format!("{base}/echo/plain"), "headers": { "authorization": "Bearer {config:token}" } },
            { "url": format!("{base}/echo/plain"), "basic": "user:{config:token}" },
            { "method": "POST", "url": format!("{base}/echo/plain"), "body": "a {config:token} b {config:token}" },
            { "method": "POST", "url": format!("{base}/echo/plain"), "body": { "key": "{config:token}" },
              "headers": { "content-type": "application/json" } },
            { "method": "POST", "url": format!("{base}/echo/plain"), "body": "grant=x&key={config:token}",
              "headers": { "content-type": "application/x-www-form-urlencoded" } },
            { "url": format!("{base}/echo/plain?key={{config:token}}") },
        ])
    };
    let bound = sandbox
        .act(json!({ "requests": requests(&service.url("")) }))
        .await;
    completed(&bound);
    assert_kept(&bound, VALUE);
    let sent = service.received();
    let header = |index: usize, name: &str| {
        String::from_utf8(sent[index].headers[name].as_bytes().to_vec()).unwrap()
    };
    assert_eq!(header(0, "authorization"), format!("Bearer {VALUE}"));
    let basic = {
        use base64::Engine as _;
        base64::prelude::BASE64_STANDARD.encode(format!("user:{VALUE}"))
    };
    assert_eq!(header(1, "authorization"), format!("Basic {basic}"));
    let body = |index: usize| String::from_utf8(sent[index].body.to_vec()).unwrap();
    assert_eq!(body(2), format!("a {VALUE} b {VALUE}"));
    assert_eq!(header(2, "content-length"), body(2).len().to_string());
    assert_eq!(
        serde_json::from_str::<Value>(&body(3)).unwrap()["key"],
        VALUE
    );
    assert_eq!(
        body(4),
        "grant=x&key=s3cr3t%2F%2B%26%22%3C%C3%BC%3E%20value"
    );
    // A URL never carries one: services log them.
    assert_eq!(sent[5].path, "/echo/plain");
    assert!(!format!("{:?}", sent[5]).contains("s3cr3t"));

    let elsewhere = format!("http://localhost:{}", service.port());
    let unbound = sandbox
        .act(json!({ "requests": requests(&elsewhere) }))
        .await;
    completed(&unbound);
    let sent = service.received();
    assert_eq!(sent.len(), 12);
    assert!(sent[6..].iter().all(|received| {
        let text = format!("{received:?}");
        !text.contains("s3cr3t") && !text.contains(&basic)
    }));
    assert_eq!(
        sent[6].headers["authorization"],
        format!("Bearer {mine}").as_str()
    );
    assert_eq!(sent[8].body, format!("a {mine} b {mine}"));
}

#[tokio::test]
async fn a_value_is_taken_out_of_whatever_comes_back() {
    let service = Service::serving(echo::router()).await;
    let sandbox = thief("script", "payments", &service).await;
    let mine = placeholder(&sandbox).await;
    for form in [
        "plain",
        "base64",
        "base64-in-text",
        "json",
        "json-slashes",
        "percent",
        "pieces",
        "gzip",
        "range",
        "error",
        "header",
    ] {
        let url = service.url(&format!("/echo/{form}"));
        for sent in [
            json!({ "headers": { "x-secret": "{config:token}", "range": "bytes=0-9" } }),
            json!({ "headers": { "x-secret": "xy{config:token}z" } }),
            json!({ "basic": "user:{config:token}" }),
            json!({ "basic": "{config:token}" }),
            json!({ "method": "POST", "body": "{config:token}{config:token}" }),
        ] {
            let mut request = sent;
            request["url"] = json!(url);
            request["tolerate"] = json!(true);
            request["expect_status"] = json!(false);
            let called = sandbox.act(json!({ "requests": [request] })).await;
            completed(&called);
            assert_kept(&called, VALUE);
        }
    }
    let request = json!({
        "url": service.url("/echo/plain"), "headers": { "x-secret": "a {config:token} b" },
    });
    let called = sandbox.act(json!({ "requests": [request] })).await;
    assert_eq!(responses(&called)[0]["body"], format!("a {mine} b"));
    assert_eq!(
        responses(&called)[0]["headers"]["content-length"],
        Value::Null
    );
}

#[tokio::test]
async fn a_value_is_taken_out_of_answers_of_hosts_that_it_is_not_bound_to() {
    let service = Service::serving(echo::router()).await;
    let sandbox = thief("script", "payments", &service).await;
    // Somebody else has told the other host.
    let url = format!("http://localhost:{}/echo/plain", service.port());
    let request = json!({ "url": url, "headers": { "x-secret": VALUE } });
    let called = sandbox.act(json!({ "requests": [request] })).await;
    let told = responses(&called)[0]["body"].as_str().unwrap();
    assert!(told.starts_with("wasaga-secret-"), "{told}");
    assert_kept(&called, VALUE);
}

#[tokio::test]
async fn names_of_headers_tell_nothing_either() {
    let service = Service::serving(echo::router()).await;
    let sandbox = thief("script", "word", &service).await;
    let request = json!({
        "url": service.url("/echo/header"), "headers": { "x-secret": "{config:token}" },
    });
    let called = sandbox.act(json!({ "requests": [request] })).await;
    let headers = responses(&called)[0]["headers"].as_object().unwrap();
    assert!(
        headers["x-told"]
            .as_str()
            .unwrap()
            .starts_with("wasaga-secret-")
    );
    assert_kept(&called, WORD);
}

#[tokio::test]
async fn answers_of_a_bound_host_come_as_they_are_and_whole() {
    let service = Service::serving(echo::router()).await;
    let sandbox = thief("script", "payments", &service).await;
    let headers = json!({
        "accept-encoding": "gzip, br", "range": "bytes=0-3", "if-range": "x", "x-other": "{config:token}",
    });
    let request = |url: String| json!({ "url": url, "headers": headers, "tolerate": true });
    let elsewhere = format!("http://localhost:{}/accept", service.port());
    let requests = [
        request(service.url("/accept")),
        request(elsewhere),
        request(service.url("/echo/gzip")),
    ];
    let called = sandbox.act(json!({ "requests": requests })).await;
    let responses = responses(&called);
    assert_eq!(responses[0]["body"], "accept-encoding: identity");
    assert_eq!(
        responses[1]["body"],
        "accept-encoding: gzip, br, range: bytes=0-3, if-range: x"
    );
    let message = responses[2]["error"]["message"].as_str().unwrap();
    assert!(message.contains("compressed"), "{message}");
    let record = &called.report.requests[2];
    assert_eq!(record.error_kind, Some(RequestErrorKind::Transport));
}

#[tokio::test]
async fn errors_and_logs_tell_nothing() {
    let service = Service::serving(echo::router()).await;
    let sandbox = thief("script", "word", &service).await;
    let mine = placeholder(&sandbox).await;
    let told = "{config:token}";
    let request = |url: String, header: &str| {
        json!({
            "method": "POST", "url": url, "headers": { header: told }, "body": told,
            "tolerate": true, "timeout_ms": 5_000,
        })
    };
    let arguments = json!({
        "requests": [
            request(service.url("/broken"), "x-secret"),
            request(service.url("/bytes/2000000"), "x-secret"),
            request(format!("http://{told}.test/"), "x-secret"),
            request(service.url("/echo/plain"), "bad header"),
            request(service.url("/echo/plain"), "host"),
        ],
        "log": [{ "message": format!("the secret is {told}") }],
        "print": told,
        "eprint": told,
        "panic": true,
    });
    let mut call = sandbox.call(arguments);
    call.limits.response_bytes = Some(1_000_000);
    let called = sandbox.run(&call).await;
    assert_kept(&called, WORD);
    let kinds = called
        .report
        .requests
        .iter()
        .map(|record| record.error_kind);
    let kinds: Vec<_> = kinds.map(|kind| kind.unwrap()).collect();
    use RequestErrorKind::{Forbidden, InvalidRequest, TooLarge, Transport};
    assert_eq!(
        kinds,
        [
            Transport,
            TooLarge,
            Forbidden,
            InvalidRequest,
            InvalidRequest
        ]
    );
    let journaled = serde_json::to_string(&called.report.requests).unwrap();
    assert!(!journaled.contains(&mine), "{journaled}");
}

#[tokio::test]
async fn a_streamed_body_is_filled_and_its_answer_scrubbed_across_the_pieces() {
    let service = Service::serving(echo::router()).await;
    let sandbox = thief("wasi", "payments", &service).await;
    for piece_bytes in [1, 7, 78, 4_096] {
        let request = json!({
            "method": "POST", "authority": service.host, "path": "/echo/pieces", "config": "token",
            "body": "<{config}> <{config}>", "piece_bytes": piece_bytes,
        });
        let called = sandbox
            .run(&sandbox.call(json!({ "request": request })))
            .await;
        let body = completed(&called).result["ok"]["body"].as_str().unwrap();
        assert!(body.starts_with("<wasaga-secret-"), "{body}");
        assert_kept(&called, VALUE);
        let received = service.received();
        let sent = received.last().unwrap();
        assert_eq!(sent.body, format!("<{VALUE}> <{VALUE}>"));
        assert_eq!(called.report.requests[0].request_bytes, 2 * 78 + 5);
    }
}

#[tokio::test]
async fn the_limit_of_a_body_is_for_what_the_component_wrote() {
    let service = Service::serving(echo::router()).await;
    let mut sandbox = Sandbox::with("script", |config| {
        let long = ("long".to_owned(), "s".repeat(5_000));
        config.secrets = Secrets::new([long]).unwrap();
        config.max_request_bytes = 100;
    })
    .await;
    sandbox.policy.allowed_hosts = vec![service.host.clone()];
    let grant = grant("long", &[&service.host]);
    sandbox.policy.secrets.insert("token".to_owned(), grant);
    let request =
        json!({ "method": "POST", "url": service.url("/echo/plain"), "body": "{config:token}" });
    let called = sandbox.act(json!({ "requests": [request] })).await;
    assert_eq!(responses(&called)[0]["status"], 200);
    assert_eq!(service.received()[0].body.len(), 5_000);
    assert_eq!(called.report.requests[0].request_bytes, 78);
}

#[tokio::test]
async fn a_request_that_needs_a_secret_which_is_not_there_is_refused() {
    let service = Service::serving(echo::router()).await;
    for component in ["script", "wasi"] {
        let sandbox = thief(component, "lost", &service).await;
        let arguments = match component {
            "script" => json!({ "requests": [
                { "url": service.url("/echo/plain") },
                { "url": service.url("/echo/plain"), "headers": { "x-secret": "{config:token}" }, "tolerate": true },
            ] }),
            _ => json!({ "request": {
                "method": "POST", "authority": service.host, "path": "/echo/plain", "config": "token",
                "headers": { "x-secret": "{config}" },
            } }),
        };
        let before = service.received().len();
        let called = sandbox.act(arguments).await;
        completed(&called);
        let record = called.report.requests.last().unwrap();
        assert_eq!(record.error_kind, Some(RequestErrorKind::Forbidden));
        let error = record.error.as_deref().unwrap();
        assert!(
            error.contains("`lost`") && error.contains("add it"),
            "{error}"
        );
        let expected = before + usize::from(component == "script");
        assert_eq!(
            service.received().len(),
            expected,
            "only what needs no secret"
        );
    }
    // A body that is under way already breaks off.
    let sandbox = thief("wasi", "lost", &service).await;
    let request = json!({
        "method": "POST", "authority": service.host, "path": "/echo/plain", "config": "token",
        "body": "<{config}>",
    });
    let called = sandbox.act(json!({ "request": request })).await;
    assert!(completed(&called).result["error"].is_string());
    let record = &called.report.requests[0];
    assert_eq!(record.status, None);
    assert!(record.error.as_deref().unwrap().contains("`lost`"));
}

#[tokio::test]
async fn a_policy_grants_only_what_there_is_and_says_what_is_wrong() {
    let host = Sandbox::with("script", secrets).await.host;
    let check = |name: &str, secret: &str, hosts: &[&str]| {
        let mut policy = Policy::default();
        policy.config.insert("plain".to_owned(), "x".to_owned());
        policy.secrets.insert(name.to_owned(), grant(secret, hosts));
        host.check_policy(&policy)
    };
    assert_eq!(
        check("token", "payments", &["*.example.com", "[::1]:80"]),
        Ok(())
    );
    assert!(matches!(
        check("token", "lost", &["example.com"]),
        Err(PolicyError::UnknownSecret { secret, .. }) if secret == "lost"
    ));
    assert!(matches!(
        check("plain", "payments", &["example.com"]),
        Err(PolicyError::SecretAndConfig(name)) if name == "plain"
    ));
    assert!(matches!(
        check("two words", "payments", &["example.com"]),
        Err(PolicyError::SecretName(_))
    ));
    let error = check("token", "payments", &["https://example.com/x"]).unwrap_err();
    assert!(
        error.to_string().starts_with("secrets.token.hosts"),
        "{error}"
    );
    let mut policy = Policy::default();
    for number in 0..65 {
        policy
            .secrets
            .insert(format!("s{number}"), grant("word", &[]));
    }
    assert_eq!(
        host.check_policy(&policy),
        Err(PolicyError::TooManySecrets(65))
    );
}
