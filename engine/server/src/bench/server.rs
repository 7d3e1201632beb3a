//! A server process of the benchmark's own, from the same executable.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const READY_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// Lines of the server's log that an error shows.
const LOG_LINES: usize = 10;

/// Does something with a server, and ends it whatever comes of that. An error has the end of its log.
pub(super) async fn during<T>(
    data: &Path,
    work: impl AsyncFnOnce(&Server) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let server = Server::start(&data.join("server")).await?;
    let done = work(&server).await;
    let done = done.map_err(|error| error.context(server.log_end()));
    let stopped = server.stop().await;
    let value = done?;
    stopped?;
    Ok(value)
}

/// A server that runs.
pub(super) struct Server {
    child: Child,
    /// Kept open: a server that cannot write to its standard output might not live with it.
    _stdout: Lines<BufReader<ChildStdout>>,
    url: String,
    address: SocketAddr,
    log: PathBuf,
}

impl Server {
    /// Starts a server with its data in a folder, and waits until it is ready.
    pub(super) async fn start(data: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(data).with_context(|| data.display().to_string())?;
        let log = data.join("server.log");
        let mut child =
            Command::new(std::env::current_exe().context("the path of this executable")?)
                .args(["serve", "--listen", "127.0.0.1:0", "--data"])
                .arg(data)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(File::create(&log).with_context(|| log.display().to_string())?)
                // Should the benchmark itself end without having stopped it.
                .kill_on_drop(true)
                .spawn()
                .context("the server did not start")?;
        let stdout = child
            .stdout
            .take()
            .context("the server has no standard output")?;
        let mut lines = BufReader::new(stdout).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(url) = ready_url(&line) {
                    return Ok(url.to_owned());
                }
            }
            Err(anyhow!("the server ended before it was ready"))
        };
        let url = match timeout(READY_WITHIN, ready).await {
            Ok(Ok(url)) => url,
            Ok(Err(error)) => return Err(error.context(log_end(&log))),
            Err(_) => {
                return Err(anyhow!("the server was not ready within {READY_WITHIN:?}")
                    .context(log_end(&log)));
            }
        };
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        let address = address
            .parse()
            .with_context(|| format!("the server's address {url}"))?;
        Ok(Self {
            child,
            _stdout: lines,
            url,
            address,
            log,
        })
    }

    /// The server's address, as a URL.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The server's address.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The server's resident memory in bytes; `None` where the system does not say.
    pub(super) fn resident_bytes(&self) -> Option<u64> {
        let status = format!("/proc/{}/status", self.child.id()?);
        let text = std::fs::read_to_string(status).ok()?;
        let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib * 1024)
    }

    /// The end of what the server has logged.
    pub(super) fn log_end(&self) -> String {
        log_end(&self.log)
    }

    /// Asks the server to end, and waits until it has; ends it by force when it does not.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        #[cfg(unix)]
        if let Some(pid) = self
            .child
            .id()
            .and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?))
        {
            // It may have ended by itself: then there is nobody to ask.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            if let Ok(ended) = timeout(STOP_WITHIN, self.child.wait()).await {
                ended.context("the server")?;
                return Ok(());
            }
        }
        self.child
            .kill()
            .await
            .context("the server cannot be ended")
    }
}

/// The address in the line that says that a server is ready.
fn ready_url(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(" ready on ")?;
    rest.split_whitespace()
        .next()
        .filter(|url| url.starts_with("http"))
}

fn log_end(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let end = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
    format!("the server's log ends with:\n{end}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_has_the_address() {
        assert_eq!(
            ready_url("wasaga 0.1.0 ready on http://127.0.0.1:7420"),
            Some("http://127.0.0.1:7420")
        );
        assert_eq!(ready_url("starting"), None);
    }
}
