//! Limits that an operator can set.

use std::str::FromStr as _;
use std::time::Duration;

use clap::Args;
use wasaga_coordinator::{Config, Retention};
use wasaga_core::Status;
use wasaga_core::limits::{SizeError, parse_size};
use wasaga_core::time::{DurationError, parse_duration};
use wasaga_host::HostConfig;

use crate::api;
use crate::api::connection;

/// A size in bytes, written with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

impl std::str::FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        parse_size(text).map(Self)
    }
}

impl Size {
    /// The size as a number of bytes in memory; sizes that do not fit there are no limit.
    fn in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, DurationError> {
    parse_duration(text)
}

/// What clients may ask for.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Requests")]
pub(super) struct RequestOptions {
    /// Connections at the same time; others wait
    #[arg(long, env = "WASAGA_MAX_CONNECTIONS", value_name = "COUNT", default_value = "4096",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,
    /// Requests that are worked on at the same time; others are refused with 503
    #[arg(long, env = "WASAGA_MAX_REQUESTS", value_name = "COUNT", default_value = "4096",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_requests: u32,
    /// Uploads of components that are read and compiled at the same time; others wait, for the time
    /// of an upload at most
    #[arg(long, env = "WASAGA_MAX_UPLOADS", value_name = "COUNT", default_value = "4",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_uploads: u32,
    /// Size of a body of JSON
    #[arg(
        long,
        env = "WASAGA_MAX_BODY",
        value_name = "SIZE",
        default_value = "1MiB"
    )]
    max_body: Size,
    /// Size of an uploaded component
    #[arg(
        long,
        env = "WASAGA_MAX_COMPONENT",
        value_name = "SIZE",
        default_value = "64MiB"
    )]
    max_component: Size,
    /// Time for the head of a request; connections that are idle for longer are closed
    #[arg(long, env = "WASAGA_HEADER_TIMEOUT", value_name = "TIME", default_value = "60s", value_parser = duration)]
    header_timeout: Duration,
    /// Time in which a client has to take something of what is sent to it; connections of clients that
    /// take nothing for longer are closed
    #[arg(long, env = "WASAGA_WRITE_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = duration)]
    write_timeout: Duration,
    /// Time for a request
    #[arg(long, env = "WASAGA_REQUEST_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = duration)]
    request_timeout: Duration,
    /// Time for an upload, compilation included, and for what else compiles or runs calls again
    #[arg(long, env = "WASAGA_UPLOAD_TIMEOUT", value_name = "TIME", default_value = "5m", value_parser = duration)]
    upload_timeout: Duration,
    /// Time that a client may wait for a saga that it starts
    #[arg(long, env = "WASAGA_MAX_WAIT", value_name = "TIME", default_value = "60s", value_parser = duration)]
    max_wait: Duration,
}

impl RequestOptions {
    pub(super) fn limits(&self) -> api::Limits {
        api::Limits {
            json_bytes: self.max_body.in_memory(),
            component_bytes: self.max_component.in_memory(),
            request_timeout: self.request_timeout,
            upload_timeout: self.upload_timeout,
            max_wait: self.max_wait,
            max_requests: self.max_requests as usize,
            max_uploads: self.max_uploads as usize,
        }
    }

    pub(super) fn connections(&self) -> connection::Settings {
        connection::Settings {
            max_connections: self.max_connections as usize,
            header_timeout: self.header_timeout,
            write_timeout: self.write_timeout,
        }
    }

    pub(super) const fn max_component_bytes(&self) -> u64 {
        self.max_component.0
    }
}

