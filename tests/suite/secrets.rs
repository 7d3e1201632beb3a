//! A component uses a secret and does not learn it, and neither does whoever reads what the server
//! keeps.

use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use crate::support::Server;

/// What nobody may find.
const SECRET: &str = "hunter2-in-a-long-form-7f3a9c";

/// A service that answers with all that it was sent, in every form that is common.
async fn echo() -> String {
    let answer = async |headers: HeaderMap, body: Bytes| {
        let token = headers.get("x-token").cloned();
        let text = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let told = json!({
            "token": text("x-token"),
            "authorization": text("authorization"),
            "knows": text("x-token") == SECRET || text("authorization").ends_with(SECRET),
            "body": String::from_utf8_lossy(&body),
        });
        let mut out = HeaderMap::new();
        if let Some(token) = token {
            out.insert("x-echo", token);
        }
        (out, told.to_string())
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    address.to_string()
}

fn contains(folder: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(contains(&path, needle));
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            if bytes.windows(needle.len()).any(|window| window == needle) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[tokio::test]
async fn a_secret_reaches_its_service_and_nobody_else_ever_sees_it() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), json!({"service-key": SECRET}).to_string()).expect("written");
    let options = [
        "--secrets",
        file.path().to_str().expect("a path in UTF-8"),
        // Whatever libraries log.
        "--log",
        "trace",
    ];
    let server = Server::start_logged(&options);
    let (service, stranger) = (echo().await, echo().await);
    server.with_guest("script").await;
    let policy = json!({
        "allowed_hosts": ["127.0.0.1"],
        "secrets": {"key": {"secret": "service-key", "hosts": [service]}},
    });
    let set = server
        .put("/v1/components/script/policy", &policy)
        .await
        .expect(200);
    assert_eq!(set["policy"]["secrets"]["key"]["secret"], "service-key");

    // The placeholder, as the component gets it.
    let asked = server
        .run_script(json!({"arguments": {"config": "key"}}))
        .await;
    let placeholder = asked["steps"][0]["result"]["config"]
        .as_str()
        .expect("a placeholder")
        .to_owned();
    assert!(!placeholder.contains(SECRET));

    let request = |host: &str, method: &str| {
        json!({"method": method, "url": format!("http://{host}/pay?why={placeholder}"),
               "headers": {"x-token": placeholder, "authorization": format!("Bearer {placeholder}")},
               "body": format!("key={placeholder}&amount=1")})
    };
    // Everything that comes back is in the result, the log, and an error.
    let saga = server
        .run_script(json!({"arguments": {
            "requests": [request(&service, "POST"), request(&service, "PUT"), request(&stranger, "POST")],
            "log": [{"message": format!("I have {placeholder}")}],
            "print": placeholder, "eprint": placeholder,
        }}))
        .await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
    let responses = &saga["steps"][0]["result"]["responses"];
    assert_eq!(responses[0]["body"]["knows"], true, "{responses:#}");
    assert_eq!(responses[1]["body"]["knows"], true);
    assert_eq!(
        responses[2]["body"]["knows"], false,
        "another host gets the placeholder"
    );
    assert_eq!(responses[0]["body"]["token"], placeholder.as_str());
    assert_eq!(responses[0]["headers"]["x-echo"], placeholder.as_str());

    let failed = server
        .run_script(json!({"arguments": {
            "requests": [request(&service, "POST")],
            "fail": {"kind": "permanent", "code": "no", "message": format!("with {placeholder}")},
        }}))
        .await;
    assert_eq!(failed["status"], "compensated", "{failed:#}");

    // Whatever the API says.
    let mut said = Vec::<Value>::new();
    let ids = [&asked, &saga, &failed].map(|saga| saga["id"].as_str().expect("an id").to_owned());
    for id in &ids {
        for what in ["", "/events", "/logs", "/calls"] {
            said.push(
                server
                    .get(&format!("/v1/sagas/{id}{what}"))
                    .await
                    .expect(200),
            );
        }
        let calls = server
            .get(&format!("/v1/sagas/{id}/calls"))
            .await
            .expect(200);
        for call in calls["items"].as_array().expect("calls") {
            let path = format!("/v1/sagas/{id}/calls/{}", call["seq"]);
            said.push(server.get(&path).await.expect(200));
            let rerun = server.post(&format!("{path}/rerun"), &json!({})).await;
            said.push(rerun.expect(200));
        }
    }
    for path in [
        "/metrics",
        "/v1/components/script",
        "/v1/components/script/switches",
        "/v1/secrets",
        "/v1/definitions/script",
    ] {
        said.push(server.get(path).await.expect(200));
    }
    let verified = server
        .post("/v1/components/script/versions/1/verify", &json!({}))
        .await
        .expect(200);
    assert_eq!(verified["clean"], true, "{verified:#}");
    said.push(verified);
    for value in &said {
        assert!(!value.to_string().contains(SECRET), "{value:#}");
    }
    let secrets = server.get("/v1/secrets").await.expect(200);
    assert_eq!(secrets["items"], json!([{"name": "service-key"}]));

    // Whatever is on disk: the journal with its write-ahead log, the cache, and the server's log.
    let log = server.log();
    assert!(log.len() > 1_000, "the server has logged: {}", log.len());
    assert!(!log.contains(SECRET));
    assert_eq!(contains(server.data(), SECRET.as_bytes()), [""; 0]);
    let found = contains(server.data(), b"/pay?why=");
    assert!(!found.is_empty(), "the search finds what is there");
}

#[tokio::test]
async fn a_secret_that_the_server_does_not_have_cannot_be_granted() {
    let server = Server::start();
    server.with_guest("script").await;
    let policy = json!({"allowed_hosts": ["127.0.0.1"],
                        "secrets": {"key": {"secret": "nobody-has-it", "hosts": ["127.0.0.1"]}}});
    let refused = server
        .put("/v1/components/script/policy", &policy)
        .await
        .problem(422, "invalid-policy");
    let detail = refused["detail"].as_str().expect("a text");
    assert!(detail.contains("nobody-has-it"), "{detail}");
}

#[tokio::test]
async fn a_grant_outlives_its_secret_and_the_request_that_needs_it_says_so() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), json!({"service-key": SECRET}).to_string()).expect("written");
    let path = file.path().to_str().expect("a path in UTF-8");
    let mut server = Server::start_with(&["--secrets", path]);
    let service = echo().await;
    server.with_guest("script").await;
    let policy = json!({"allowed_hosts": ["127.0.0.1"],
                        "secrets": {"key": {"secret": "service-key", "hosts": [service]}}});
    server
        .put("/v1/components/script/policy", &policy)
        .await
        .expect(200);
    let asked = server
        .run_script(json!({"arguments": {"config": "key"}}))
        .await;
    let placeholder = asked["steps"][0]["result"]["config"].clone();
    server.restart_with(&[]);
    let request = json!({"method": "POST", "url": format!("http://{service}/"),
                         "headers": {"x-token": placeholder}});
    let saga = server
        .run_script(json!({"arguments": {"requests": [request]}}))
        .await;
    assert_eq!(saga["status"], "compensated", "{saga:#}");
    let message = saga["error"]["message"].as_str().expect("a text");
    assert!(message.contains("service-key"), "{message}");
}
