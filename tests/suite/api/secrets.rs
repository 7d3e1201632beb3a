//! `/v1/secrets`, and how a server gets its secrets.

use std::process::Output;

use serde_json::json;

use crate::support::{Server, wasaga};

/// What nobody may read.
const VALUE: &str = "hunter2-in-a-long-form";

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("it is written");
    file
}

/// A server that does not get as far as being ready.
fn refused(secrets: &str, environment: &[(&str, &str)]) -> (Output, String) {
    let (data, file) = (tempfile::tempdir().expect("a folder"), file(secrets));
    let mut command = wasaga();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]);
    command.arg(data.path()).arg("--secrets").arg(file.path());
    command.envs(environment.iter().copied());
    let output = command.output().expect("it ends");
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    (output, String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn a_server_tells_the_names_of_its_secrets_and_nothing_else() {
    let server = Server::start();
    let none = server.get("/v1/secrets").await.expect(200);
    assert_eq!(none["items"], json!([]));
    let file = file(&json!({"pay": VALUE, "mail": VALUE}).to_string());
    let server = Server::start_logged(&["--secrets", file.path().to_str().expect("UTF-8")]);
    let secrets = server.get("/v1/secrets").await.expect(200);
    assert_eq!(
        secrets,
        json!({"items": [{"name": "mail"}, {"name": "pay"}], "next_cursor": null})
    );
    assert!(!server.log().contains(VALUE));
}

#[test]
fn what_is_wrong_with_secrets_is_said_by_name_and_never_by_value() {
    let good = json!({"pay": VALUE}).to_string();
    let list = json!([VALUE]).to_string();
    let number = json!({"pay": [VALUE]}).to_string();
    let short = json!({"pay": "hunter2"}).to_string();
    for (secrets, environment, expected) in [
        (&good, &[("WASAGA_SECRET_pay", VALUE)][..], "`pay`"),
        (
            &good,
            &[("WASAGA_SECRET_mail", "hunter2\n-or-so")][..],
            "`mail`",
        ),
        (&list, &[][..], "expected a JSON object"),
        (&number, &[][..], "`pay`"),
        (&short, &[][..], "`pay`"),
    ] {
        let (output, said) = refused(secrets, environment);
        assert!(!output.status.success(), "{said}");
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
