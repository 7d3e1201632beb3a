//! Values in place of placeholders, in requests to the hosts that secrets are bound to.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::SendError;
use super::forms::Form;
use super::rewrite::{Labels, Reader, Rewriter, Table};
use super::vault::Granted;

/// The secrets that one request may carry. Nothing prints the credentials.
pub(super) struct Filling {
    granted: Arc<Granted>,
    labels: Labels,
    /// Credentials of `Authorization: Basic` that hold a value: what is sent, and what the
    /// component wrote.
    credentials: Vec<(String, String)>,
}

impl Filling {
    pub(super) const fn new(granted: Arc<Granted>, labels: Labels) -> Self {
        Self {
            granted,
            labels,
            credentials: Vec::new(),
        }
    }

    /// Whether no secret is bound to where the request goes.
    pub(super) const fn is_empty(&self) -> bool {
        self.labels == 0
    }

    /// Puts values into headers. They are marked, so that no library prints them.
    ///
    /// The answer must come as it is and whole, or no value could be found in it: nothing is asked
    /// for that compresses it or cuts it in pieces.
    ///
    /// # Errors
    /// [`SendError::Forbidden`] when a secret is missing.
    pub(super) fn fill_headers(&mut self, headers: &mut HeaderMap) -> Result<(), SendError> {
        if self.is_empty() {
            return Ok(());
        }
        for (name, value) in headers.iter_mut() {
            let filled = match self.fill(value.as_bytes(), Form::Plain)? {
                Some(filled) => filled,
                None if name == header::AUTHORIZATION => match self.fill_basic(value)? {
                    Some(filled) => filled,
                    None => continue,
                },
                None => continue,
            };
            *value = HeaderValue::from_maybe_shared(filled).map_err(|_| {
                SendError::InvalidRequest(format!("the header `{name}` cannot carry its secret"))
            })?;
            value.set_sensitive(true);
        }
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        headers.remove(header::RANGE);
        headers.remove(header::IF_RANGE);
        Ok(())
    }

    /// A text with values in it; `None` when it has no placeholder.
    ///
    /// # Errors
    /// [`SendError::Forbidden`] when a secret is missing.
    pub(super) fn fill(&self, bytes: &[u8], form: Form) -> Result<Option<Bytes>, SendError> {
        let mut filler = self.granted.filler(self.labels, form);
        let mut filled = Vec::from(filler.push(Bytes::copy_from_slice(bytes)));
        filled.extend_from_slice(&filler.finish());
        let met = filler.met() & self.labels;
        self.granted.require(met)?;
        Ok((met != 0).then(|| filled.into()))
    }

    /// The same for user and password, which stand in base64.
    fn fill_basic(&mut self, value: &HeaderValue) -> Result<Option<Bytes>, SendError> {
        let written = value.to_str().ok().and_then(|text| text.split_once(' '));
        let Some((scheme, written)) = written else {
            return Ok(None);
        };
        let written = written.trim();
        let Some(plain) = BASE64_STANDARD
            .decode(written)
            .ok()
            .filter(|_| scheme.eq_ignore_ascii_case("basic"))
        else {
            return Ok(None);
        };
        let filled = self.fill(&plain, Form::Plain)?;
        Ok(filled.map(|filled| {
            let sent = BASE64_STANDARD.encode(&filled);
            let header = format!("{scheme} {sent}").into();
            self.credentials.push((sent, written.to_owned()));
            header
        }))
    }

    /// What puts values into a body of this form while it is sent.
    pub(super) fn filler(&self, form: Form) -> Filler {
        Filler {
            rewriter: self.granted.filler(self.labels, form),
            granted: Arc::clone(&self.granted),
            labels: self.labels,
        }
    }

    /// What takes values out of the response.
    pub(super) fn scrubber(&self) -> Scrubber {
        let mut steps = Vec::new();
        if !self.credentials.is_empty() {
            let sent = self.credentials.iter().map(|(sent, _)| sent);
            let written = self.credentials.iter();
            let written = written.map(|(_, written)| Some(Bytes::from(written.clone())));
            let sent = (0..)
                .zip(sent)
                .map(|(label, sent)| (sent.clone().into_bytes(), label));
            let table = Arc::new(Table::new(sent));
            steps.push(Rewriter::new(table, written.collect(), Reader::Stranger));
        }
        if !self.granted.is_empty() {
            steps.push(self.granted.scrubber());
        }
        Scrubber(steps)
    }
}

