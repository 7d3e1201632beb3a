//! Serving until told to stop.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::books::Opening;
use crate::books::amount::Amount;
use crate::books::command::Id;
use crate::idempotency::Desk;
use crate::routes::{Shop, router};

const STOCK: [(&str, u64); 3] = [("product_1", 100), ("product_2", 50), ("product_3", 25)];
const BALANCES: [(&str, u32); 3] = [("user_1", 1000), ("user_2", 500), ("user_3", 200)];

/// How to serve.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:7421", env = "ORDER_SERVICES_LISTEN")]
    listen: SocketAddr,
    /// Stock of each product, instead of 100, 50 and 25: for load tests.
    #[arg(long, value_name = "ITEMS")]
    stock: Option<u32>,
    /// Balance of each user, instead of 1000, 500 and 200: for load tests.
    #[arg(long, value_name = "UNITS")]
    balance: Option<u32>,
    /// How many entries the ledger takes, and how many acts keep their answer.
    #[arg(long, value_name = "ENTRIES", default_value_t = 1_000_000)]
    max_entries: usize,
}

/// Serves until SIGTERM or SIGINT, and then until the requests under way are answered.
///
/// # Errors
///
/// The address cannot be listened on.
pub(crate) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let shop = Shop::new(Desk::open(options.opening()?));
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    println!("order-services ready on http://{}", listener.local_addr()?);
    axum::serve(listener, router(shop))
        .with_graceful_shutdown(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping");
        })
        .await?;
    Ok(ExitCode::SUCCESS)
}

impl Options {
    fn opening(&self) -> anyhow::Result<Opening> {
        let stock = STOCK.map(|(product, stock)| {
            let stock = self.stock.map_or(stock, u64::from);
            Ok((Id::try_from(product.to_owned())?, stock))
        });
        let balances = BALANCES.map(|(user, balance)| {
            let balance = Amount::units(self.balance.unwrap_or(balance));
            Ok((Id::try_from(user.to_owned())?, balance))
        });
        Ok(Opening {
            stock: stock.into_iter().collect::<anyhow::Result<_>>()?,
            balances: balances.into_iter().collect::<anyhow::Result<_>>()?,
            max_ledger_entries: self.max_entries,
        })
    }
}
