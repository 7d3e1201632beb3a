//! Binaries and guests, and processes that end with their test.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The folder that cargo builds into: the test itself runs from `<it>/<profile>/deps`.
fn target_dir() -> PathBuf {
    profile_dir().parent().expect("a target folder").to_owned()
}

fn profile_dir() -> PathBuf {
    let own = std::env::current_exe().expect("a test has a path");
    own.ancestors()
        .nth(2)
        .expect("a profile's folder")
        .to_owned()
}

/// A binary of the workspace.
pub(crate) fn binary(name: &str) -> PathBuf {
    let path = profile_dir().join(name);
    assert!(
        path.is_file(),
        "{} is not there: run `cargo build --workspace`",
        path.display()
    );
    path
}

/// The command line, which asks no server that the environment names.
pub(crate) fn wasaga() -> Command {
    let mut command = Command::new(binary("wasaga"));
    command.env_remove("WASAGA_SERVER").stdin(Stdio::null());
    command
}

/// A component that `tests/guests.sh` built.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let path = target_dir().join("guests").join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}: run `tests/guests.sh {name}` with this CARGO_TARGET_DIR",
            path.display()
        )
    })
}

/// A process that says on its first line where it listens. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// `http://` and the address.
    pub(crate) url: String,
}

impl Process {
    /// Starts a binary and waits until it says that it is ready.
    pub(crate) fn start(program: &Path, arguments: &[&str]) -> Self {
        Self::start_logged(program, arguments, Stdio::inherit())
    }

    /// The same, with somewhere for its standard error to go.
    pub(crate) fn start_logged(program: &Path, arguments: &[&str], log: Stdio) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        out.read_line(&mut line).expect("its first line");
        let url = line
            .trim()
            .rsplit(' ')
            .next()
            .unwrap_or_default()
            .to_owned();
        assert!(
            url.starts_with("http://"),
            "{} said: {line:?}",
            program.display()
        );
        Self { child, url }
    }

    /// SIGKILL: the process has no chance to do anything more.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// SIGTERM, and waits for the end. Says whether the process called it a success.
    pub(crate) fn terminate(&mut self) -> bool {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill runs");
        assert!(sent.success());
        self.child.wait().expect("it ends").success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
