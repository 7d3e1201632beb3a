//! The command line as scripts use it.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Server, guest, wasaga};

fn run(server: &Server, arguments: &[&str]) -> Output {
    wasaga()
        .args(["--server", &server.process.url])
        .args(arguments)
        .output()
        .expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_saga_is_taught_started_and_looked_at_from_the_command_line() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let wasm = folder.path().join("script.wasm");
    std::fs::write(&wasm, guest("script")).unwrap();
    let definition = folder.path().join("d.json");
    let document =
        json!({"steps": [{"step": "only", "component": "script", "arguments": {"result": 7}}]});
    std::fs::write(&definition, document.to_string()).unwrap();

    let pushed = run(
        &server,
        &["component", "push", "script", wasm.to_str().unwrap()],
    );
    assert_eq!(pushed.status.code(), Some(0), "{}", text(&pushed.stderr));
    let applied = run(
        &server,
        &[
            "definition",
            "apply",
            definition.to_str().unwrap(),
            "--name",
            "d",
        ],
    );
    assert_eq!(applied.status.code(), Some(0), "{}", text(&applied.stderr));
    let started = run(
        &server,
        &["--json", "saga", "start", "d", "--input", "{}", "--wait"],
    );
    assert_eq!(started.status.code(), Some(0), "{}", text(&started.stderr));
    let saga: Value = serde_json::from_slice(&started.stdout).expect("JSON");
    assert_eq!(
        (&saga["status"], &saga["steps"][0]["result"]),
        (&json!("completed"), &json!(7))
    );
    let id = saga["id"].as_str().unwrap();
    let shown = run(&server, &["saga", "show", id]);
    assert!(
        text(&shown.stdout).contains("completed"),
        "{}",
        text(&shown.stdout)
    );
    let listed = run(&server, &["saga", "list"]);
    assert!(
        text(&listed.stdout).contains(id),
        "{}",
        text(&listed.stdout)
    );
}

#[tokio::test]
async fn the_exit_code_says_what_became_of_it() {
    let server = Server::start();
    server.with_guest("script").await;
    let fail = json!({"fail": {"kind": "permanent", "code": "declined", "message": "no money"}});
    let document = json!({"steps": [{"step": "pay", "component": "script", "arguments": fail}]});
    server.define("d", document).await.expect(201);
    let failed = run(&server, &["saga", "start", "d", "--input", "{}", "--wait"]);
    assert_eq!(failed.status.code(), Some(1));
    let said = text(&failed.stdout) + &text(&failed.stderr);
    assert!(
        said.contains("declined") && said.contains("no money"),
        "{said}"
    );
    assert_eq!(
        run(&server, &["saga", "start", "nothing", "--input", "{}"])
            .status
            .code(),
        Some(1)
    );
    assert_eq!(run(&server, &["saga", "begin"]).status.code(), Some(2));
    let nobody = wasaga()
        .args(["--server", "http://127.0.0.1:9", "saga", "list"])
        .output()
        .unwrap();
    assert_eq!(nobody.status.code(), Some(3), "{}", text(&nobody.stderr));
}

#[tokio::test]
async fn a_definition_s_faults_are_shown_with_their_places() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("d.json");
    std::fs::write(&file, r#"{"steps": [{"step": "a"}], "extra": 1}"#).unwrap();
    let refused = run(
        &server,
        &["definition", "apply", file.to_str().unwrap(), "--name", "d"],
    );
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(
        said.contains("/extra") && said.contains("/steps/0"),
        "{said}"
    );
}

#[tokio::test]
async fn content_that_was_pushed_before_says_whether_it_is_active_again() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["script", "bench"].map(|name| {
        let file = folder.path().join(name);
        std::fs::write(&file, guest(name)).unwrap();
        file.to_str().unwrap().to_owned()
    });
    let push = |file: &str| {
        let pushed = run(&server, &["component", "push", "c", file]);
        assert_eq!(pushed.status.code(), Some(0), "{}", text(&pushed.stderr));
        text(&pushed.stdout)
    };
    let first = push(&one);
    assert!(!first.contains("uploaded before"), "{first}");
    let same = push(&one);
    assert!(same.contains("unchanged"), "{same}");
    push(&other);
    let back = push(&one);
    assert!(
        back.contains("active again") && back.contains("as v1"),
        "{back}"
    );
}
