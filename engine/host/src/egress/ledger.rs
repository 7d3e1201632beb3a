//! What a call sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::{HeaderMap, Method};
use reqwest::Url;
use uuid::Uuid;
use wasaga_core::recording::RequestErrorKind;
use wasaga_core::{Evidence, Recording, RequestRecord};

use super::SendError;
use super::recorder::{Budget, Transcript};
use super::vault::Granted;
use crate::logs::truncated;

/// Longest URL in the journal.
const MAX_URL_BYTES: usize = 1_024;
/// Longest error text in the journal.
const MAX_ERROR_BYTES: usize = 512;

/// The requests of one call, in the order in which they were sent.
#[derive(Debug)]
pub(super) struct Ledger {
    max_requests: u32,
    recording: Recording,
    granted: Arc<Granted>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    entries: Vec<Entry>,
    unsafe_requests: u32,
    budget: Budget,
    /// The call is over: nothing is sent any more.
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    record: RequestRecord,
    /// With [`Recording::Full`], as long as there is room.
    transcript: Option<Transcript>,
    started: Instant,
    safe: bool,
    may_have_been_sent: bool,
    over: bool,
}

/// Which entry of the ledger, and how it is keyed.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) index: usize,
    /// For a request that is not safe: its place among those of the call, from 0.
    pub(super) ordinal: Option<u32>,
}

/// What a ledger says of a call that is over.
#[derive(Debug)]
pub(crate) struct Closed {
    /// As much of them as the policy wants recorded.
    pub(crate) records: Vec<RequestRecord>,
    /// How many there were.
    pub(crate) requests: u32,
    /// Whether something outside may have changed.
    pub(crate) evidence: Evidence,
}

impl Ledger {
    pub(super) fn new(
        max_requests: u32,
        recording: Recording,
        budget: Budget,
        granted: Arc<Granted>,
    ) -> Self {
        Self {
            max_requests,
            recording,
            granted,
            inner: Mutex::new(Inner {
                entries: Vec::new(),
                unsafe_requests: 0,
                budget,
                closed: false,
            }),
        }
    }

    /// Enters a request before anything is decided about it. So its ordinal depends only on what
    /// the component does, and is the same in every attempt that does the same.
    pub(super) fn enter(
        &self,
        method: &str,
        url: &str,
        headers: &[(String, Vec<u8>)],
    ) -> Result<Entered, SendError> {
        let url = public(&self.granted.public(url));
        let mut inner = self.lock();
        let max = self.max_requests;
        if inner.entries.len() >= max as usize {
            return Err(SendError::Forbidden(format!(
                "a call may send {max} requests (limits.requests)"
            )));
        }
        let safe = is_safe(method);
        let ordinal = (!safe).then_some(inner.unsafe_requests);
        inner.unsafe_requests += u32::from(!safe);
        let transcript = match self.recording {
            Recording::Full => Transcript::begin(headers, &self.granted, &mut inner.budget),
            Recording::None | Recording::Summary => None,
        };
        inner.entries.push(Entry {
            record: RequestRecord {
                method: truncated(method, 32).to_owned(),
                url,
                status: None,
                error: None,
                error_kind: None,
                duration_ms: 0.0,
                request_bytes: 0,
                response_bytes: 0,
                exchange: None,
            },
            transcript,
            started: Instant::now(),
            safe,
            may_have_been_sent: false,
            over: false,
        });
        Ok(Entered {
            index: inner.entries.len() - 1,
            ordinal,
        })
    }

    /// From here on the request may arrive. `false` when the call is over and it must not.
    pub(super) fn departs(&self, index: usize) -> bool {
        let mut inner = self.lock();
        if inner.closed {
            return false;
        }
        if let Some(entry) = inner.entries.get_mut(index) {
            entry.may_have_been_sent = true;
        }
        true
    }

    /// A piece of the request's body, as the component wrote it.
    pub(super) fn sent(&self, index: usize, piece: &[u8]) {
        self.change(index, |entry, budget| {
            entry.record.request_bytes += piece.len() as u64;
            if let Some(transcript) = &mut entry.transcript {
                transcript.sent(piece, budget);
            }
        });
    }

    /// The head of a response, as the component gets it.
    pub(super) fn answered(&self, index: usize, status: u16, headers: &HeaderMap) {
        self.change(index, |entry, budget| {
            entry.record.status = Some(status);
            if let Some(transcript) = &mut entry.transcript {
                transcript.answered(headers, &self.granted, budget);
            }
        });
    }

    /// A piece of the response's body, as the component gets it.
    pub(super) fn received(&self, index: usize, piece: &[u8]) {
        self.change(index, |entry, budget| {
            entry.record.response_bytes += piece.len() as u64;
            if let Some(transcript) = &mut entry.transcript {
                transcript.received(piece, budget);
            }
        });
    }

    pub(super) fn failed(&self, index: usize, error: &SendError) {
        self.change(index, |entry, budget| {
            if error.nothing_sent() {
                entry.may_have_been_sent = false;
            }
            let text = error.to_string();
            let text = self.granted.public(&text);
            entry.fail(error.kind(), truncated(&text, MAX_ERROR_BYTES));
            entry.end(budget);
        });
    }

