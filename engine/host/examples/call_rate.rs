//! Measures what a call costs: store, instantiation, call, drop.
//!
//! ```text
//! cargo run --release -p wasaga-host --example call_rate -- bench.wasm [action] [calls]
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasaga_core::event::Pin;
use wasaga_core::id::idempotency_key;
use wasaga_core::{
    Call, CallId, Digest, Direction, Ended, Limits, Name, Policy, SagaId, StepPath, Timestamp,
};
use wasaga_host::{Components, Host, HostConfig};

/// Calls before anything is measured.
const WARM_UP: usize = 500;

/// Has nothing: what is measured was prepared.
struct Nothing;

#[async_trait::async_trait]
impl Components for Nothing {
    async fn wasm(
        &self,
        _: Digest,
    ) -> Result<Option<Vec<u8>>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(None)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments
        .next()
        .ok_or("usage: call_rate <component.wasm> [action] [calls]")?;
    let action = Name::new(&arguments.next().unwrap_or_else(|| "one".to_owned()))?;
    let calls: usize = arguments.next().map_or(Ok(20_000), |text| text.parse())?;

    let cache = tempfile::tempdir()?;
    let host = Host::new(HostConfig::new(cache.path()), Arc::new(Nothing))?;
    let started = Instant::now();
    let prepared = host.prepare(std::fs::read(&file)?).await?;
    println!(
        "compiled {file} ({} bytes) in {:?}",
        prepared.size_bytes,
        started.elapsed()
    );

    let call = Arc::new(call(prepared.digest, action)?);
    let policy = Arc::new(Policy::default());
    measure(&host, &call, &policy, WARM_UP).await?;
    let mut times = measure(&host, &call, &policy, calls).await?;
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e6;
    println!(
        "one after the other: median {:.1} us, p99 {:.1} us",
        at(50),
        at(99)
    );

    for concurrency in [2, 64] {
        let started = Instant::now();
        let tasks: Vec<_> = (0..concurrency)
            .map(|_| {
                let (host, call, policy) = (host.clone(), Arc::clone(&call), Arc::clone(&policy));
                tokio::spawn(
                    async move { measure(&host, &call, &policy, calls / concurrency).await },
                )
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        let each = started.elapsed().as_secs_f64() * 1e6 / calls as f64;
        println!(
            "{concurrency} at a time: {each:.1} us a call, {:.0} calls/s",
            1e6 / each
        );
    }
    Ok(())
}

async fn measure(
    host: &Host,
    call: &Call,
    policy: &Arc<Policy>,
    calls: usize,
) -> Result<Vec<Duration>, String> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let started = Instant::now();
        let called = host.call(call, policy).await;
        times.push(started.elapsed());
        if let Ended::Failed { failure, .. } = called.report.ended {
            return Err(format!("{}: {}", failure.code, failure.message));
        }
    }
    Ok(times)
}

fn call(digest: Digest, action: Name) -> Result<Call, Box<dyn std::error::Error>> {
    let saga = SagaId::from_parts(1, &[1; 10]);
    let step = StepPath::root(&action);
    Ok(Call {
        saga,
        definition: Name::new("bench")?,
        idempotency_key: idempotency_key(saga, &step, Direction::Act, 0),
        id: CallId {
            direction: Direction::Act,
            step,
            attempt: 1,
        },
        attempt: 1,
        pin: Pin {
            component: Name::new("bench")?,
            version: 1,
            digest,
        },
        action,
        input: Arc::new(serde_json::json!({ "order_id": "o-1", "amount": 12.5 })),
        context: Arc::new(serde_json::json!({})),
        arguments: Arc::new(serde_json::Value::Null),
        previous: None,
        result: None,
        reply: None,
        timeout: Duration::from_secs(10),
        limits: Limits::default(),
        started_at: Timestamp::from_unix_ms(1_700_000_000_000),
    })
}
