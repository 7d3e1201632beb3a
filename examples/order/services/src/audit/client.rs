//! Reading the books over HTTP.

use std::time::Duration;

use anyhow::Context;
use serde::de::DeserializeOwned;

use super::verdict::Statement;
use crate::routes::Page;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A connection to the services.
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    /// Speaks to the services at `url`.
    ///
    /// # Errors
    ///
    /// No HTTP client can be made here.
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        // Only the first installation counts; a second one is no fault.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { http, url })
    }

    /// The whole books. Not one moment's: audit when nothing is under way.
    ///
    /// # Errors
    ///
    /// A list cannot be read.
    pub(super) async fn statement(&self) -> anyhow::Result<Statement> {
        Ok(Statement {
            stock: self.list("/inventory").await?,
            balances: self.list("/balances").await?,
            ledger: self.list("/ledger").await?,
        })
    }

    async fn list<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Vec<T>> {
        let mut items = Vec::new();
        let mut query = String::new();
        loop {
            let url = format!("{}{path}{query}", self.url);
            let page: Page<T> = self
                .get(&url)
                .await
                .with_context(|| format!("cannot read {url}"))?;
            items.extend(page.items);
            match page.next_cursor {
                // Cursors of the three lists are sequence numbers: nothing to escape.
                Some(cursor) => query = format!("?cursor={cursor}"),
                None => return Ok(items),
            }
        }
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> reqwest::Result<T> {
        let response = self.http.get(url).send().await?;
        response.error_for_status()?.json().await
    }
}
