//! A server and its client.

use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tempfile::{NamedTempFile, TempDir};

use super::process::{Process, binary, guest, wasaga};
use super::{PATIENCE, eventually};

/// A Wasaga server with a data folder of its own.
pub(crate) struct Server {
    pub(crate) process: Process,
    data: TempDir,
    /// Where its log goes, when a test wants to read it.
    log: Option<NamedTempFile>,
    options: Vec<String>,
    client: reqwest::Client,
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The body, of an answer with this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body
    }

    /// The body, of a problem with this status and code.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        let kind = self
            .headers
            .get("content-type")
            .and_then(|value| value.to_str().ok());
        assert_eq!(kind, Some("application/problem+json"), "{:#}", self.body);
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{body:#}");
        assert_eq!(body["status"], status);
        body
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(options: &[&str]) -> Self {
        Self::start_somewhere(options, None)
    }

    /// A server whose log can be read.
    pub(crate) fn start_logged(options: &[&str]) -> Self {
        Self::start_somewhere(options, Some(NamedTempFile::new().expect("a file")))
    }

    /// What a server has logged that was started so that it can be read.
    pub(crate) fn log(&self) -> String {
        let log = self.log.as_ref().expect("its log can be read");
        let bytes = std::fs::read(log.path()).expect("its log");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> &std::path::Path {
        self.data.path()
    }

    fn start_somewhere(options: &[&str], log: Option<NamedTempFile>) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        // Which provider of cryptography is used is the process's choice, not the client's.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .expect("a client");
        Self {
            process: serve(&data, &options, log.as_ref()),
            data,
            log,
            options,
            client,
        }
    }

    /// Starts a process again on the same data, after the one before has ended.
    pub(crate) fn restart(&mut self) {
        self.process = serve(&self.data, &self.options, self.log.as_ref());
    }

    /// Ends the process and starts another one on the same data with these options.
    pub(crate) fn restart_with(&mut self, options: &[&str]) {
        self.process.terminate();
        self.options = options.iter().map(ToString::to_string).collect();
        self.restart();
    }

    pub(crate) fn kill_and_restart(&mut self) {
        self.process.kill();
        self.restart();
    }

    /// Tries to start a second process on the same data, and waits for its end.
    pub(crate) fn another_on_the_same_data(&self) -> Output {
        let mut command = wasaga();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(self.data.path());
        command.output().expect("it ends")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.process.url)
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method.parse().expect("a method"), self.url(path))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = response.bytes().await.expect("a body");
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Answer {
            status,
            headers,
            body,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request("POST", path).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request("PUT", path).json(body)).await
    }

    /// Uploads bytes as a component.
    pub(crate) async fn upload(&self, name: &str, bytes: Vec<u8>) -> Answer {
        let path = format!("/v1/components/{name}");
        self.send(
            self.request("POST", &path)
                .header("content-type", "application/wasm")
                .body(bytes),
        )
        .await
    }

    /// Uploads a guest under its own name and lets it reach what listens on this machine.
    pub(crate) async fn with_guest(&self, name: &str) {
        let answer = self.upload(name, guest(name)).await;
        assert!(answer.status < 300, "{:#}", answer.body);
        self.put(
            &format!("/v1/components/{name}/policy"),
            &json!({"allowed_hosts": ["127.0.0.1"]}),
        )
        .await
        .expect(200);
    }

    /// Applies a definition.
    pub(crate) async fn define(&self, name: &str, document: Value) -> Answer {
        self.put(&format!("/v1/definitions/{name}"), &document)
            .await
    }

    /// Starts a saga.
    pub(crate) async fn begin(&self, definition: &str, input: Value) -> String {
        let started = self
            .post(
                "/v1/sagas",
                &json!({"definition": definition, "input": input}),
            )
            .await
            .expect(201);
        started["id"].as_str().expect("an id").to_owned()
    }

    /// Defines a saga called `play` and starts one.
    pub(crate) async fn play(&self, document: Value) -> String {
        let answer = self.define("play", document).await;
        assert!(answer.status < 300, "{:#}", answer.body);
        self.begin("play", json!({})).await
    }

    /// Tells a saga what an operator wants.
    pub(crate) async fn order(&self, id: &str, verb: &str, body: Value) -> Answer {
        self.post(&format!("/v1/sagas/{id}/{verb}"), &body).await
    }

    /// Starts a saga and waits until it is settled.
    pub(crate) async fn run(&self, definition: &str, input: Value) -> Value {
        let started = self
            .post(
                "/v1/sagas",
                &json!({"definition": definition, "input": input}),
            )
            .await
            .expect(201);
        self.settled(started["id"].as_str().expect("an id")).await
    }

    /// Defines and runs a saga of one `script` step.
    pub(crate) async fn run_script(&self, step: Value) -> Value {
        let mut entry = json!({"step": "only", "component": "script"});
        for (field, value) in step.as_object().expect("fields of a step") {
            entry[field] = value.clone();
        }
        let document = json!({"steps": [entry]});
        let answer = self.define("script", document).await;
        assert!(answer.status < 300, "{:#}", answer.body);
        self.run("script", json!({})).await
    }

    pub(crate) async fn saga(&self, id: &str) -> Value {
        self.get(&format!("/v1/sagas/{id}")).await.expect(200)
    }

    /// The saga once it is settled.
    pub(crate) async fn settled(&self, id: &str) -> Value {
        self.becomes(id, &["completed", "compensated", "stuck", "abandoned"])
            .await
    }

    /// The saga once it has one of these statuses.
    pub(crate) async fn becomes(&self, id: &str, statuses: &[&str]) -> Value {
        eventually(&format!("saga {id} is {statuses:?}"), || async {
            let saga = self.saga(id).await;
            statuses.contains(&saga["status"].as_str()?).then_some(saga)
        })
        .await
    }

    /// What the saga waits for, once it waits for that.
    pub(crate) async fn waits_for(&self, id: &str, what: &str) -> Value {
        eventually(&format!("saga {id} waits for {what}"), || async {
            let saga = self.saga(id).await;
            (saga["waiting"]["for"] == what).then(|| saga["waiting"].clone())
        })
        .await
    }

    /// Types of a saga's events, in order.
    pub(crate) async fn events(&self, id: &str) -> Vec<Value> {
        let body = self
            .get(&format!("/v1/sagas/{id}/events?limit=1000"))
            .await
            .expect(200);
        body["items"].as_array().expect("items").clone()
    }
}

fn serve(data: &TempDir, options: &[String], log: Option<&NamedTempFile>) -> Process {
    let path = data.path().to_str().expect("a path in UTF-8");
    let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--data", path];
    arguments.extend(options.iter().map(String::as_str));
    let log = log.map_or_else(Stdio::inherit, |log| {
        log.reopen().expect("its log can be opened").into()
    });
    Process::start_logged(&binary("wasaga"), &arguments, log)
}
