//! A way out that leads nowhere: each request is answered from what was recorded of an earlier call.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use wasaga_core::recording::{Body, RequestErrorKind};
use wasaga_core::{Digest, RequestRecord};

use super::SendError;
use super::vault::Granted;

/// The requests of a recorded call, each of which answers once.
#[derive(Debug)]
pub(crate) struct Tape {
    records: Vec<RequestRecord>,
    /// Of the body of each, where that was recorded.
    digests: Vec<Option<Digest>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// For each record whether a request has taken it.
    taken: Vec<bool>,
    /// The record that each request was answered from, by its place in the ledger.
    answered_from: BTreeMap<usize, usize>,
}

/// A request, as it would be recorded.
pub(super) struct Asked<'a> {
    /// Its place in the ledger.
    pub(super) index: usize,
    pub(super) method: &'a str,
    pub(super) url: &'a str,
    /// `None` when the component was refused before it wrote one.
    pub(super) body: Option<&'a [u8]>,
}

/// What a service answered once.
pub(super) struct Taped {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// How the body ended.
    pub(super) end: Result<(), SendError>,
}

impl Tape {
    pub(crate) fn new(records: &[RequestRecord]) -> Self {
        let digests = records.iter().map(|record| {
            let exchange = record.exchange.as_deref();
            exchange.map(|exchange| exchange.request.body.digest())
        });
        Self {
            digests: digests.collect(),
            state: Mutex::new(State {
                taken: vec![false; records.len()],
                answered_from: BTreeMap::new(),
            }),
            records: records.to_vec(),
        }
    }

    /// For each of so many requests of this call the record that it was answered from.
    pub(super) fn answered_from(&self, requests: u32) -> Vec<Option<usize>> {
        let state = self.lock();
        let requests = 0..requests as usize;
        requests
            .map(|index| state.answered_from.get(&index).copied())
            .collect()
    }

    /// Takes the first record that is left of the same request; of one with another body, when there
    /// is no other.
    pub(super) fn take(&self, asked: &Asked<'_>) -> Option<usize> {
        let mut state = self.lock();
        let digest = asked.body.map(Digest::of);
        let left = || {
            let places = (0..self.records.len()).filter(|place| !state.taken[*place]);
            places.filter(|place| {
                let record = &self.records[*place];
                record.method == asked.method && record.url == asked.url
            })
        };
        let same = left().find(|place| digest.is_some() && self.digests[*place] == digest);
        let place = same.or_else(|| left().next())?;
        state.taken[place] = true;
        state.answered_from.insert(asked.index, place);
        Some(place)
    }

    /// What was answered then.
    ///
    /// # Errors
    /// What went wrong then; and [`SendError::Connect`] when nothing, or not enough, was recorded.
    pub(super) fn play(
        &self,
        asked: &Asked<'_>,
        granted: &Granted,
        max_response_bytes: u64,
    ) -> Result<Taped, SendError> {
        let Some(place) = self.take(asked) else {
            let Asked { method, url, .. } = asked;
            return Err(SendError::Connect(format!(
                "no request {method} {url} was recorded, or not as many: while a call is replayed \
                 nothing is sent"
            )));
        };
        let record = &self.records[place];
        let end = match record.error_kind {
            Some(kind) => Err(recorded_error(record, kind, max_response_bytes)),
            None => Ok(()),
        };
        match (taped(record, granted), end) {
            (Some(taped), end) => Ok(Taped { end, ..taped }),
            // Of a response that the component did not want whole, too little is known.
            (None, Err(error)) if record.status.is_none() || !is_given_up(record) => Err(error),
            (None, _) => {
                self.lock().answered_from.remove(&asked.index);
                let Asked { method, url, .. } = asked;
                Err(SendError::Connect(format!(
                    "the response to {method} {url} was not recorded as a whole: it is too large, \
                     or the component's policy recorded less than `full`"
                )))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_given_up(record: &RequestRecord) -> bool {
    record.error_kind == Some(RequestErrorKind::GivenUp)
}

/// A response, if all of it was kept.
fn taped(record: &RequestRecord, granted: &Granted) -> Option<Taped> {
    let response = record.exchange.as_ref()?.response.as_ref()?;
    let body = match &response.body {
        Body::Omitted(_) => return None,
        body => body.bytes()?.into_owned(),
    };
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for (name, value) in &response.headers {
        let value = granted.recalled(value.clone().into_bytes());
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(&value).ok()?);
    }
    Some(Taped {
        status: StatusCode::from_u16(record.status?).ok()?,
        headers,
        body: granted.recalled(body).into(),
        end: Ok(()),
    })
}

/// The error that a record tells of. Its text begins with the kind, which the error says by itself.
fn recorded_error(
    record: &RequestRecord,
    kind: RequestErrorKind,
    max_response_bytes: u64,
) -> SendError {
    let text = record.error.as_deref().unwrap_or_default();
    let reason = |kind: &str| {
        let reason = text.strip_prefix(kind).unwrap_or(text);
        reason.strip_prefix(": ").unwrap_or(reason).to_owned()
    };
    match kind {
        RequestErrorKind::Forbidden => SendError::Forbidden(reason("forbidden")),
        RequestErrorKind::InvalidRequest => SendError::InvalidRequest(reason("invalid request")),
        RequestErrorKind::Connect => SendError::Connect(reason("no connection")),
        RequestErrorKind::Timeout | RequestErrorKind::GivenUp => {
            SendError::Timeout(reason("timeout"))
        }
        RequestErrorKind::Transport => SendError::Transport(reason("transport")),
        RequestErrorKind::TooLarge => SendError::TooLarge(max_response_bytes),
    }
}
