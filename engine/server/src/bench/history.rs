//! What finished sagas cost those that run, and how fast they are listed.
//!
//! Two servers from the same executable, one with an empty store and one with a full one, take turns
//! under the same load: what else the machine does hits both.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;
use wasaga_core::{Digest, Name, SagaId, Status, Timestamp};
use wasaga_host::{Host, HostConfig};
use wasaga_journal::{
    Append, Fence, Head, Journal, MemoryJournal, OwnerId, Ownership, SqliteJournal,
};

use super::Place;
use super::load::Load;
use super::percentile::Times;
use super::report::{per_second, rounded};
use super::scenario::{SagaPath, Scenario};
use super::server::Server;
use super::walk::{Walked, now, walk};
use crate::cli::{Cell, Client, Format, Output, Tone};

/// Sagas stored in one transaction.
const GROUP: u32 = 500;
/// Longer than any measurement.
const LEASE: Duration = Duration::from_hours(24);
/// Sagas at the same time.
const CONCURRENCY: u32 = 64;
/// How often each page is asked for.
const ASKED: u32 = 21;
/// Rows of a page.
const PAGE: &str = "100";
/// One saga in so many is of the status that is asked for, and has the tag.
const RARE: u32 = 100_000;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    pub(super) place: Place,
    /// Finished sagas
    #[arg(long, default_value_t = 1_000_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1_000..=100_000_000))]
    sagas: u32,
    /// How long each turn of a server is measured
    #[arg(long, default_value = "4s", value_parser = wasaga_core::time::parse_duration)]
    duration: Duration,
    /// Turns of each server
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    turns: u32,
}

/// What was measured. Its JSON is read by programs: fields stay.
#[derive(Debug, Serialize)]
struct Report {
    finished: u32,
    stored_per_s: f64,
    /// Medians of the turns.
    empty_sagas_per_s: f64,
    full_sagas_per_s: f64,
    /// Of the two.
    ratio: f64,
    pages: Vec<Page>,
}

#[derive(Debug, Serialize)]
struct Page {
    page: String,
    rows: usize,
    p50_ms: f64,
    max_ms: f64,
}

pub(super) async fn run(
    options: &Options,
    wasm: Vec<u8>,
    data: &Path,
    output: &mut Output,
) -> anyhow::Result<()> {
    let scenario = Scenario { steps: 3, wasm };
    let full_data = data.join("full");
    output.note(format!("{} finished sagas are stored", options.sagas));
    let begin = Instant::now();
    let rare = fill(options.sagas, &scenario, data, &full_data).await?;
    let stored_per_s = rounded(per_second(options.sagas as usize, begin.elapsed()));
    let empty = Server::start(&data.join("empty")).await?;
    let full = Server::start(&full_data).await?;
    let measured = measure(options, &scenario, &empty, &full, rare, output).await;
    let log = full.log_end();
    empty.stop().await?;
    full.stop().await?;
    let (turns, pages) = measured.context(log)?;
    let (empty_sagas_per_s, full_sagas_per_s) = turns;
    let report = Report {
        finished: options.sagas,
        stored_per_s,
        empty_sagas_per_s,
        full_sagas_per_s,
        ratio: (1000.0 * full_sagas_per_s / empty_sagas_per_s).round() / 1000.0,
        pages,
    };
    match output.format() {
        Format::Json => output.line(serde_json::to_string(&report)?)?,
        Format::Text => show(&report, output)?,
    }
    Ok(())
}

