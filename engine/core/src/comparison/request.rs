//! The requests of two calls, and two requests part by part.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Changes, Compared, Difference, MAX_CHANGES, text};
use crate::id::Digest;
use crate::recording::{Body, Message, RequestRecord};

/// Headers that are not compared: they differ from run to run, or follow from something else that
/// is compared.
const LEFT_OUT: [&str; 8] = [
    // They name the library and the trace.
    "user-agent",
    "traceparent",
    "tracestate",
    "baggage",
    "x-request-id",
    "date",
    // They follow from the body and the URL.
    "content-length",
    "host",
];
/// A part of a request that is different.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "kebab-case")]
pub enum Part {
    /// The method.
    Method(Compared<String>),
    /// The URL.
    Url(Compared<String>),
    /// Headers, as the component set them. They are compared as a multiset of names, without regard
    /// to case, and values. Not compared are those that differ from run to run (`user-agent`,
    /// `traceparent`, `tracestate`, `baggage`, `x-request-id`, `date`) or follow from another part
    /// (`content-length`, `host`). An `idempotency-key` is compared: one that is recorded is the
    /// component's own, and changing it makes a service do again what it did.
    Headers(HeaderChanges),
    /// Bodies that are both JSON objects or arrays. How they are spelled does not matter.
    JsonBody(Changes),
    /// Other bodies.
    Body(Compared<ShownBody>),
}

/// Headers that are different.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderChanges {
    /// At most [`MAX_CHANGES`] of them, by name.
    pub changes: Vec<HeaderChange>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub more: usize,
}

/// A header that is different.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderChange {
    /// Its name in lower case.
    pub name: String,
    /// Its value in the recorded request, when that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<String>,
    /// Its value in the candidate's, when that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
}

/// A body as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShownBody {
    /// There is none.
    Empty,
    /// Text, shortened.
    Text(String),
    /// The digest of anything else, and of what is too large to be recorded.
    Digest(Digest),
}

/// What is different between the requests of two calls.
pub(super) struct Requests {
    pub(super) differences: Vec<Difference>,
    pub(super) diverged_at: Option<usize>,
}

pub(super) fn compare(
    recorded: &[RequestRecord],
    candidate: &[RequestRecord],
    answered_from: &[Option<usize>],
) -> Requests {
    let sources = answered_from.iter().copied().chain(std::iter::repeat(None));
    let sources: Vec<_> = sources
        .map(|source| source.filter(|source| *source < recorded.len()))
        .take(candidate.len())
        .collect();
    let known: Vec<usize> = sources.iter().map_while(|source| *source).collect();
    let diverged_at = (known.len() < candidate.len()).then_some(known.len());

    let mut differences = Vec::new();
    differences.extend(order(&known));
    let request =
        |(index, source): (usize, &usize)| changed((recorded, *source), (candidate, index));
    differences.extend(known.iter().enumerate().filter_map(request));
    let used: BTreeSet<usize> = sources.iter().flatten().copied().collect();
    match diverged_at {
        Some(index) => {
            let place = known.last().map_or(0, |before| before + 1);
            let pair = recorded.get(place).filter(|instead| {
                !used.contains(&place) && is_elsewhere(instead, &candidate[index])
            });
            differences.push(
                pair.and_then(|_| changed((recorded, place), (candidate, index)))
                    .unwrap_or_else(|| unrecorded(index, &candidate[index])),
            );
        }
        None => {
            let missing = recorded.iter().enumerate();
            let missing = missing.filter(|(index, _)| !used.contains(index));
            differences.extend(missing.map(|(index, request)| self::missing(index, request)));
        }
    }
    Requests {
        differences,
        diverged_at,
    }
}

/// Recorded requests that were sent before others which came before them.
fn order(sent: &[usize]) -> Option<Difference> {
    let late = sent.windows(2).position(|pair| pair[0] > pair[1])?;
    let first = sent[..=late].partition_point(|place| *place < sent[late + 1]);
    let sent = sent[first..].iter().copied().take(MAX_CHANGES).collect();
    Some(Difference::Order { sent })
}

/// Whether one request may be another one that goes to another place, or in another way.
fn is_elsewhere(one: &RequestRecord, other: &RequestRecord) -> bool {
    let same_host = || host(&one.url).eq_ignore_ascii_case(host(&other.url));
    (one.method == other.method || same_host()) && bodies(body(one), body(other)).is_none()
}

/// The host of a URL with its port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn unrecorded(index: usize, request: &RequestRecord) -> Difference {
    Difference::UnrecordedRequest {
        index,
        method: text::shortened(&request.method),
        url: text::shortened(&request.url),
        body: ShownBody::of(body(request)),
    }
}

