//! The process that compiles one component.

use std::io::{self, Read as _, Write as _};
use std::{fs, thread};

use rustix::process::{Resource, Rlimit};

use super::check_size;
use super::protocol::{Answer, Assignment};
use crate::engine;
use crate::prepare::{self, PrepareError};

/// How much it gives way to the server's own threads. Not more: a server with much to do would never
/// get to the end of a large component.
const NICENESS: i32 = 10;
/// Where the kernel is told whom to end first when the machine, or the container, has no memory left,
/// and the word for that.
const FIRST_TO_GO: (&str, &str) = ("/proc/self/oom_score_adj", "1000");
/// Its standard streams, and a few for the standard library.
const MAX_FILES: u64 = 16;
/// Stack of the thread that only waits.
const LIFELINE_STACK_BYTES: usize = 64 * 1024;

/// Compiles one component for a host in another process, as that host tells by the argument that it
/// appended: see [`CompilerPlace::Process`](crate::CompilerPlace::Process). Reads standard input and
/// writes standard output; for a program that does nothing else, since the limits that it sets last for
/// the rest of the process.
///
/// # Errors
/// When nobody takes the answer. What is wrong with the component is part of that.
pub fn compile_component(assignment: &str) -> io::Result<()> {
    let (answer, code) = match compiled(assignment) {
        Ok(code) => {
            let bytes = code.len() as u64;
            (Answer::Compiled { bytes }, code)
        }
        Err(error) => (Answer::Refused(error), Vec::new()),
    };
    write(&answer, &code)
}

fn compiled(assignment: &str) -> Result<Vec<u8>, PrepareError> {
    let unavailable = |error: &dyn std::fmt::Display| {
        PrepareError::CompilerUnavailable(format!("the compiler's process: {error}"))
    };
    let assignment: Assignment = serde_json::from_str(assignment).map_err(|e| unavailable(&e))?;
    limit(&assignment).map_err(|e| unavailable(&format!("its limits cannot be set: {e}")))?;
    let engine = engine::compiler().map_err(|e| unavailable(&e))?;
    if engine::compatibility(&engine) != assignment.compatibility {
        return Err(unavailable(
            &"it is of another build than the server, or has other settings",
        ));
    }
    let wasm = read(assignment.wasm_bytes).map_err(|e| unavailable(&e))?;
    // The first thing that more memory is asked for.
    let memory_bytes = assignment.memory_bytes;
    end_with_the_host().map_err(|_| PrepareError::CompileMemory { memory_bytes })?;
    let code = prepare::compile(&engine, &wasm)?;
    check_size(code.len() as u64, assignment.max_compiled_bytes)?;
    Ok(code)
}

/// Takes from this process what compiling does not need.
fn limit(assignment: &Assignment) -> rustix::io::Result<()> {
    rustix::process::nice(NICENESS)?;
    // Where there is no such file, the limit on memory has to do.
    let _ = fs::write(FIRST_TO_GO.0, FIRST_TO_GO.1);
    for (resource, most) in [
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, MAX_FILES),
        (Resource::As, assignment.memory_bytes),
    ] {
        lower(resource, most, most)?;
    }
    // At the first the process gets SIGXCPU, which says why it ended; at the second SIGKILL.
    let cpu_s = assignment.cpu_s;
    lower(Resource::Cpu, cpu_s, cpu_s.saturating_add(1))
}

/// Lowers a limit. One that is lower already stays as it is.
fn lower(resource: Resource, soft: u64, hard: u64) -> rustix::io::Result<()> {
    let now = rustix::process::getrlimit(resource).maximum;
    let within = |most: u64| Some(now.map_or(most, |now| now.min(most)));
    let limit = Rlimit {
        current: within(soft),
        maximum: within(hard),
    };
    rustix::process::setrlimit(resource, limit)
}

fn read(bytes: u64) -> io::Result<Vec<u8>> {
    let mut wasm = Vec::new();
    let read = io::stdin().lock().take(bytes).read_to_end(&mut wasm)?;
    if (read as u64) < bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(wasm)
}

/// Ends this process as soon as nobody waits for its answer, also when the host was killed.
fn end_with_the_host() -> io::Result<()> {
    let lifeline = thread::Builder::new().stack_size(LIFELINE_STACK_BYTES);
    lifeline.spawn(|| {
        // Nothing more is ever written: this returns when the other end is closed.
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(1)
    })?;
    Ok(())
}

fn write(answer: &Answer, code: &[u8]) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.write_all(code)?;
    out.flush()
}
