//! What a call writes to the saga's log: by the `log` import, and by printing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasaga_core::{Call, LogLevel, LogLine, Name, SagaId, Timestamp};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// Longest line, in bytes. What is beyond is left out.
const MAX_LINE_BYTES: usize = 8 * 1024;
/// What a line counts for beside its text, so that empty ones are limited too.
const LINE_OVERHEAD_BYTES: u64 = 32;
/// Last words that are kept to explain a trap.
const LAST_WORDS: usize = 3;
/// Length of each.
const MAX_LAST_WORD_BYTES: usize = 512;
/// As much as a stream takes at once.
const WRITE_PERMIT_BYTES: usize = 64 * 1024;

/// The log of one call, shared with the call's standard streams.
#[derive(Clone, Debug)]
pub(crate) struct Log(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    template: LogLine,
    definition: Name,
    saga: SagaId,
    left_bytes: u64,
    max_bytes: u64,
    full: bool,
    lines: Vec<LogLine>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    last_words: VecDeque<String>,
}

impl Log {
    pub(crate) fn new(call: &Call, max_bytes: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            template: LogLine {
                at: Timestamp::from_unix_ms(0),
                step: call.id.step.clone(),
                direction: call.id.direction,
                attempt: call.id.attempt,
                level: LogLevel::Info,
                message: String::new(),
            },
            definition: call.definition.clone(),
            saga: call.saga,
            left_bytes: max_bytes,
            max_bytes,
            full: false,
            lines: Vec::new(),
            stdout: Vec::new(),
            stderr: Vec::new(),
            last_words: VecDeque::new(),
        })))
    }

    /// Writes one message.
    pub(crate) fn write(&self, level: LogLevel, message: &str) {
        self.lock().write(level, message);
    }

    /// The stream whose lines have this level.
    pub(crate) fn stream(&self, level: LogLevel) -> LogStream {
        LogStream {
            log: self.clone(),
            level,
        }
    }

    /// Everything that was written, and what the component said last when something went wrong.
    pub(crate) fn finish(&self) -> (Vec<LogLine>, Option<String>) {
        let mut inner = self.lock();
        for level in [LogLevel::Stdout, LogLevel::Stderr] {
            let rest = std::mem::take(inner.pending(level));
            if !rest.is_empty() {
                inner.write(level, &String::from_utf8_lossy(&rest));
            }
        }
        let last_words = std::mem::take(&mut inner.last_words);
        let last_words = Vec::from(last_words).join(" ");
        (
            std::mem::take(&mut inner.lines),
            Some(last_words).filter(|words| !words.is_empty()),
        )
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn pending(&mut self, level: LogLevel) -> &mut Vec<u8> {
        match level {
            LogLevel::Stderr => &mut self.stderr,
            _ => &mut self.stdout,
        }
    }

    /// Takes what a component prints, and writes the lines that are whole.
    fn print(&mut self, level: LogLevel, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let mut line = std::mem::take(self.pending(level));
            keep(&mut line, &bytes[..end]);
            self.write(level, &String::from_utf8_lossy(&line));
            bytes = &bytes[end + 1..];
        }
        keep(self.pending(level), bytes);
    }

    fn write(&mut self, level: LogLevel, message: &str) {
        let message = truncated(message, MAX_LINE_BYTES);
        self.remember(level, message);
        let cost = message.len() as u64 + LINE_OVERHEAD_BYTES;
        if cost > self.left_bytes {
            self.drop_from_here();
            return;
        }
        self.left_bytes -= cost;
        self.push(level, message.to_owned());
    }

    /// Says once that nothing more is written.
    fn drop_from_here(&mut self) {
        if !self.full {
            self.full = true;
            self.left_bytes = 0;
            let max = self.max_bytes;
            let note =
                format!("further lines are dropped: a call may log {max} bytes (limits.log)");
            self.push(LogLevel::Warn, note);
        }
    }

    fn push(&mut self, level: LogLevel, message: String) {
        tracing::debug!(
            target: "wasaga::step",
            saga = %self.saga,
            definition = self.definition.as_str(),
            step = self.template.step.as_str(),
            direction = self.template.direction.as_str(),
            attempt = self.template.attempt,
            level = ?level,
            "{message}"
        );
        self.lines.push(LogLine {
            at: now(),
            level,
            message,
            ..self.template.clone()
        });
    }

    /// Keeps what may explain a trap: the last error, or the last lines of standard error.
    fn remember(&mut self, level: LogLevel, message: &str) {
        match level {
            LogLevel::Error => self.last_words.clear(),
            // Rust's hint to set a variable that a component has no way to get.
            LogLevel::Stderr if !message.starts_with("note: run with") && !message.is_empty() => {}
            _ => return,
        }
        if self.last_words.len() == LAST_WORDS {
            self.last_words.pop_front();
        }
        self.last_words
            .push_back(truncated(message, MAX_LAST_WORD_BYTES).trim().to_owned());
    }
}

/// Appends to a line that is not whole yet, as far as a line may go.
fn keep(line: &mut Vec<u8>, bytes: &[u8]) {
    let room = MAX_LINE_BYTES.saturating_sub(line.len());
    line.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

/// The beginning of a text, at most `max_bytes` long.
pub(crate) fn truncated(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Standard output or standard error of one call.
#[derive(Clone, Debug)]
pub(crate) struct LogStream {
    log: Log,
    level: LogLevel,
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for it, which is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > WRITE_PERMIT_BYTES {
            let message = format!("a write of more than the {WRITE_PERMIT_BYTES} bytes permitted");
            return Err(StreamError::trap(&message));
        }
        self.log.lock().print(self.level, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_PERMIT_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;
    use uuid::Uuid;
    use wasaga_core::event::Pin;
    use wasaga_core::{CallId, Digest, Direction, Limits, StepPath};

    use super::*;

    fn call() -> Call {
        let name = Name::new("step").expect("a name");
        let nothing = Arc::new(Value::Null);
        Call {
            saga: SagaId::from_parts(1, &[7; 10]),
            definition: name.clone(),
            id: CallId {
                direction: Direction::Act,
                step: StepPath::root(&name),
                attempt: 1,
            },
            attempt: 1,
            idempotency_key: Uuid::from_u128(7),
            pin: Pin {
                component: name.clone(),
                version: 1,
                digest: Digest::of(b""),
            },
            action: name,
            input: Arc::clone(&nothing),
            context: Arc::clone(&nothing),
            arguments: nothing,
            previous: None,
            result: None,
            reply: None,
            timeout: Duration::from_secs(1),
            limits: Limits::default(),
            started_at: Timestamp::from_unix_ms(0),
        }
    }

    #[test]
    fn a_stream_takes_no_more_at_once_than_it_permits() {
        let mut stream = Log::new(&call(), 1_000).stream(LogLevel::Stdout);
        let permit = stream.check_write().expect("a permit");
        assert!(stream.write(Bytes::from(vec![b'\n'; permit])).is_ok());
        let more = stream.write(Bytes::from(vec![b'\n'; permit + 1]));
        assert!(matches!(more, Err(StreamError::Trap(_))));
    }
}