/// Stores finished sagas as the engine leaves them, and answers the id of one in the middle. Most are
/// completed; one in [`RARE`] is compensated and has a tag.
async fn fill(sagas: u32, scenario: &Scenario, data: &Path, into: &Path) -> anyhow::Result<SagaId> {
    let walked = walked(scenario, data).await?;
    let name = Name::new(SagaPath::Complete.as_str())?;
    let journal = SqliteJournal::open(into).await?;
    let fence = Fence {
        owner: OwnerId(Uuid::now_v7()),
        epoch: 1,
    };
    journal.register(fence.owner, now().after(LEASE)).await?;
    let end = now();
    let mut middle = SagaId::from_uuid(Uuid::now_v7());
    let mut number = 0;
    while number < sagas {
        let group = number..sagas.min(number + GROUP);
        number = group.end;
        let appends: Vec<_> = group
            .map(|number| {
                // One a second, the last one just now.
                let ago = i64::from(sagas - number) * 1_000;
                let at = Timestamp::from_unix_ms(end.unix_ms() - ago);
                finished(&walked, &name, fence, number, at)
            })
            .collect();
        if (number - GROUP.min(number)..number).contains(&(sagas / 2)) {
            middle = appends[0].saga;
        }
        for appended in journal.append(appends).await? {
            appended?;
        }
    }
    journal.close().await;
    Ok(middle)
}

async fn walked(scenario: &Scenario, data: &Path) -> anyhow::Result<Walked> {
    let components = MemoryJournal::new();
    components
        .put_blob(Digest::of(&scenario.wasm), &scenario.wasm)
        .await?;
    let blobs = wasaga_coordinator::Blobs(Arc::new(components));
    let host =
        Host::new(HostConfig::new(data.join("cache")), Arc::new(blobs)).context("the sandbox")?;
    walk(scenario, &host).await
}

/// The journal of a saga that ended then.
fn finished(walked: &Walked, name: &Name, fence: Fence, number: u32, at: Timestamp) -> Append {
    let records: Vec<_> = walked
        .turns
        .iter()
        .flat_map(|turn| &turn.records)
        .map(|record| wasaga_core::Record {
            at,
            ..record.clone()
        })
        .collect();
    let is_rare = number.is_multiple_of(RARE);
    let status = if is_rare {
        Status::Compensated
    } else {
        Status::Completed
    };
    let random = Uuid::now_v7();
    let mut bits = [0; 10];
    bits.copy_from_slice(&random.as_bytes()[6..]);
    let tags = if is_rare {
        BTreeMap::from([("customer".to_owned(), "rare".to_owned())])
    } else {
        BTreeMap::from([("customer".to_owned(), format!("c{}", number % 1_000))])
    };
    Append {
        saga: SagaId::from_parts(u64::try_from(at.unix_ms()).unwrap_or(0), &bits),
        expected: 0,
        fence,
        records: records.into(),
        logs: Vec::new(),
        head: Head {
            definition: name.clone(),
            version: 1,
            status,
            tags,
            created_at: at,
            updated_at: at,
            due_at: None,
            ownership: Ownership::Release,
        },
    }
}

type Turns = (f64, f64);

async fn measure(
    options: &Options,
    scenario: &Scenario,
    empty: &Server,
    full: &Server,
    middle: SagaId,
    output: &Output,
) -> anyhow::Result<(Turns, Vec<Page>)> {
    scenario.set_up(empty.url()).await?;
    scenario.set_up(full.url()).await?;
    let pages = pages(full, middle).await?;
    let mut rates: [Vec<f64>; 2] = Default::default();
    for turn in 1..=options.turns {
        output.note(format!("turn {turn} of {}", options.turns));
        for (server, rates) in [empty, full].into_iter().zip(&mut rates) {
            let load = Load {
                address: server.address(),
                request: scenario.start_request(SagaPath::Complete),
                expected: Status::Completed,
                concurrency: CONCURRENCY,
                warmup: Duration::from_secs(1),
                duration: options.duration,
            };
            let measured = load.run().await?;
            rates.push(per_second(measured.times.len(), measured.elapsed));
        }
    }
    let [empty, full] = rates.map(median);
    Ok(((rounded(empty), rounded(full)), pages))
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(0.0)
}

