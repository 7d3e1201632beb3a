//! Starting a process that compiles, and what its end means.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time;

use super::check_size;
use super::protocol::{Answer, Assignment, MAX_ANSWER_BYTES};
use crate::config::CompilerConfig;
use crate::prepare::PrepareError;

/// What is kept of what a process says on standard error.
const MAX_LAST_WORDS_BYTES: u64 = 16 * 1024;

/// Compiles an upload in a process of its own, which is gone when this returns or is dropped.
///
/// # Errors
/// What the process says of the upload; else that it came to a sudden end, and of what.
pub(super) async fn compile(
    program: &Path,
    arguments: &[String],
    config: &CompilerConfig,
    compatibility: u64,
    wasm: Vec<u8>,
) -> Result<Vec<u8>, PrepareError> {
    let assignment = Assignment {
        compatibility,
        wasm_bytes: wasm.len() as u64,
        // The kernel counts whole seconds.
        cpu_s: config.timeout.as_secs_f64().ceil().max(1.0) as u64,
        memory_bytes: config.memory_bytes,
        max_compiled_bytes: config.max_compiled_bytes,
    };
    let mut child = start(program, arguments, &assignment).map_err(|error| {
        PrepareError::CompilerUnavailable(format!("{}: {error}", program.display()))
    })?;
    let wall_time = config.timeout.saturating_mul(CompilerConfig::CLOCK_FACTOR);
    let talked = time::timeout(wall_time, talk(&mut child, &wasm, config)).await;
    // Whatever happened: it has nothing more to do, and leaves no zombie.
    let _ = child.start_kill();
    let status = child.wait().await;
    let Ok((answer, last_words)) = talked else {
        return Err(PrepareError::CompileStarved { wall_time });
    };
    let died = match answer {
        Ok(answered) => return answered,
        Err(died) => died,
    };
    let last_words = String::from_utf8_lossy(&last_words);
    tracing::warn!(?status, %died, %last_words, "a compiler came to a sudden end");
    Err(match status {
        Ok(status) => explained(status, &last_words, config),
        Err(error) => PrepareError::CompilerCrashed(error.to_string()),
    })
}

fn start(program: &Path, arguments: &[String], assignment: &Assignment) -> io::Result<Child> {
    Command::new(program)
        .args(arguments)
        .arg(serde_json::to_string(assignment)?)
        // The server's environment holds secrets.
        .env_clear()
        .current_dir("/")
        // What a terminal sends to the server is not for it.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Hands over the upload and takes the answer. The inner result is what the process said, the outer
/// one says that it did not get so far; beside it stands what it said on standard error.
async fn talk(
    child: &mut Child,
    wasm: &[u8],
    config: &CompilerConfig,
) -> (io::Result<Result<Vec<u8>, PrepareError>>, Vec<u8>) {
    // All three are piped.
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
        return (Err(io::ErrorKind::NotConnected.into()), Vec::new());
    };
    // One that refuses may not have read everything.
    let hand_over = async {
        let _ = stdin.write_all(wasm).await;
    };
    let ((), answer, last_words) =
        tokio::join!(hand_over, answer(stdout, config), last_words(stderr));
    // The process ends when it is closed.
    drop(stdin);
    (answer, last_words)
}

async fn answer(
    stdout: ChildStdout,
    config: &CompilerConfig,
) -> io::Result<Result<Vec<u8>, PrepareError>> {
    let mut stdout = BufReader::new(stdout);
    let mut line = Vec::new();
    let mut head = (&mut stdout).take(MAX_ANSWER_BYTES);
    head.read_until(b'\n', &mut line).await?;
    let bytes = match serde_json::from_slice(&line)? {
        Answer::Compiled { bytes } => bytes,
        Answer::Refused(error) => return Ok(Err(error)),
    };
    if let Err(error) = check_size(bytes, config.max_compiled_bytes) {
        return Ok(Err(error));
    }
    let mut code = Vec::new();
    let read = stdout.take(bytes).read_to_end(&mut code).await?;
    if (read as u64) < bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Ok(code))
}

/// The beginning of what it says; the rest is read, so that it does not wait, and forgotten.
async fn last_words(mut stderr: ChildStderr) -> Vec<u8> {
    let mut words = Vec::new();
    let _ = (&mut stderr)
        .take(MAX_LAST_WORDS_BYTES)
        .read_to_end(&mut words)
        .await;
    let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
    words
}

/// Why a process ended that gave no answer.
fn explained(status: ExitStatus, last_words: &str, config: &CompilerConfig) -> PrepareError {
    if status.signal() == Some(Signal::XCPU.as_raw()) {
        return PrepareError::CompileTimeout {
            cpu_time: config.timeout,
        };
    }
    if is_for_want_of_memory(last_words) {
        return PrepareError::CompileMemory {
            memory_bytes: config.memory_bytes,
        };
    }
    PrepareError::CompilerCrashed(match status.signal() {
        Some(signal) => format!("signal {signal}"),
        None => format!("{status}"),
    })
}

/// The standard library says the first when an allocation fails, allocators of the compiler the others.
fn is_for_want_of_memory(last_words: &str) -> bool {
    [
        "memory allocation of",
        "out of memory",
        "Cannot allocate memory",
    ]
    .iter()
    .any(|words| last_words.contains(words))
}