impl fmt::Debug for Filling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Filling");
        shown
            .field("granted", &self.granted)
            .field("labels", &self.labels);
        shown.finish_non_exhaustive()
    }
}

/// Puts values into a body.
#[derive(Debug)]
pub(super) struct Filler {
    rewriter: Rewriter,
    granted: Arc<Granted>,
    labels: Labels,
}

impl Filler {
    /// Takes the next piece. What comes out may be empty.
    ///
    /// # Errors
    /// [`SendError::Forbidden`] when a secret is missing.
    pub(super) fn push(&mut self, piece: Bytes) -> Result<Bytes, SendError> {
        let filled = self.rewriter.push(piece);
        self.granted.require(self.rewriter.met() & self.labels)?;
        Ok(filled)
    }

    /// What was kept back.
    ///
    /// # Errors
    /// [`SendError::Forbidden`] when a secret is missing.
    pub(super) fn finish(&mut self) -> Result<Bytes, SendError> {
        let filled = self.rewriter.finish();
        self.granted.require(self.rewriter.met() & self.labels)?;
        Ok(filled)
    }
}

/// Takes values out of what comes back. Nothing is looked for where nothing can be.
#[derive(Debug, Default)]
pub(super) struct Scrubber(Vec<Rewriter>);

impl Scrubber {
    /// Takes the next piece. What comes out may be empty.
    pub(super) fn push(&mut self, piece: Bytes) -> Bytes {
        let steps = self.0.iter_mut();
        steps.fold(piece, |piece, step| step.push(piece))
    }

    /// What was kept back.
    pub(super) fn finish(&mut self) -> Bytes {
        self.0.iter_mut().fold(Bytes::new(), |piece, step| {
            let (passed, rest) = (step.push(piece), step.finish());
            if rest.is_empty() {
                return passed;
            }
            [passed, rest].concat().into()
        })
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Url;
    use wasaga_core::{Name, Policy, SecretGrant};

    use super::super::vault::Vault;
    use super::*;
    use crate::keys::HostKey;
    use crate::secrets::Secrets;

    #[test]
    fn what_holds_a_secret_does_not_print_it() {
        let secret = ("real".to_owned(), "hunter2-hunter2".to_owned());
        let secrets = Secrets::new([secret]).expect("secrets");
        let vault = Vault::new(HostKey::of(b"key"), secrets);
        let mut policy = Policy::default();
        let grant = SecretGrant {
            secret: "real".to_owned(),
            hosts: vec!["a.test".to_owned()],
        };
        policy.secrets.insert("token".to_owned(), grant);
        let granted = vault.granted(&Name::new("pay").expect("a name"), &policy);
        let placeholder = granted.placeholder("token").expect("a placeholder");
        let mut headers = HeaderMap::new();
        let basic = BASE64_STANDARD.encode(format!("user:{placeholder}"));
        for (name, value) in [
            (header::AUTHORIZATION, format!("Basic {basic}")),
            (header::COOKIE, format!("session={placeholder}")),
        ] {
            headers.insert(name, value.parse().expect("a value"));
        }
        let url = Url::parse("https://a.test/").expect("a URL");
        let mut filling = granted.bound_to(&url).expect("a valid policy");
        filling.fill_headers(&mut headers).expect("filled");
        assert_eq!(headers[header::COOKIE], "session=hunter2-hunter2");
        assert!(headers[header::AUTHORIZATION].is_sensitive());
        let mut filler = filling.filler(Form::Plain);
        let body = Bytes::from(placeholder.to_owned());
        let filled = filler.push(body).expect("the secret is there");
        assert_eq!(filled, "hunter2-hunter2");
        let mut scrubber = filling.scrubber();
        assert_eq!(scrubber.push(filled), "");
        let printed =
            format!("{headers:?} {vault:?} {granted:?} {filling:?} {filler:?} {scrubber:?}");
        // The value, its beginning as numbers, and what stands for it in base64.
        let bytes = format!("{:?}", b"hunter2");
        let sent = BASE64_STANDARD.encode("user:hunter2-hunter2");
        for telling in ["hunter2", bytes.trim_matches(['[', ']']), &sent] {
            assert!(!printed.contains(telling), "{printed}");
        }
    }
}
