//! A saga whose call brings the server down is stopped, and the others go on.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{Server, eventually};

#[tokio::test]
async fn a_saga_whose_call_brings_the_server_down_is_paused_and_the_others_go_on() {
    // A service that never answers: while the call waits for it, the server is killed.
    let service = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", service.local_addr().expect("an address"));
    let mut server = Server::start();
    server.with_guest("script").await;
    let id = server
        .play(json!({"steps": [
            {"step": "poison", "component": "script", "timeout": "2m",
             "arguments": {"requests": [{"method": "POST", "url": url}]}},
        ]}))
        .await;
    for _ in 0..3 {
        let (_call, _) = service.accept().await.expect("the call");
        server.kill_and_restart();
    }
    let paused = server.becomes(&id, &["paused"]).await;
    assert_eq!(paused["paused"]["cause"], "poison", "{paused:#}");
    assert_eq!(paused["paused"]["step"], "poison");
    let other = server.run_script(json!({"arguments": {"result": 1}})).await;
    assert_eq!(other["status"], "completed");
    assert_eq!(server.saga(&id).await["status"], "paused");

    // An operator who knows better lets it go on.
    server.order(&id, "resume", json!({})).await.expect(202);
    let (mut call, _) = service.accept().await.expect("the call");
    let mut request = vec![0; 4096];
    let _ = call.read(&mut request).await.expect("a request");
    call.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .await
        .expect("an answer");
    let saga = eventually("it is done", || async {
        let saga = server.saga(&id).await;
        (saga["status"] == "completed").then_some(saga)
    })
    .await;
    assert_eq!(saga["steps"][0]["attempts"], 4, "{saga:#}");
}

#[tokio::test]
async fn a_server_that_ends_in_order_is_no_crash() {
    let mut server = Server::start_with(&["--max-crashes", "1", "--shutdown-grace", "100ms"]);
    server.with_guest("script").await;
    let id = server
        .play(json!({"steps": [
            {"step": "slow", "component": "script", "timeout": "2m", "arguments": {"sleep_ms": 1500}},
        ]}))
        .await;
    server.becomes(&id, &["running"]).await;
    assert!(server.process.terminate());
    server.restart();
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
    let events = server.events(&id).await;
    let cut_off = events
        .iter()
        .find(|event| event["type"] == "act_interrupted");
    assert_eq!(
        cut_off.expect("it was cut off")["by"],
        "shutdown",
        "{events:#?}"
    );
}