/// Every kind of page: each filter alone and with the others, those that match much and little.
async fn pages(server: &Server, middle: SagaId) -> anyhow::Result<Vec<Page>> {
    let client = Client::new(server.url())?;
    let filters: [&[(&str, &str)]; 12] = [
        &[],
        &[("status", "completed")],
        &[("status", "compensated")],
        &[("status", "running")],
        &[("definition", "complete")],
        &[("definition", "compensate")],
        &[("definition", "complete"), ("status", "compensated")],
        &[("tag", "customer:c7")],
        &[("tag", "customer:rare")],
        &[("tag", "customer:c7"), ("status", "compensated")],
        &[("tag", "customer:c7"), ("definition", "compensate")],
        &[
            ("tag", "customer:c7"),
            ("definition", "complete"),
            ("status", "completed"),
        ],
    ];
    let mut pages = Vec::new();
    for filter in filters {
        let words = filter.iter().map(|(name, value)| format!("{name}={value}"));
        let words: Vec<_> = words.collect();
        let name = if words.is_empty() {
            "all".to_owned()
        } else {
            words.join(" ")
        };
        let (first, next) = page(&client, filter, None, &name).await?;
        pages.push(first);
        // As deep as keyset cursors go: each page behind the one before.
        let mut cursor = next;
        for _ in 0..20 {
            let Some(after) = cursor.take() else {
                break;
            };
            let (_, next) = ask(&client, filter, Some(&after)).await?;
            cursor = next;
        }
        if let Some(after) = cursor {
            let (deep, _) =
                page(&client, filter, Some(&after), &format!("{name}, page 22")).await?;
            pages.push(deep);
        }
    }
    let id = middle.to_string();
    for path in [vec!["v1", "sagas", &id], vec!["v1", "sagas", &id, "events"]] {
        let mut times = Vec::new();
        for _ in 0..ASKED {
            let begin = Instant::now();
            client.get(&path).await?;
            times.push(micros(begin));
        }
        let name = if path.len() == 3 {
            "one saga"
        } else {
            "its events"
        };
        pages.push(timed(name, 1, times)?);
    }
    Ok(pages)
}

async fn page(
    client: &Client,
    filter: &[(&str, &str)],
    after: Option<&str>,
    name: &str,
) -> anyhow::Result<(Page, Option<String>)> {
    let mut times = Vec::new();
    let mut rows = 0;
    let mut next = None;
    for _ in 0..ASKED {
        let begin = Instant::now();
        (rows, next) = ask(client, filter, after).await?;
        times.push(micros(begin));
    }
    Ok((timed(name, rows, times)?, next))
}

fn timed(name: &str, rows: usize, times: Vec<u32>) -> anyhow::Result<Page> {
    let times = Times::new(times);
    let nothing = "nothing was asked for";
    Ok(Page {
        page: name.to_owned(),
        rows,
        p50_ms: times.percentile_ms(50).context(nothing)?,
        max_ms: times.percentile_ms(100).context(nothing)?,
    })
}

fn micros(begin: Instant) -> u32 {
    u32::try_from(begin.elapsed().as_micros()).unwrap_or(u32::MAX)
}

/// Rows of a page, and where the next one starts.
async fn ask(
    client: &Client,
    filter: &[(&str, &str)],
    after: Option<&str>,
) -> anyhow::Result<(usize, Option<String>)> {
    let mut query = vec![("limit", PAGE)];
    query.extend(filter);
    query.extend(after.map(|after| ("cursor", after)));
    let request = client.request(Method::GET, &["v1", "sagas"]).query(&query);
    let answer: Value = client.send(request).await?.json()?;
    let rows = answer["items"]
        .as_array()
        .context("a list has items")?
        .len();
    Ok((rows, answer["next_cursor"].as_str().map(str::to_owned)))
}

fn show(report: &Report, output: &mut Output) -> std::io::Result<()> {
    output.line(format!(
        "{} finished sagas, stored at {:.0} a second",
        report.finished, report.stored_per_s
    ))?;
    output.line(format!(
        "{CONCURRENCY} at a time: {:.0} sagas/s on an empty store, {:.0} on the full one: {:.1} %",
        report.empty_sagas_per_s,
        report.full_sagas_per_s,
        100.0 * report.ratio
    ))?;
    output.line("")?;
    let rows = report.pages.iter().map(|page| {
        [
            Cell::new(&page.page),
            Cell::right(page.rows),
            Cell::right(format!("{:.2}", page.p50_ms)).tone(Tone::Strong),
            Cell::right(format!("{:.2}", page.max_ms)),
        ]
    });
    output.table(["PAGE", "ROWS", "P50 MS", "MAX MS"], rows)
}
