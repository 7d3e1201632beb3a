//! What holds for the API as a whole.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::support::{PATIENCE, Server};

/// A request for a host of a name, sent to the server's address all the same.
fn request_for(server: &Server, host: &str, method: &str, path: &str) -> reqwest::RequestBuilder {
    server.request(method, path).header("host", host)
}

/// Sends the head of a request and nothing else.
fn send_head(server: &Server, head: &str) -> TcpStream {
    let address = server.process.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(head.as_bytes()).expect("a request");
    stream
}

#[tokio::test]
async fn a_server_says_that_it_lives_is_ready_and_how_it_is_used() {
    let server = Server::start();
    server.get("/healthz").await.expect(200);
    server.get("/readyz").await.expect(200);
    let document = server.get("/openapi.json").await.expect(200);
    assert!(
        document["openapi"].as_str().unwrap().starts_with("3.1"),
        "{:#}",
        document["openapi"]
    );
    for path in [
        "/v1/sagas",
        "/v1/components/{name}",
        "/v1/definitions/{name}",
    ] {
        assert!(
            document["paths"][path].is_object(),
            "{path} is not described"
        );
    }
    // Whoever opens the server's address is led to the same page.
    for path in ["/docs/", "/"] {
        let page = server.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(
            page.body.as_str().unwrap().contains("<html"),
            "{path}: {}",
            page.body
        );
    }
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let server = Server::start();
    server.with_guest("script").await;
    server.run_script(json!({})).await;
    let metrics = server.get("/metrics").await.expect(200);
    let metrics = metrics.as_str().expect("text");
    for line in [
        "wasaga_sagas_started_total 1",
        "wasaga_sagas_settled_total{status=\"completed\"} 1",
        "wasaga_calls_total{direction=\"act\",outcome=\"completed\"} 1",
        "wasaga_sagas{status=\"completed\"} 1",
    ] {
        assert!(metrics.contains(line), "no `{line}` in\n{metrics}");
    }
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_done_there_are_problems() {
    let server = Server::start();
    server.get("/v1/nothing").await.problem(404, "unknown-path");
    server
        .put("/v1/sagas", &json!({}))
        .await
        .problem(405, "method-not-allowed");
}

#[tokio::test]
async fn a_body_that_is_malformed_or_too_large_changes_nothing() {
    let server = Server::start_with(&["--max-body", "4KiB"]);
    let send = |body: String| {
        server
            .request("POST", "/v1/sagas")
            .header("content-type", "application/json")
            .body(body)
    };
    server
        .send(send("{\"definition\": ".into()))
        .await
        .problem(400, "malformed-json");
    server
        .send(send(format!("\"{}\"", "x".repeat(8192))))
        .await
        .problem(413, "body-too-large");
    server
        .send(server.request("POST", "/v1/sagas").body("{}"))
        .await
        .problem(415, "unsupported-media-type");
    server
        .post("/v1/sagas", &json!({"definition": 7}))
        .await
        .problem(422, "invalid-body");
    assert_eq!(
        server.get("/v1/sagas").await.expect(200)["items"],
        json!([])
    );
}

#[tokio::test]
async fn lists_refuse_a_cursor_that_they_did_not_make_and_a_limit_out_of_bounds() {
    let server = Server::start();
    for list in ["sagas", "components", "definitions"] {
        server
            .get(&format!("/v1/{list}?cursor=made-up"))
            .await
            .problem(400, "invalid-cursor");
        server
            .get(&format!("/v1/{list}?limit=0"))
            .await
            .problem(400, "invalid-query");
        server
            .get(&format!("/v1/{list}?limt=5"))
            .await
            .problem(400, "invalid-query");
    }
}

#[tokio::test]
async fn a_data_folder_serves_one_server_at_a_time() {
    let server = Server::start();
    let refused = server.another_on_the_same_data();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("another process uses the data"), "{said}");
}