    /// The response is whole.
    pub(super) fn done(&self, index: usize) {
        self.change(index, Entry::end);
    }

    /// The component does not want the rest.
    pub(super) fn given_up(&self, index: usize) {
        self.change(index, Entry::give_up);
    }

    /// Method and URL of an entry, as they are recorded.
    pub(super) fn asked_for(&self, index: usize) -> Option<(String, String)> {
        let inner = self.lock();
        let record = &inner.entries.get(index)?.record;
        Some((record.method.clone(), record.url.clone()))
    }

    /// Closes the ledger, and says what it holds.
    pub(super) fn close(&self) -> Closed {
        let mut inner = self.lock();
        let Inner {
            entries,
            budget,
            closed,
            ..
        } = &mut *inner;
        *closed = true;
        let possible = entries
            .iter()
            .any(|entry| !entry.safe && entry.may_have_been_sent);
        let requests = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let records = entries.drain(..).map(|mut entry| {
            entry.give_up(budget);
            entry.record
        });
        let records = match self.recording {
            Recording::None => {
                drop(records);
                Vec::new()
            }
            Recording::Summary | Recording::Full => records.collect(),
        };
        Closed {
            records,
            requests,
            evidence: if possible {
                Evidence::Possible
            } else {
                Evidence::Unchanged
            },
        }
    }

    /// Changes an entry that is not over yet.
    fn change(&self, index: usize, change: impl FnOnce(&mut Entry, &mut Budget)) {
        let mut inner = self.lock();
        let Inner {
            entries, budget, ..
        } = &mut *inner;
        if let Some(entry) = entries.get_mut(index).filter(|entry| !entry.over) {
            change(entry, budget);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn fail(&mut self, kind: RequestErrorKind, text: &str) {
        self.record.error_kind = Some(kind);
        self.record.error = Some(text.to_owned());
    }

    /// Ends it, unless it came to its end.
    fn give_up(&mut self, budget: &mut Budget) {
        if !self.over {
            let text = match self.record.status {
                None => "given up before there was a response",
                Some(_) => "given up before the response was whole",
            };
            self.fail(RequestErrorKind::GivenUp, text);
            self.end(budget);
        }
    }

    fn end(&mut self, budget: &mut Budget) {
        self.over = true;
        self.record.duration_ms = crate::millis(self.started.elapsed());
        let exchange = self.transcript.take().map(|kept| kept.finish(budget));
        self.record.exchange = exchange.map(Box::new);
    }
}

/// Whether a request with this method asks for no change.
fn is_safe(method: &str) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS]
        .iter()
        .any(|safe| method == safe.as_str())
}

/// The key of a call's request: the same in every attempt, another one for every request.
pub(super) fn request_key(call: Uuid, ordinal: u32) -> Uuid {
    Uuid::new_v5(&call, &ordinal.to_be_bytes())
}

/// A URL as the journal shows it: without a user's name and password.
fn public(url: &str) -> String {
    let shown = match Url::parse(url) {
        Ok(mut url) if !url.username().is_empty() || url.password().is_some() => {
            // Both fail only for URLs that cannot have them.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.to_string()
        }
        _ => url.to_owned(),
    };
    truncated(&shown, MAX_URL_BYTES).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger {
        let budget = Budget {
            max_body_bytes: 9,
            left_bytes: 9,
        };
        Ledger::new(9, Recording::Summary, budget, Arc::default())
    }

    fn enter(ledger: &Ledger, method: &str) -> usize {
        let entered = ledger.enter(method, "http://a/", &[]);
        entered.expect("entered").index
    }

    #[test]
    fn only_a_request_that_is_not_safe_and_may_have_arrived_is_evidence() {
        let evidence = |method: &str, error: Option<SendError>| {
            let ledger = ledger();
            let index = enter(&ledger, method);
            assert!(ledger.departs(index));
            if let Some(error) = error {
                ledger.failed(index, &error);
            }
            ledger.close().evidence
        };
        assert_eq!(evidence("GET", None), Evidence::Unchanged);
        assert_eq!(evidence("POST", None), Evidence::Possible);
        assert_eq!(
            evidence("POST", Some(SendError::Connect("x".into()))),
            Evidence::Unchanged
        );
        assert_eq!(
            evidence("POST", Some(SendError::Timeout("x".into()))),
            Evidence::Possible
        );
        assert_eq!(
            evidence("post", None),
            Evidence::Possible,
            "methods are case sensitive"
        );
    }

    #[test]
    fn nothing_leaves_once_the_call_is_over() {
        let ledger = ledger();
        let index = enter(&ledger, "POST");
        let closed = ledger.close();
        assert_eq!(closed.requests, 1);
        assert_eq!(
            closed.records[0].error_kind,
            Some(RequestErrorKind::GivenUp)
        );
        assert_eq!(closed.evidence, Evidence::Unchanged);
        assert!(!ledger.departs(index));
    }

    #[test]
    fn passwords_in_urls_stay_out_of_the_journal() {
        assert_eq!(public("http://user:secret@a/b?c=d"), "http://a/b?c=d");
    }
}
