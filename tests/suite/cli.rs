//! The command line as scripts use it.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Orders, Server, guest, order_input, wasaga};
use crate::verify::variant;

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

/// A folder with files of components.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let file = self.0.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        file.to_str().unwrap().to_owned()
    }
}

/// Runs a command that ends with this code, and gives what it wrote to standard output.
#[track_caller]
fn ends(server: &Server, code: i32, arguments: &[&str]) -> String {
    let ended = run(server, arguments);
    let (out, err) = (text(&ended.stdout), text(&ended.stderr));
    assert_eq!(ended.status.code(), Some(code), "{arguments:?}\n{out}{err}");
    out
}

/// The same in JSON.
#[track_caller]
fn json_of(server: &Server, code: i32, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = ["--json"].iter().chain(arguments).copied().collect();
    let out = ends(server, code, &arguments);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

/// A server whose component `pay` has charged for one order, and the services.
async fn charged(files: &Files) -> (Server, Orders, String) {
    let orders = Orders::start(&[]);
    let server = Server::start();
    let wasm = files.write("a.wasm", variant(b'A'));
    ends(&server, 0, &["component", "push", "pay", &wasm]);
    let host = orders.url().trim_start_matches("http://");
    let config = format!("services_url={}", orders.url());
    let policy = ["component", "policy", "pay", "--allow-host", host];
    let policy: Vec<&str> = policy.into_iter().chain(["--config", &config]).collect();
    ends(&server, 0, &policy);
    let document = json!({"steps": [{"step": "charge", "component": "pay"}]});
    server.define("pay", document).await.expect(201);
    let saga = server
        .run("pay", order_input("o-1", "user_1", 1, 1.0))
        .await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
    let id = saga["id"].as_str().unwrap().to_owned();
    (server, orders, id)
}

#[tokio::test]
async fn a_version_is_tried_shared_promoted_and_rolled_back_and_the_history_says_who_did_it() {
    let files = Files::new();
    let (server, _orders, _) = charged(&files).await;
    let [same, other] =
        [(b'B', "b.wasm"), (b'C', "c.wasm")].map(|(which, name)| files.write(name, variant(which)));
    let push = ["component", "push", "pay", &same, "--no-activate"];
    let described = ["--note", "same in other bytes", "--label", "commit=abc"];
    let push: Vec<&str> = push.into_iter().chain(described).collect();
    assert!(ends(&server, 0, &push).starts_with("pay v2  not active"));
    ends(
        &server,
        0,
        &["component", "push", "pay", &other, "--no-activate"],
    );

    let clean = ends(&server, 0, &["component", "verify", "pay", "2"]);
    assert!(clean.contains("the same in 1 of 1 calls"), "{clean}");
    let differs = ends(
        &server,
        1,
        &["component", "verify", "pay", "3", "--sagas", "10"],
    );
    for line in ["different in 1 of 1 calls", "    - 1.0", "    + 2.0"] {
        assert!(
            differs.lines().any(|shown| shown == line),
            "{line}\n{differs}"
        );
    }
    let report = json_of(&server, 1, &["component", "verify", "pay", "3"]);
    assert_eq!(report["clean"], false);
    // An activation that asks for it shows the same.
    let activate = ["component", "activate", "pay", "3", "--verify", "10"];
    let refused = ends(&server, 1, &activate);
    assert!(refused.contains("    + 2.0"), "{refused}");

    let share = ["component", "share", "pay", "2", "--percent", "10"];
    let shared = ends(&server, 0, &share);
    assert_eq!(shared, "pay v1  active\npay v2  10 % of the sagas\n");
    let shown = ends(&server, 0, &["component", "show", "pay"]);
    for part in ["10 %", "commit=abc same in other bytes"] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    ends(&server, 0, &["component", "drop", "pay"]);
    ends(&server, 1, &["component", "promote", "pay"]);
    ends(&server, 0, &share);
    let promote = [
        "component",
        "promote",
        "pay",
        "--by",
        "ann",
        "--reason",
        "fine so far",
    ];
    assert_eq!(ends(&server, 0, &promote), "pay v2  active\n");
    let accepted: Vec<&str> = activate
        .into_iter()
        .chain(["--accept-differences"])
        .collect();
    ends(&server, 0, &accepted);
    // Not the version with the number before, but the one that was active before.
    ends(&server, 0, &["component", "activate", "pay", "1"]);
    let back = ends(&server, 0, &["component", "rollback", "pay"]);
    assert_eq!(back, "pay v3  active\n");

    let history = ends(&server, 0, &["component", "history", "pay"]);
    let promoted = history.lines().find(|line| line.contains("fine so far"));
    let promoted = promoted.unwrap_or_else(|| panic!("{history}"));
    assert!(
        promoted.contains(" v2 ") && promoted.contains(" ann "),
        "{history}"
    );

    ends(
        &server,
        0,
        &["component", "describe", "pay", "2", "--note", "not so fine"],
    );
    let shown = ends(&server, 0, &["component", "show", "pay"]);
    assert!(shown.contains("commit=abc not so fine"), "{shown}");
    // Sagas take this one, that one is not there, and the third is needed by nobody.
    ends(&server, 1, &["component", "remove", "pay", "3"]);
    ends(&server, 1, &["component", "remove", "pay", "9"]);
    let unused = files.write("d.wasm", variant(b'D'));
    ends(
        &server,
        0,
        &["component", "push", "pay", &unused, "--no-activate"],
    );
    let removed = ends(&server, 0, &["component", "remove", "pay", "4"]);
    assert_eq!(removed, "pay v4  removed\n");
    ends(
        &server,
        1,
        &["component", "describe", "pay", "4", "--note", "gone"],
    );
}

#[tokio::test]
async fn an_upload_says_what_it_imports_and_exports_unlike_the_active_version() {
    let files = Files::new();
    let server = Server::start();
    let [plain, full] = ["script", "full"].map(|name| files.write(name, guest(name)));
    let first = ends(&server, 0, &["component", "push", "c", &plain]);
    assert!(!first.contains("unlike"), "{first}");
    let second = ends(&server, 0, &["component", "push", "c", &full]);
    assert!(second.contains("exports, unlike v1:"), "{second}");
    assert!(second.contains("  + wasaga:saga/callback"), "{second}");
}

#[tokio::test]
async fn a_policy_is_edited_and_replaced() {
    let files = Files::new();
    let server = Server::start();
    let policy = |options: &str| {
        let arguments = ["component", "policy", "c"].into_iter();
        let arguments: Vec<&str> = arguments.chain(options.split_whitespace()).collect();
        ends(&server, 0, &arguments)
    };
    policy("--allow-host a.test --config url=http://a.test --fuel 7");
    policy("--allow-host b.test --deny-host a.test --record summary");
    let shown = "--allow-host b.test --config url=http://a.test --fuel 7 --record summary\n";
    assert_eq!(policy(""), shown);
    let json = json_of(&server, 0, &["component", "policy", "c"]);
    let file = files.write("policy.json", json.to_string());
    assert_eq!(policy("--nothing"), "--nothing\n");
    assert_eq!(policy(&format!("--set {file}")), shown);
    let unknown = ["component", "policy", "c", "--secret", "key=none@b.test"];
    ends(&server, 1, &unknown);
    assert_eq!(policy(""), shown);
}

#[tokio::test]
async fn sagas_that_wait_are_moved_and_those_that_cannot_be_say_why() {
    let files = Files::new();
    let server = Server::start();
    server.with_guest("script").await;
    let other = files.write("other.wasm", guest("full"));
    let document = json!({"steps": [{"step": "a", "component": "script",
        "retry": {"max_attempts": 2, "initial_interval": "1h"},
        "arguments": {"fail_until_attempt": 2, "fail": {"kind": "retryable", "code": "later", "message": "later"}}}]});
    let waits = server.play(document.clone()).await;
    server.waits_for(&waits, "backoff").await;
    ends(&server, 0, &["component", "push", "script", &other]);
    let list = ["saga", "list", "--component", "script", "--version", "1"];
    assert!(ends(&server, 0, &list).contains(&waits));

    let command = ["component", "move", "script", "--from", "1"];
    let with = |options: &[&'static str]| -> Vec<&str> {
        command.iter().chain(options).copied().collect()
    };
    let nobody = ends(&server, 0, &with(&["--definition", "nobody"]));
    assert_eq!(nobody, "0 sagas moved\n");
    let moved = json_of(&server, 0, &with(&["--definition", "play", "--retry"]));
    assert_eq!(moved["moved"], json!([waits]), "{moved:#}");
    let saga = server.settled(&waits).await;
    assert_eq!(saga["steps"][0]["version"], 2, "{saga:#}");
    let over: Vec<&str> = command.into_iter().chain(["--saga", &waits]).collect();
    let left = ends(&server, 1, &over);
    assert!(left.contains("1 saga left"), "{left}");
    ends(&server, 2, &with(&[]));
}

#[tokio::test]
async fn a_recorded_call_is_looked_at_and_run_again_on_a_version_and_on_a_file() {
    let files = Files::new();
    let (server, orders, id) = charged(&files).await;
    let [a, c] = [b'A', b'C'].map(|which| {
        let name = format!("{}.wasm", char::from(which));
        files.write(&name, variant(which))
    });
    ends(
        &server,
        0,
        &["component", "push", "pay", &c, "--no-activate"],
    );
    let calls = json_of(&server, 0, &["saga", "calls", &id]);
    let seq = calls["items"][0]["seq"].to_string();
    let table = ends(&server, 0, &["saga", "calls", &id]);
    assert!(table.contains("charge"), "{table}");
    let shown = ends(&server, 0, &["saga", "call", &id, &seq]);
    assert!(shown.contains("/payments → 20"), "{shown}");

    let same = ends(&server, 0, &["saga", "rerun", &id, &seq]);
    assert!(same.contains("as recorded"), "{same}");
    let changed = ends(&server, 1, &["saga", "rerun", &id, &seq, "--version", "2"]);
    assert!(changed.contains("    + 2.0"), "{changed}");

    // On a file, without the server: with its policy, and with the random numbers of its cache.
    let call = json_of(&server, 0, &["saga", "call", &id, &seq]);
    let call = files.write("call.json", call.to_string());
    let policy = json_of(&server, 0, &["component", "policy", "pay"]);
    let policy = files.write("policy.json", policy.to_string());
    let cache = server.data().join("cache");
    let books = reqwest::get(format!("{}/ledger", orders.url())).await;
    let before = books.expect("an answer").text().await.expect("a text");
    let local = |wasm: &str| {
        let ended = wasaga()
            .args(["component", "call", wasm, "--call", &call, "--recorded"])
            .args(["--policy", &policy, "--cache"])
            .arg(&cache)
            .output()
            .expect("it runs");
        (
            ended.status.code(),
            text(&ended.stdout) + &text(&ended.stderr),
        )
    };
    let (code, said) = local(&a);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("as recorded"), "{said}");
    let (code, said) = local(&c);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("    + 2.0"), "{said}");
    let books = reqwest::get(format!("{}/ledger", orders.url())).await;
    let after = books.expect("an answer").text().await.expect("a text");
    assert_eq!(after, before, "nothing was sent");
}