#[tokio::test]
async fn a_request_for_another_host_is_refused_and_changes_nothing() {
    let server = Server::start();
    let evil = |method, path| request_for(&server, "evil.example:7420", method, path);
    let apply = evil("PUT", "/v1/definitions/order")
        .json(&json!({"steps": [{"step": "only", "component": "script"}]}));
    let problem = server.send(apply).await.problem(421, "unknown-host");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("--allowed-host evil.example"), "{detail}");
    let upload = evil("POST", "/v1/components/script").body("a component");
    server.send(upload).await.problem(421, "unknown-host");
    for path in [
        "/v1/sagas",
        "/healthz",
        "/metrics",
        "/openapi.json",
        "/docs/",
        "/nothing",
    ] {
        server
            .send(evil("GET", path))
            .await
            .problem(421, "unknown-host");
    }
    for list in ["definitions", "components"] {
        let items = server.get(&format!("/v1/{list}")).await.expect(200);
        assert_eq!(items["items"], json!([]), "{list}");
    }
}

#[tokio::test]
async fn a_request_without_a_host_is_refused() {
    let server = Server::start();
    let head = "GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n";
    let mut answer = String::new();
    send_head(&server, head)
        .read_to_string(&mut answer)
        .expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
    assert!(answer.contains("unknown-host"), "{answer}");
}

#[tokio::test]
async fn a_server_answers_to_its_address_localhost_and_the_names_that_it_was_given() {
    let options = [
        "--allowed-host",
        "wasaga.example",
        "--allowed-host",
        "wasaga",
    ];
    let (plain, named) = (Server::start(), Server::start_with(&options));
    let open = Server::start_with(&["--allowed-host", "*"]);
    let status = async |server: &Server, host: &str| {
        let request = request_for(server, host, "GET", "/v1/sagas");
        server.send(request).await.status
    };
    let port = plain.process.url.rsplit(':').next().expect("a port");
    for host in [&format!("localhost:{port}"), "localhost", "[::1]:7420"] {
        assert_eq!(status(&plain, host).await, 200, "{host}");
    }
    plain.get("/v1/sagas").await.expect(200);
    for host in ["wasaga.example", "Wasaga.Example:443", "wasaga:7420"] {
        assert_eq!(status(&named, host).await, 200, "{host}");
        assert_eq!(status(&plain, host).await, 421, "{host}");
        assert_eq!(status(&open, host).await, 200, "{host}");
    }
    named.get("/v1/sagas").await.expect(200);
    assert_eq!(status(&named, "www.wasaga.example").await, 421);
}

#[tokio::test]
async fn pages_of_other_origins_change_nothing() {
    let server = Server::start();
    let apply = |site: &str| {
        server
            .request("PUT", "/v1/definitions/order")
            .header("sec-fetch-site", site)
            .json(&json!({}))
    };
    for site in ["cross-site", "same-site"] {
        server.send(apply(site)).await.problem(403, "cross-site");
    }
    for site in ["same-origin", "none"] {
        // It comes as far as its body, which is no definition.
        assert_eq!(server.send(apply(site)).await.status, 422, "{site}");
    }
}

#[tokio::test]
async fn uploads_beyond_the_limit_wait_before_their_bodies_are_read() {
    let server = Server::start_with(&["--max-uploads", "1"]);
    // Such a client is told to go on when the server wants the body.
    let head = "POST /v1/components/script HTTP/1.1\r\nhost: localhost\r\n\
                content-length: 100\r\nexpect: 100-continue\r\n\r\n";
    let go_on = |mut stream: &TcpStream| {
        let mut line = [0; "HTTP/1.1 100".len()];
        stream.read_exact(&mut line).expect("an answer");
        assert_eq!(line, *b"HTTP/1.1 100");
    };
    let first = send_head(&server, head);
    go_on(&first);
    let mut second = send_head(&server, head);
    for _ in 0..20 {
        // Others are not held up.
        server.get("/v1/sagas").await.expect(200);
    }
    second.set_nonblocking(true).expect("a setting");
    let nothing = second.read(&mut [0; 1]).expect_err("no answer so far");
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    second.set_nonblocking(false).expect("a setting");
    drop(first);
    go_on(&second);
}
