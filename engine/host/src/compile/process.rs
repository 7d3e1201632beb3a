//! Starting a process that compiles, and what its end means.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

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

/// Compiles an upload in a process of its own, made by this command. It is gone when this returns or
/// is dropped.
///
/// # Errors
/// What the process says of the upload; else that it came to a sudden end, and of what.
pub(super) async fn compile(
    command: Command,
    config: &CompilerConfig,
    compatibility: u64,
    wasm: Vec<u8>,
) -> Result<Vec<u8>, PrepareError> {
    let assignment = Assignment {
        compatibility,
        wasm_bytes: wasm.len() as u64,
        cpu_s: whole_seconds(config.timeout),
        memory_bytes: config.memory_bytes,
        max_compiled_bytes: config.max_compiled_bytes,
    };
    let mut child = start(command, &assignment).map_err(|error| {
        PrepareError::CompilerUnavailable(format!("its process does not start: {error}"))
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

/// What the kernel counts in: a part of a second is a whole one.
fn whole_seconds(time: Duration) -> u64 {
    let begun = u64::from(time.subsec_nanos() > 0);
    time.as_secs().saturating_add(begun).max(1)
}

fn start(mut command: Command, assignment: &Assignment) -> io::Result<Child> {
    command
        .arg(serde_json::to_string(assignment)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets a shell play the compiler.
    async fn compiled_by(script: &str, config: &CompilerConfig) -> Result<Vec<u8>, PrepareError> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        compile(command, config, 7, b"wasm".to_vec()).await
    }

    #[tokio::test]
    async fn what_the_compiler_answers_is_taken_and_what_it_refuses_is_said() {
        let config = CompilerConfig::default();
        // The assignment is the argument after the script, which a shell calls `$0`.
        let code = r#"case "$0" in *'"wasm_bytes":4'*) ;; *) exit 1;; esac
            [ "$(head -c 4)" = wasm ] && echo '{"compiled":{"bytes":2}}' && printf ok"#;
        assert_eq!(compiled_by(code, &config).await, Ok(b"ok".to_vec()));
        let refusal = r#"echo '{"refused":{"compile":"no"}}'"#;
        let refused = Err(PrepareError::Compile("no".to_owned()));
        assert_eq!(compiled_by(refusal, &config).await, refused);
    }

    #[tokio::test]
    async fn a_compiler_that_comes_to_a_sudden_end_is_explained() {
        let config = CompilerConfig::default();
        let cpu_time = config.timeout;
        let memory_bytes = config.memory_bytes;
        let crash = |how: &str| PrepareError::CompilerCrashed(how.to_owned());
        for (script, expected) in [
            ("kill -XCPU $$", PrepareError::CompileTimeout { cpu_time }),
            (
                "echo memory allocation of 9 bytes failed >&2; kill -ABRT $$",
                PrepareError::CompileMemory { memory_bytes },
            ),
            ("kill -SEGV $$", crash("signal 11")),
            ("exit 3", crash("exit status: 3")),
            ("echo nonsense", crash("exit status: 0")),
            (
                r#"echo '{"compiled":{"bytes":9}}'; printf half"#,
                crash("exit status: 0"),
            ),
        ] {
            assert_eq!(
                compiled_by(script, &config).await,
                Err(expected),
                "{script}"
            );
        }
    }

    #[tokio::test]
    async fn more_code_than_the_limit_is_not_read() {
        let config = CompilerConfig {
            max_compiled_bytes: 8,
            ..CompilerConfig::default()
        };
        let refused =
            compiled_by(r#"echo '{"compiled":{"bytes":9}}'; cat /dev/zero"#, &config).await;
        let (size_bytes, max_bytes) = (9, 8);
        let too_large = PrepareError::CompiledTooLarge {
            size_bytes,
            max_bytes,
        };
        assert_eq!(refused, Err(too_large));
    }

    #[tokio::test]
    async fn a_compiler_that_gets_nowhere_is_ended() {
        let config = CompilerConfig {
            timeout: Duration::from_millis(10),
            ..CompilerConfig::default()
        };
        let wall_time = Duration::from_millis(40);
        // Whatever it says, and however little it listens.
        for script in ["cat", "cat /dev/zero >&2", "sleep 1000 >&- 2>&-"] {
            let starved = Err(PrepareError::CompileStarved { wall_time });
            assert_eq!(compiled_by(script, &config).await, starved, "{script}");
        }
    }

    #[tokio::test]
    async fn without_its_program_there_is_no_compiler() {
        let command = Command::new("/nowhere/wasaga");
        let config = CompilerConfig::default();
        let compiled = compile(command, &config, 7, Vec::new()).await;
        assert!(matches!(
            compiled,
            Err(PrepareError::CompilerUnavailable(_))
        ));
    }
}
