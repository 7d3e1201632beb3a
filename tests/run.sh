#!/usr/bin/env bash
# Sets up what is missing, then runs every check and test, and the demo. Ends at the first failure.
#
#   tests/run.sh
#
# Needs nothing but bash and a network. On Debian and Ubuntu it installs a C compiler and curl where they
# are missing; Rust comes from rustup. Build results go to $CARGO_TARGET_DIR, or target/.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$repo/target}
export PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
# Nothing here asks questions.
exec </dev/null

# Crates that are compiled for wasm, each with a workspace of its own.
sdk=guest-sdk/rust
guest_workspaces=("$sdk" examples/order/steps tests/guests)

bold='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    bold=$'\e[1m' plain=$'\e[0m'
fi

say() { echo "$*" >&2; }
die() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null; }

# stage <title> <function>: runs it under a heading and says how long it took.
current='' started=0
stage() {
    current=$1 started=$SECONDS
    printf '\n%s== %s%s\n' "$bold" "$current" "$plain"
    "$2"
    printf '%s== %s: ok, %s s%s\n' "$bold" "$current" "$((SECONDS - started))" "$plain"
    current=''
}

report_failure() {
    local status=$?
    if [[ $status != 0 && -n $current ]]; then
        printf '\n%s== %s: FAILED after %s s%s\n' "$bold" "$current" "$((SECONDS - started))" "$plain"
    fi
}
trap report_failure EXIT

install_packages() {
    has apt-get || die "please install $* and run this again"
    local as_root=()
    if [[ $(id -u) != 0 ]]; then
        has sudo || die "please install $* and run this again"
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

set_up_tools() {
    has cc || install_packages build-essential pkg-config
    if ! has cargo; then
        has curl || install_packages curl ca-certificates
        curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
            sh -s -- -y --no-modify-path --profile minimal
    fi
    cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
    cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
    cargo --version
}

check_format() {
    cargo fmt --all --check
    local workspace
    for workspace in "${guest_workspaces[@]}"; do
        cargo fmt --all --check --manifest-path "$workspace/Cargo.toml"
    done
}

build_guests() {
    tests/guests.sh
}

check_lints() {
    cargo clippy --locked --workspace --all-targets -- -D warnings
    cargo clippy --locked --manifest-path "$sdk/Cargo.toml" --all-targets -- -D warnings
}

# All targets at once: so binaries and tests share every dependency, and each is compiled once.
build() {
    cargo build --locked --workspace --all-targets
}

run_tests() {
    cargo test --locked --workspace
}

run_sdk_tests() {
    cargo test --locked --manifest-path "$sdk/Cargo.toml"
}

run_demo() {
    WASAGA_PROFILE=dev examples/demo.sh --once --built
}

stage "Tools" set_up_tools
stage "Format" check_format
stage "Guests" build_guests
stage "Lints" check_lints
stage "Build" build
stage "Tests" run_tests
stage "SDK tests" run_sdk_tests
stage "Demo" run_demo

printf '\n%s== All passed in %s s%s\n' "$bold" "$SECONDS" "$plain"
