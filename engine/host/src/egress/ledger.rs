//! What a call sent.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::Method;
use reqwest::Url;
use uuid::Uuid;
use wasaga_core::{Evidence, RequestRecord};

use super::SendError;
use crate::logs::truncated;

/// Longest URL in the journal.
const MAX_URL_BYTES: usize = 1_024;
/// Longest error text in the journal.
const MAX_ERROR_BYTES: usize = 512;

/// The requests of one call, in the order in which they were sent.
#[derive(Debug)]
pub(super) struct Ledger {
    max_requests: u32,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: Vec<Entry>,
    unsafe_requests: u32,
    /// The call is over: nothing is sent any more.
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    record: RequestRecord,
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

impl Ledger {
    pub(super) fn new(max_requests: u32) -> Self {
        Self {
            max_requests,
            inner: Mutex::new(Inner::default()),
        }
    }

    /// Enters a request before anything is decided about it. So its ordinal depends only on what
    /// the component does, and is the same in every attempt that does the same.
    pub(super) fn enter(&self, method: &str, url: &str, bytes: u64) -> Result<Entered, SendError> {
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
        inner.entries.push(Entry {
            record: RequestRecord {
                method: truncated(method, 32).to_owned(),
                url: public(url),
                status: None,
                error: None,
                duration_ms: 0.0,
                request_bytes: bytes,
                response_bytes: 0,
            },
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

    pub(super) fn add_request_bytes(&self, index: usize, bytes: u64) {
        self.change(index, |entry| entry.record.request_bytes += bytes);
    }

    pub(super) fn add_response_bytes(&self, index: usize, bytes: u64) {
        self.change(index, |entry| entry.record.response_bytes += bytes);
    }

    pub(super) fn status(&self, index: usize, status: u16) {
        self.change(index, |entry| entry.record.status = Some(status));
    }

    pub(super) fn failed(&self, index: usize, error: &SendError) {
        self.change(index, |entry| {
            if error.nothing_sent() {
                entry.may_have_been_sent = false;
            }
            entry.record.error = Some(truncated(&error.to_string(), MAX_ERROR_BYTES).to_owned());
            entry.end();
        });
    }

    /// Nothing more comes: the body is whole, or the component does not want the rest.
    pub(super) fn done(&self, index: usize) {
        self.change(index, Entry::end);
    }

    /// Closes the ledger: what it holds, and whether something outside may have changed.
    pub(super) fn close(&self) -> (Vec<RequestRecord>, Evidence) {
        let mut inner = self.lock();
        inner.closed = true;
        let possible = inner
            .entries
            .iter()
            .any(|entry| !entry.safe && entry.may_have_been_sent);
        let records = inner.entries.drain(..).map(|mut entry| {
            entry.end();
            entry.record
        });
        (
            records.collect(),
            if possible {
                Evidence::Possible
            } else {
                Evidence::Unchanged
            },
        )
    }

    /// Changes an entry that is not over yet.
    fn change(&self, index: usize, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self
            .lock()
            .entries
            .get_mut(index)
            .filter(|entry| !entry.over)
        {
            change(entry);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn end(&mut self) {
        if !self.over {
            self.over = true;
            if self.record.status.is_none() && self.record.error.is_none() {
                self.record.error = Some("given up before there was a response".to_owned());
            }
            self.record.duration_ms = crate::millis(self.started.elapsed());
        }
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

    #[test]
    fn only_a_request_that_is_not_safe_and_may_have_arrived_is_evidence() {
        let evidence = |method: &str, error: Option<SendError>| {
            let ledger = Ledger::new(9);
            let index = ledger.enter(method, "http://a/", 0).expect("entered").index;
            assert!(ledger.departs(index));
            if let Some(error) = error {
                ledger.failed(index, &error);
            }
            ledger.close().1
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
        let ledger = Ledger::new(9);
        let index = ledger.enter("POST", "http://a/", 0).expect("entered").index;
        let (records, evidence) = ledger.close();
        assert!(records[0].error.is_some());
        assert_eq!(evidence, Evidence::Unchanged);
        assert!(!ledger.departs(index));
    }

    #[test]
    fn passwords_in_urls_stay_out_of_the_journal() {
        assert_eq!(public("http://user:secret@a/b?c=d"), "http://a/b?c=d");
    }
}