/// How many sagas run, and how they end with the server.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Sagas")]
pub(super) struct SagaOptions {
    /// Sagas in memory; those beyond wait on disk, the oldest first
    #[arg(long, env = "WASAGA_MAX_RESIDENT_SAGAS", value_name = "COUNT", default_value = "1024",
        value_parser = clap::value_parser!(u32).range(1..))]
    max_resident_sagas: u32,
    /// Tags of a saga
    #[arg(
        long,
        env = "WASAGA_MAX_TAGS",
        value_name = "COUNT",
        default_value = "16"
    )]
    max_tags: u16,
    /// Time for calls that run when the server ends; those that take longer are left to the next start
    #[arg(long, env = "WASAGA_SHUTDOWN_GRACE", value_name = "TIME", default_value = "20s", value_parser = duration)]
    shutdown_grace: Duration,
    /// Elements that a `for_each` may run over; a saga with a longer list fails
    #[arg(long, env = "WASAGA_MAX_LOOP_ITEMS", value_name = "COUNT", default_value = "1000",
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_loop_items: u32,
    /// Sagas that a nested saga may stand within; one that would stand deeper fails
    #[arg(long, env = "WASAGA_MAX_NESTED_SAGAS", value_name = "COUNT", default_value = "8",
        value_parser = clap::value_parser!(u32).range(1..=64))]
    max_nested_sagas: u32,
    /// Attempts of a call in a row during which the server may go down before the call's saga is
    /// paused as what brings it down
    #[arg(long, env = "WASAGA_MAX_CRASHES", value_name = "COUNT", default_value = "3",
        value_parser = clap::value_parser!(u32).range(1..))]
    max_crashes: u32,
}

/// Reads `completed=30d`.
pub(super) fn retention(text: &str) -> Result<Retention, String> {
    let (status, age) = text
        .split_once('=')
        .ok_or("expected a status, `=` and a time, for example `completed=30d`")?;
    let end = Status::from_str(status).ok().filter(|end| end.is_over());
    let status = end.ok_or_else(|| {
        format!("`{status}` is no end: expected completed, compensated or abandoned")
    })?;
    let age = duration(age).map_err(|error| error.to_string())?;
    Ok(Retention { status, age })
}

impl SagaOptions {
    pub(super) fn apply(&self, mut config: Config) -> Config {
        config.bounds.max_loop_items = self.max_loop_items;
        config.bounds.max_depth = self.max_nested_sagas;
        config.bounds.max_crashes = self.max_crashes;
        config.max_resident = self.max_resident_sagas;
        config.max_tags = usize::from(self.max_tags);
        config.shutdown_grace = self.shutdown_grace;
        config
    }
}

/// What calls of components may use.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Sandbox")]
pub(super) struct SandboxOptions {
    /// Calls at the same time; others wait
    #[arg(long, env = "WASAGA_MAX_CONCURRENT_CALLS", value_name = "COUNT", default_value = "256",
        value_parser = clap::value_parser!(u32).range(1..))]
    max_concurrent_calls: u32,
    /// Calls of one component at the same time; others wait
    #[arg(long, env = "WASAGA_MAX_CALLS_PER_COMPONENT", value_name = "COUNT", default_value = "128",
        value_parser = clap::value_parser!(u32).range(1..))]
    max_calls_per_component: u32,
    /// Component versions that are kept ready to be called
    #[arg(long, env = "WASAGA_MAX_LOADED_COMPONENTS", value_name = "COUNT", default_value = "128",
        value_parser = clap::value_parser!(u32).range(1..))]
    max_loaded_components: u32,
    /// Size of the cache of compiled components
    #[arg(
        long,
        env = "WASAGA_MAX_CACHE",
        value_name = "SIZE",
        default_value = "4GiB"
    )]
    max_cache: Size,
    /// Fuel of a call for which neither its step nor its component's policy has a limit
    #[arg(
        long,
        env = "WASAGA_DEFAULT_FUEL",
        value_name = "UNITS",
        default_value = "1000000000"
    )]
    default_fuel: u64,
    /// Memory of such a call
    #[arg(
        long,
        env = "WASAGA_DEFAULT_MEMORY",
        value_name = "SIZE",
        default_value = "128MiB"
    )]
    default_memory: Size,
    /// Size of the result, context patch or failure details of such a call
    #[arg(
        long,
        env = "WASAGA_DEFAULT_PAYLOAD",
        value_name = "SIZE",
        default_value = "1MiB"
    )]
    default_payload: Size,
    /// What such a call may write to its saga's log
    #[arg(
        long,
        env = "WASAGA_DEFAULT_CALL_LOG",
        value_name = "SIZE",
        default_value = "64KiB"
    )]
    default_call_log: Size,
    /// Size of a response to such a call's outgoing request
    #[arg(
        long,
        env = "WASAGA_DEFAULT_RESPONSE",
        value_name = "SIZE",
        default_value = "4MiB"
    )]
    default_response: Size,
    /// Outgoing requests of such a call
    #[arg(
        long,
        env = "WASAGA_DEFAULT_REQUESTS",
        value_name = "COUNT",
        default_value = "100"
    )]
    default_requests: u32,
    /// Most fuel that any step or policy can give a call
    #[arg(
        long,
        env = "WASAGA_MAX_FUEL",
        value_name = "UNITS",
        default_value = "100000000000"
    )]
    max_fuel: u64,
    /// Most memory that any step or policy can give a call
    #[arg(
        long,
        env = "WASAGA_MAX_MEMORY",
        value_name = "SIZE",
        default_value = "1GiB"
    )]
    max_memory: Size,
}