fn missing(recorded_index: usize, request: &RequestRecord) -> Difference {
    Difference::MissingRequest {
        recorded_index,
        method: text::shortened(&request.method),
        url: text::shortened(&request.url),
        body: ShownBody::of(body(request)),
    }
}

/// How two requests at their places are different, if they are.
fn changed(
    recorded: (&[RequestRecord], usize),
    candidate: (&[RequestRecord], usize),
) -> Option<Difference> {
    let ((one, recorded_index), (other, index)) = (recorded, candidate);
    let (one, other) = (&one[recorded_index], &other[index]);
    let headers = HeaderChanges::between(said(one), said(other));
    let parts = [
        text::compared(&one.method, &other.method).map(Part::Method),
        text::compared(&one.url, &other.url).map(Part::Url),
        (!headers.changes.is_empty()).then_some(Part::Headers(headers)),
        bodies(body(one), body(other)),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| Difference::Request {
        index,
        recorded_index,
        method: text::shortened(&one.method),
        url: text::shortened(&one.url),
        parts,
    })
}

/// What a request said, when that was recorded.
fn said(request: &RequestRecord) -> Option<&Message> {
    request.exchange.as_ref().map(|exchange| &exchange.request)
}

fn body(request: &RequestRecord) -> &Body {
    said(request).map_or(&Body::Empty, |said| &said.body)
}

/// How two bodies are different, if they are.
fn bodies(recorded: &Body, candidate: &Body) -> Option<Part> {
    if recorded == candidate {
        return None;
    }
    if let (Body::Text(one), Body::Text(other)) = (recorded, candidate) {
        if let (Some(one), Some(other)) = (structure(one), structure(other)) {
            let changes = Changes::between(&one, &other);
            return (!changes.is_empty()).then_some(Part::JsonBody(changes));
        }
        let Compared {
            recorded,
            candidate,
        } = text::excerpts(one, other);
        return Some(Part::Body(Compared {
            recorded: ShownBody::Text(recorded),
            candidate: ShownBody::Text(candidate),
        }));
    }
    // One of them may have been too large to be kept at the time.
    (recorded.digest() != candidate.digest()).then(|| {
        Part::Body(Compared {
            recorded: ShownBody::of(recorded),
            candidate: ShownBody::of(candidate),
        })
    })
}

/// A text's JSON, if it is an object or an array.
fn structure(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).ok()?;
    (value.is_object() || value.is_array()).then_some(value)
}

impl ShownBody {
    fn of(body: &Body) -> Self {
        match body {
            Body::Empty => Self::Empty,
            Body::Text(text) => Self::Text(text::shortened(text)),
            Body::Base64(_) | Body::Omitted(_) => Self::Digest(body.digest()),
        }
    }
}

impl HeaderChanges {
    fn between(recorded: Option<&Message>, candidate: Option<&Message>) -> Self {
        let mut only_recorded = headers(recorded);
        let mut only_candidate = headers(candidate);
        // As multisets: each one takes away one that is the same.
        only_recorded.retain(|header| match only_candidate.binary_search(header) {
            Ok(same) => {
                only_candidate.remove(same);
                false
            }
            Err(_) => true,
        });
        let mut changes = Vec::new();
        let mut added = only_candidate.into_iter().peekable();
        for (name, value) in only_recorded {
            while let Some(header) = added.next_if(|header| header.0 < name) {
                changes.push((header.0, None, Some(header.1)));
            }
            let other = added.next_if(|header| header.0 == name);
            changes.push((name, Some(value), other.map(|other| other.1)));
        }
        changes.extend(added.map(|(name, value)| (name, None, Some(value))));
        let more = changes.len().saturating_sub(MAX_CHANGES);
        let changes = changes.into_iter().take(MAX_CHANGES);
        let changes =
            changes.map(|(name, recorded, candidate)| HeaderChange::of(&name, recorded, candidate));
        Self {
            changes: changes.collect(),
            more,
        }
    }
}

/// A message's headers that are compared, sorted, their names in lower case.
fn headers(message: Option<&Message>) -> Vec<(String, &String)> {
    let headers = message.map_or(&[][..], |message| &message.headers);
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value));
    let mut headers: Vec<_> = headers
        .filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()))
        .collect();
    headers.sort();
    headers
}

impl HeaderChange {
    fn of(name: &str, recorded: Option<&String>, candidate: Option<&String>) -> Self {
        let [one, other] = [recorded, candidate].map(|value| value.map_or("", String::as_str));
        let excerpts = text::excerpts(one, other);
        Self {
            name: text::shortened(name),
            recorded: recorded.map(|_| excerpts.recorded),
            candidate: candidate.map(|_| excerpts.candidate),
        }
    }
}