/// Runs an action of a guest without any server.
fn call(files: &Files, guest_name: &str, options: &[&str]) -> (Option<i32>, String) {
    let wasm = files.write(&format!("{guest_name}.wasm"), guest(guest_name));
    let ended = wasaga()
        .args(["--server", "http://127.0.0.1:9", "component", "call", &wasm])
        .args(options)
        .arg("--cache")
        .arg(files.0.path().join("cache"))
        .output()
        .expect("it runs");
    (
        ended.status.code(),
        text(&ended.stdout) + &text(&ended.stderr),
    )
}

#[tokio::test]
async fn an_action_of_a_file_runs_without_a_server_and_reaches_what_it_is_allowed_to() {
    let files = Files::new();
    let arguments =
        r#"{"result": {"id": 7}, "patch": {"paid": true}, "log": [{"message": "charging"}]}"#;
    let (code, said) = call(&files, "script", &["--arguments", arguments]);
    assert_eq!(code, Some(0), "{said}");
    for part in [
        "completed  ",
        "result    {\"id\":7}",
        "patch     {\"paid\":true}",
        "charging",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let (code, said) = call(&files, "script", &["--arguments", arguments, "--json"]);
    let came: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(
        (code, &came["outcome"], &came["output"]["result"]["id"]),
        (Some(0), &json!("completed"), &json!(7))
    );
    let fail = r#"{"fail": {"kind": "permanent", "code": "declined", "message": "no money"}}"#;
    let (code, said) = call(&files, "script", &["--arguments", fail]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("(permanent) declined: no money"), "{said}");

    let orders = Orders::start(&[]);
    let host = orders.url().trim_start_matches("http://");
    let request = json!({"requests": [{"method": "GET", "url": format!("{}/balances", orders.url())}], "tolerate": true});
    let request = request.to_string();
    let (_, said) = call(&files, "script", &["--arguments", &request]);
    assert!(!said.contains("→ 200"), "nobody allowed it: {said}");
    let options = ["--arguments", &request, "--allow-host", host];
    let (code, said) = call(&files, "script", &options);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("/balances → 200"), "{said}");
}

