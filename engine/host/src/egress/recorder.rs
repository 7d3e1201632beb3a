//! What is kept of the requests of one call.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use sha2::{Digest as _, Sha256};
use wasaga_core::Digest;
use wasaga_core::recording::{Body, Exchange, Message, REDACTED};

use super::rewrite::Rewriter;
use super::vault::Granted;

/// Headers that are passwords by their nature.
const PASSWORDS: [&str; 5] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-api-key",
];

/// What a header counts for beside its text.
const HEADER_OVERHEAD_BYTES: usize = 32;

/// Bounds what a call's recording keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) max_body_bytes: u64,
    /// What is left for the call.
    pub(super) left_bytes: u64,
}

impl Budget {
    fn take(&mut self, bytes: usize) -> bool {
        let left = self.left_bytes.checked_sub(bytes as u64);
        self.left_bytes = left.unwrap_or(self.left_bytes);
        left.is_some()
    }

    fn give_back(&mut self, bytes: usize) {
        self.left_bytes = self.left_bytes.saturating_add(bytes as u64);
    }
}

/// One exchange while it goes on.
#[derive(Debug)]
pub(super) struct Transcript {
    request: Part,
    response: Option<Part>,
}

impl Transcript {
    /// Begins with a request's headers as the component set them; `None` when nothing more fits.
    pub(super) fn begin(
        headers: &[(String, Vec<u8>)],
        granted: &Arc<Granted>,
        budget: &mut Budget,
    ) -> Option<Self> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), kept(name, value, granted)));
        Some(Self {
            request: Part {
                headers: affordable(headers.collect(), budget)?,
                body: Capture::new(granted),
            },
            response: None,
        })
    }

    /// A response came; its headers are those that the component gets.
    pub(super) fn answered(
        &mut self,
        headers: &HeaderMap,
        granted: &Arc<Granted>,
        budget: &mut Budget,
    ) {
        let headers = headers.iter().map(|(name, value)| {
            let name = name.to_string();
            let value = kept(&name, value.as_bytes(), granted);
            (name, value)
        });
        let mut body = Capture::new(granted);
        let headers = affordable(headers.collect(), budget).unwrap_or_else(|| {
            // Without its headers it is no response that could be given again.
            body.digest_only(budget);
            Vec::new()
        });
        self.response = Some(Part { headers, body });
    }

    /// A piece of the request's body, as the component wrote it.
    pub(super) fn sent(&mut self, piece: &[u8], budget: &mut Budget) {
        self.request.body.push(piece, budget);
    }

    /// A piece of the response's body, as the component gets it.
    pub(super) fn received(&mut self, piece: &[u8], budget: &mut Budget) {
        if let Some(response) = &mut self.response {
            response.body.push(piece, budget);
        }
    }

    /// What is kept of it.
    pub(super) fn finish(self, budget: &mut Budget) -> Exchange {
        Exchange {
            request: self.request.finish(budget),
            response: self.response.map(|response| response.finish(budget)),
        }
    }
}

#[derive(Debug)]
struct Part {
    headers: Vec<(String, String)>,
    body: Capture,
}

impl Part {
    fn finish(self, budget: &mut Budget) -> Message {
        Message {
            headers: self.headers,
            body: self.body.finish(budget),
        }
    }
}

/// A body while it passes: kept as long as it is small, else only digested.
#[derive(Debug)]
struct Capture {
    /// Where there are secrets.
    namer: Option<Rewriter>,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    Bytes(Vec<u8>),
    Digest(Sha256),
}

impl Capture {
    fn new(granted: &Granted) -> Self {
        Self {
            namer: (!granted.is_empty()).then(|| granted.namer()),
            kept: Kept::Bytes(Vec::new()),
        }
    }

    fn push(&mut self, piece: &[u8], budget: &mut Budget) {
        match &mut self.namer {
            Some(namer) => {
                let named = namer.push(Bytes::copy_from_slice(piece));
                self.keep(&named, budget);
            }
            None => self.keep(piece, budget),
        }
    }

    fn keep(&mut self, piece: &[u8], budget: &mut Budget) {
        if let Kept::Bytes(bytes) = &mut self.kept {
            let size = (bytes.len() + piece.len()) as u64;
            if size <= budget.max_body_bytes && budget.take(piece.len()) {
                bytes.extend_from_slice(piece);
                return;
            }
            self.digest_only(budget);
        }
        if let Kept::Digest(digest) = &mut self.kept {
            digest.update(piece);
        }
    }

    fn digest_only(&mut self, budget: &mut Budget) {
        if let Kept::Bytes(bytes) = &self.kept {
            budget.give_back(bytes.len());
            self.kept = Kept::Digest(Sha256::new_with_prefix(bytes));
        }
    }

    fn finish(mut self, budget: &mut Budget) -> Body {
        if let Some(mut namer) = self.namer.take() {
            self.keep(&namer.finish(), budget);
        }
        match self.kept {
            Kept::Bytes(bytes) if bytes.is_empty() => Body::Empty,
            Kept::Bytes(bytes) => String::from_utf8(bytes).map_or_else(
                |error| Body::Base64(BASE64_STANDARD.encode(error.as_bytes())),
                Body::Text,
            ),
            Kept::Digest(digest) => Body::Omitted(Digest::from_bytes(digest.finalize().into())),
        }
    }
}

/// These headers, if the call's recording has room for them.
fn affordable(
    headers: Vec<(String, String)>,
    budget: &mut Budget,
) -> Option<Vec<(String, String)>> {
    let size = headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + HEADER_OVERHEAD_BYTES);
    budget.take(size.sum()).then_some(headers)
}

/// What is kept of a header's value. Secrets stand in it by name: so a change of which one is sent
/// shows, where the header is not a password itself.
fn kept(name: &str, value: &[u8], granted: &Granted) -> String {
    if is_password(name) {
        return REDACTED.to_owned();
    }
    String::from_utf8_lossy(&granted.named(value)).into_owned()
}

fn is_password(name: &str) -> bool {
    PASSWORDS
        .iter()
        .any(|password| name.eq_ignore_ascii_case(password))
}
