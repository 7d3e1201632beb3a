//! Uploads that are meant to do harm: the server says what is wrong with them and goes on.

use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use wasm_encoder::{
    BlockType, CodeSection, Component, Function, FunctionSection, InstructionSink, MemArg,
    MemorySection, MemoryType, Module, ModuleSection, TypeSection, ValType,
};

use crate::support::{Server, guest};

/// Longest time for an answer while others do harm. A server with a core for itself needs far less.
const PROMPT: Duration = Duration::from_secs(2);

/// What every component starts with.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A component of one function that takes and returns a number, and has so many local variables. It
/// exports nothing: whether it is an action turns out after it was compiled.
fn component(locals: u32, write: impl FnOnce(&mut InstructionSink<'_>)) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut function = Function::new([(locals, ValType::I32)]);
    let mut instructions = function.instructions();
    instructions.local_get(0);
    write(&mut instructions);
    instructions.end();
    let mut code = CodeSection::new();
    code.function(&function);
    let mut module = Module::new();
    module.section(&types);
    module.section(&functions);
    module.section(&memories);
    module.section(&code);
    let mut component = Component::new();
    component.section(&ModuleSection(&module));
    component.finish()
}

/// Few bytes that take minutes: a thousand variables are alive on each of ten thousand ways.
fn slow_to_compile() -> Vec<u8> {
    const WAYS: u32 = 10_000;
    const LOCALS: u32 = 1_000;
    component(LOCALS, |code| {
        code.drop();
        for _ in 0..WAYS {
            code.block(BlockType::Empty);
        }
        code.local_get(0).br_table(0..WAYS - 1, WAYS - 1);
        for way in 0..WAYS {
            code.end().local_get(1 + way % LOCALS).i32_const(1);
            code.i32_add().local_set(1 + way * 7 % LOCALS);
        }
        for local in 1..=LOCALS {
            code.local_get(local).local_get(0).i32_add().local_set(0);
        }
        code.local_get(0);
    })
}

/// One function of a megabyte and a half, all of which the compiler has in memory at once.
fn large_to_compile() -> Vec<u8> {
    let anywhere = MemArg {
        offset: 0,
        align: 2,
        memory_index: 0,
    };
    component(0, |code| {
        for _ in 0..250_000 {
            code.local_get(0).i32_load(anywhere).i32_add();
        }
    })
}

/// The same component in other bytes: with a section that means nothing.
fn variant(wasm: &[u8], number: u8) -> Vec<u8> {
    [wasm, &[0, 3, 1, b'n', number]].concat()
}

/// Does `work` while sagas run and `/healthz` is asked all along. Each probe has to be answered
/// promptly, and each saga has to complete.
async fn meanwhile<T>(server: &Server, what: &str, work: impl Future<Output = T>) -> T {
    let (mut longest, mut probes, mut sagas) = (Duration::ZERO, 0, 0);
    let probing = async {
        loop {
            let asked = Instant::now();
            server.get("/healthz").await.expect(200);
            longest = longest.max(asked.elapsed());
            probes += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let running = async {
        loop {
            let saga = server.run_script(json!({"arguments": {}})).await;
            assert_eq!(saga["status"], "completed", "{saga:#}");
            sagas += 1;
        }
    };
    let done = tokio::select! {
        done = work => done,
        () = probing => unreachable!("it goes on"),
        () = running => unreachable!("it goes on"),
    };
    println!("{what}: {probes} probes, the longest took {longest:?}; {sagas} sagas completed");
    assert!(probes > 0 && sagas > 0, "{probes} probes, {sagas} sagas");
    assert!(longest < PROMPT, "{what}: a probe took {longest:?}");
    done
}

/// Uploads bytes and gives what the server says is wrong with them.
async fn refused(server: &Server, bytes: Vec<u8>) -> String {
    let problem = server.upload("hostile", bytes).await;
    let problem = problem.problem(422, "invalid-component");
    problem["detail"].as_str().expect("a detail").to_owned()
}

async fn takes_a_good_one(server: &Server) {
    server.upload("good", guest("bench")).await.expect(201);
}

/// Files of compiled components, and what else is there.
fn cached(server: &Server) -> Vec<PathBuf> {
    let files = std::fs::read_dir(server.data().join("cache")).expect("a cache");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn what_is_slow_to_compile_is_given_up_and_holds_nobody_up() {
    let server = Server::start_with(&["--compile-timeout", "5s"]);
    server.with_guest("script").await;
    let before = cached(&server);
    let slow = refused(&server, slow_to_compile());
    let detail = meanwhile(&server, "slow to compile", slow).await;
    assert!(detail.contains("took longer than 5s"), "{detail}");
    assert_eq!(cached(&server), before, "something was left");
    takes_a_good_one(&server).await;
}

#[tokio::test]
async fn what_needs_much_memory_to_compile_is_given_up_and_may_be_tried_again_with_more() {
    let mut server = Server::start_with(&["--compile-memory", "192MiB"]);
    server.with_guest("script").await;
    let before = cached(&server);
    let large = large_to_compile();
    let refusal = refused(&server, large.clone());
    let detail = meanwhile(&server, "large to compile", refusal).await;
    let memory = format!("needed more than {} bytes of memory", 192 << 20);
    assert!(detail.contains(&memory), "{detail}");
    assert_eq!(cached(&server), before, "something was left");
    takes_a_good_one(&server).await;

    server.restart_with(&[]);
    let detail = refused(&server, large).await;
    assert!(detail.contains("does not export"), "{detail}");
}

#[tokio::test]
async fn code_that_is_too_large_once_compiled_is_refused() {
    let server = Server::start_with(&["--max-compiled-size", "64KiB"]);
    let detail = refused(&server, guest("script")).await;
    assert!(detail.contains("at most 65536 are allowed"), "{detail}");
}

#[test]
fn an_upload_of_200_mb_is_refused_before_it_is_read() {
    let server = Server::start();
    let address = server.url("").trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).expect("a connection");
    // The head alone, as clients send it that ask before they send much.
    let head = format!(
        "POST /v1/components/hostile HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/wasm\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        200 << 20
    );
    stream.write_all(head.as_bytes()).expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("body-too-large"), "{answer}");
}

#[tokio::test]
async fn a_truncated_component_and_garbage_after_a_valid_header_are_told_apart_from_good_ones() {
    let server = Server::start();
    let good = guest("bench");
    let garbage: Vec<u8> = (0..25_000_u32)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes())
        .collect();
    for (bad, says) in [
        (good[..good.len() / 2].to_vec(), "cannot be compiled"),
        ([COMPONENT, &garbage].concat(), "cannot be compiled"),
        (
            [COMPONENT, &[1, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat(),
            "cannot be compiled",
        ),
        (garbage, "not a WebAssembly component"),
    ] {
        let detail = refused(&server, bad).await;
        let said = detail.to_lowercase();
        assert!(said.contains(&says.to_lowercase()), "{detail}");
    }
    takes_a_good_one(&server).await;
}

#[tokio::test]
async fn fifty_uploads_at_once_are_all_answered_each_as_it_deserves() {
    let server = Server::start();
    server.with_guest("script").await;
    let good = guest("bench");
    let uploads = join_all((0..50_u8).map(|number| {
        let (bytes, status, says) = match number % 5 {
            0 => (variant(&good, number), 201, ""),
            1 => (good[..good.len() / 3].to_vec(), 422, "cannot be compiled"),
            2 => (variant(COMPONENT, number), 422, "does not export"),
            3 => (guest("no-action"), 422, "does not export"),
            _ => (vec![number; 1_000], 422, "not a WebAssembly component"),
        };
        let name = format!("upload-{number}");
        let server = &server;
        async move {
            let answer = server.upload(&name, bytes).await;
            let body = answer.expect(status);
            let detail = body["detail"].as_str().unwrap_or_default().to_lowercase();
            assert!(detail.contains(&says.to_lowercase()), "{number}: {body:#}");
        }
    }));
    meanwhile(&server, "fifty uploads", uploads).await;
    takes_a_good_one(&server).await;
}