#[tokio::test]
async fn an_action_of_a_file_may_use_a_secret_and_gets_no_more_than_a_placeholder() {
    let files = Files::new();
    // A variable that is there wherever this runs, and long enough.
    let options = ["--secret", "key=own@a.test", "--secret-env", "own=PATH"];
    let arguments = ["--arguments", r#"{"config": "key"}"#];
    let options: Vec<&str> = options.into_iter().chain(arguments).collect();
    let (code, said) = call(&files, "script", &options);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("wasaga-secret-"), "{said}");
}

#[tokio::test]
async fn what_cannot_be_run_says_why() {
    let files = Files::new();
    let (code, said) = call(&files, "no-action", &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("action"), "{said}");
    for (options, why) in [
        (&["--recorded"][..], "--call"),
        (&["--direction", "on-reply"], "--reply"),
        (&["--input", "{"], "--input is not JSON"),
        (&["--secret", "key@a.test"], "--secret-env key=VARIABLE"),
        (
            &["--secret-env", "key=WASAGA_NO_SUCH_VARIABLE"],
            "WASAGA_NO_SUCH_VARIABLE",
        ),
    ] {
        let (code, said) = call(&files, "script", options);
        assert_eq!(code, Some(2), "{options:?}: {said}");
        assert!(said.contains(why), "{options:?}: {said}");
    }
}

#[tokio::test]
async fn secrets_are_listed_by_their_names() {
    let files = Files::new();
    let secrets = files.write("secrets.json", r#"{"stripe": "hunter2-hunter2"}"#);
    let server = Server::start_with(&["--secrets", &secrets]);
    let listed = ends(&server, 0, &["secret", "list"]);
    assert!(
        listed.contains("stripe") && !listed.contains("hunter2"),
        "{listed}"
    );
    let policy = [
        "component",
        "policy",
        "pay",
        "--allow-host",
        "a.test",
        "--secret",
        "key=stripe@a.test",
    ];
    assert!(ends(&server, 0, &policy).contains("--secret key=stripe@a.test"));
}