impl SandboxOptions {
    pub(super) fn apply(&self, mut config: HostConfig) -> HostConfig {
        config.max_concurrent_calls = self.max_concurrent_calls;
        config.max_calls_per_component = self.max_calls_per_component;
        config.max_loaded_components = self.max_loaded_components;
        config.max_cache_bytes = self.max_cache.0;
        let default = &mut config.limits.default;
        default.fuel = self.default_fuel;
        default.memory_bytes = self.default_memory.0;
        default.payload_bytes = self.default_payload.0;
        default.log_bytes = self.default_call_log.0;
        default.response_bytes = self.default_response.0;
        default.requests = self.default_requests;
        config.limits.cap.fuel = self.max_fuel;
        config.limits.cap.memory_bytes = self.max_memory.0;
        config
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::Options;
    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        Command::try_parse_from(std::iter::once(&"serve").chain(arguments))
            .map(|command| command.options)
    }

    #[test]
    fn limits_are_written_with_units() {
        let options = parse(&[
            "--max-body",
            "64KiB",
            "--max-wait",
            "5s",
            "--default-memory",
            "32MiB",
            "--compile-memory",
            "1GiB",
        ])
        .expect("options");
        let limits = options.requests.limits();
        assert_eq!(limits.json_bytes, 64 * 1024);
        assert_eq!(limits.max_wait, Duration::from_secs(5));
        let config = options.sandbox.apply(HostConfig::new("cache"));
        assert_eq!(config.limits.default.memory_bytes, 32 * 1024 * 1024);
        let compiler = options.compiler.apply(config.compiler);
        assert_eq!(compiler.memory_bytes, 1 << 30);
        assert_eq!(
            config.max_concurrent_calls,
            HostConfig::new("cache").max_concurrent_calls
        );
    }

    #[test]
    fn what_is_not_given_stays_as_the_crates_have_it() {
        let options = parse(&[]).expect("options");
        let sagas = options.sagas.apply(Config::default());
        assert_eq!(format!("{sagas:?}"), format!("{:?}", Config::default()));
        let sandbox = options.sandbox.apply(HostConfig::new("cache"));
        let expected = HostConfig::new("cache");
        assert_eq!(format!("{sandbox:?}"), format!("{expected:?}"));
        assert_eq!(
            options.requests.max_component_bytes(),
            expected.max_component_bytes
        );
        assert_eq!(
            options.compiler.apply(expected.compiler.clone()),
            expected.compiler
        );
    }

    #[test]
    fn every_option_of_a_limit_shows_its_default() {
        use clap::CommandFactory as _;
        let command = Command::command();
        let limits = command
            .get_arguments()
            .filter(|argument| argument.get_help_heading().is_some());
        for limit in limits {
            assert!(!limit.get_default_values().is_empty(), "{}", limit.get_id());
        }
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for wrong in [
            ["--max-body", "much"],
            ["--max-wait", "10"],
            ["--max-requests", "0"],
            ["--max-uploads", "0"],
            ["--allowed-host", "http://wasaga.example"],
            ["--listen", "7420"],
            ["--retain", "running=1d"],
            ["--retain", "completed"],
            ["--max-crashes", "0"],
        ] {
            assert!(parse(&wrong).is_err(), "{wrong:?}");
        }
    }
}
