#!/usr/bin/env bash
# The order saga, for real: builds everything, starts the services and the engine, runs three orders, shows
# what they did to the books, and keeps serving until Ctrl-C.
#
#   examples/demo.sh            runs the demo, then serves
#   examples/demo.sh --once     runs the demo and ends; exit 0 only if everything came out as it must
#   examples/demo.sh --built    does not build: takes what was built before
#
# It starts afresh each time. Its data is in wasaga-demo, which one demo at a time has, or with --once in a directory
# that it removes.
# WASAGA_PROFILE chooses the cargo profile: release unless told otherwise, dev builds faster.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
profile=${WASAGA_PROFILE:-release}
target_dir=${CARGO_TARGET_DIR:-$repo/target}
[[ $target_dir == /* ]] || target_dir=$PWD/$target_dir
export CARGO_TARGET_DIR=$target_dir
export PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
case $profile in
    dev) bin_dir=$target_dir/debug ;;
    *) bin_dir=$target_dir/$profile ;;
esac

definition=$repo/examples/order/order.json
components=(order inventory payment shipping)
engine_port=7420
services_port=7421
ready_within_s=60
stop_within_s=15

bold='' dim='' red='' green='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
fi

heading() { printf '\n%s%s%s\n\n' "$bold" "$*" "$plain"; }
die() { printf '%s%s%s\n' "$red" "$*" "$plain" >&2; exit 1; }

usage() {
    sed -n '2,/^[^#]/ s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

mode=serve building=yes
for argument in "$@"; do
    case $argument in
        --once) mode=once ;;
        --built) building=no ;;
        -h | --help) usage; exit 0 ;;
        *) printf 'unknown argument %s\n\n' "$argument" >&2; usage >&2; exit 2 ;;
    esac
done

# --- What was started is ended, whatever happens.

children=()
scratch=''

# shellcheck disable=SC2317 # called when the script ends
stop_children() {
    local pid deadline=$((SECONDS + stop_within_s))
    for pid in "${children[@]}"; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    for pid in "${children[@]}"; do
        while kill -0 "$pid" 2>/dev/null; do
            ((SECONDS < deadline)) || kill -KILL "$pid" 2>/dev/null || true
            sleep 0.1
        done
        wait "$pid" 2>/dev/null || true
    done
    children=()
}

# shellcheck disable=SC2317 # called when the script ends
finish() {
    local status=$?
    trap '' INT TERM
    # The engine first: it was started last, and it calls the services.
    stop_children
    [[ -z $scratch ]] || rm -rf "$scratch"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- Building

build() {
    command -v cc >/dev/null ||
        die "A C compiler is needed to build: apt-get install build-essential, or what your system calls it."
    command -v cargo >/dev/null ||
        die "Rust is needed to build: see https://rustup.rs, then run this again."
    (cd "$repo" && cargo build --locked --profile "$profile" -p wasaga -p order-services)
    # And the component that `wasaga bench` measures with, so that it runs right after a demo.
    "$repo/tests/guests.sh" "${components[@]}" bench
}

# --- Starting

# claim <folder>: one demo at a time may have it. The lock is beside the folder, which each demo removes, and lasts
# as long as this script or one of the servers that it started.
claim() {
    # Not every system has it; without it, starting two demos at once is up to the user.
    command -v flock >/dev/null || return 0
    exec {lock}>"$1.lock"
    flock --nonblock "$lock" || die "A demo is already running: end it first (Ctrl-C there), or use --once."
}

is_taken() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# The address to listen on: the well-known port if nobody has it, otherwise any.
listen_on() {
    if [[ $mode == once ]] || is_taken "$1"; then
        echo 127.0.0.1:0
    else
        echo "127.0.0.1:$1"
    fi
}

# start <log> <command...>: starts it, waits until it says that it is ready, sets $url to its address.
url=''
start() {
    local log=$1 deadline=$((SECONDS + ready_within_s)) pid
    shift
    "$@" >"$log.out" 2>"$log.log" &
    pid=$!
    # Last in, first out.
    children=("$pid" "${children[@]}")
    url=''
    until [[ -n $url ]]; do
        if ! kill -0 "$pid" 2>/dev/null || ((SECONDS > deadline)); then
            cat "$log.out" "$log.log" >&2
            die "$(basename "$1") did not start."
        fi
        sleep 0.1
        url=$(sed -n 's/.* ready on \(http:[^ ]*\).*/\1/p' "$log.out")
    done
}

# --- Orders

# A UUIDv7: the time in milliseconds, then randomness.
new_saga_id() {
    local ms=$((${EPOCHREALTIME//[!0-9]/} / 1000)) hex
    printf -v hex '%012x' "$ms"
    printf '%s-%s-7%03x-%04x-%04x%04x%04x\n' "${hex:0:8}" "${hex:8:4}" \
        "$((RANDOM & 0xfff))" "$((RANDOM & 0x3fff | 0x8000))" "$RANDOM" "$RANDOM" "$RANDOM"
}

# The top-level field `status` of the JSON object on standard input, whatever its layout.
status_field() {
    awk '
        { text = text $0 }
        END {
            while (match(text, /"([^"\\]|\\.)*"|[][{}]/)) {
                token = substr(text, RSTART, RLENGTH)
                text = substr(text, RSTART + RLENGTH)
                if (token == "{" || token == "[") depth++
                else if (token == "}" || token == "]") depth--
                else if (wanted) { print substr(token, 2, length(token) - 2); exit }
                else if (depth == 1 && token == "\"status\"" && text ~ /^[ \t]*:/) wanted = 1
            }
        }'
}

# order <title> <status that it must end with> <input>
results=() failures=0
order() {
    local title=$1 expected=$2 input=$3 id exit_code=0 expected_exit_code=1 status verdict
    id=$(new_saga_id)
    heading "$title"
    [[ $expected != completed ]] || expected_exit_code=0
    "$wasaga" saga start order --id "$id" --input "$input" --wait || exit_code=$?
    status=$("$wasaga" saga show "$id" --json | status_field)
    if [[ $status == "$expected" && $exit_code == "$expected_exit_code" ]]; then
        verdict="${green}as it must$plain"
    else
        verdict="${red}must be $expected (exit code $exit_code, must be $expected_exit_code)$plain"
        failures=$((failures + 1))
    fi
    results+=("$(printf '%-12s %s  %s' "${status:-unknown}" "$id" "$verdict")")
}

audit() {
    "$order_services" audit --url "$services_url" "$@"
}

# --- The demo

if [[ $building == yes ]]; then
    heading "Building the engine, the services and the steps ($profile)"
    build
fi
wasaga=$bin_dir/wasaga
order_services=$bin_dir/order-services
for built in "$wasaga" "$order_services" "${components[@]/#/$target_dir/guests/}"; do
    [[ -x $built || -f $built.wasm ]] || die "$built is not there: run this without --built."
done

if [[ $mode == once ]]; then
    scratch=$(mktemp -d)
    data=$scratch
else
    data=$repo/wasaga-demo
    claim "$data"
    rm -rf "$data"
    mkdir -p "$data"
fi

heading "Starting"
start "$data/services" "$order_services" --listen "$(listen_on "$services_port")"
services_url=$url
printf '  services  %s\n' "$services_url"
start "$data/engine" "$wasaga" serve --listen "$(listen_on "$engine_port")" --data "$data/engine"
engine_url=$url
export WASAGA_SERVER=$engine_url
printf '  engine    %s\n' "$engine_url"

heading "Uploading the steps, and granting each the services"
for component in "${components[@]}"; do
    "$wasaga" component push "$component" "$target_dir/guests/$component.wasm"
    "$wasaga" component policy "$component" \
        --allow-host "${services_url#http://}" --config "services_url=$services_url" >/dev/null
done
"$wasaga" definition apply "$definition"

heading "The books before"
audit

order "Order 1: user_1 buys two of product_1 for 100. It completes." completed \
    '{"order_id": "order-1", "user_id": "user_1", "product_id": "product_1", "quantity": 2, "amount": 100, "shipping_address": "1 Harbour Road"}'
order "Order 2: user_3 has 200 and buys for 500. The payment fails, the stock goes back." compensated \
    '{"order_id": "order-2", "user_id": "user_3", "product_id": "product_2", "quantity": 1, "amount": 500, "shipping_address": "2 Hill Street"}'
order "Order 3: user_3 pays 50 and cannot be reached. The money and the stock go back." compensated \
    '{"order_id": "order-3", "user_id": "user_3", "product_id": "product_3", "quantity": 1, "amount": 50, "shipping_address": "2 Hill Street"}'

heading "The books after"
audit --expect complete=1 --expect undone=2 --expect open=0 --expect shipments=1 \
    --expect product_1=98 --expect product_2=50 --expect product_3=25 \
    --expect user_1=900 --expect user_2=500 --expect user_3=200 || failures=$((failures + 1))

heading "The sagas"
printf '  %s\n' "${results[@]}"
if ((failures > 0)); then
    die $'\nSomething did not come out as it must.'
fi
printf '\n  %sEvery order is complete or fully undone, and the books agree.%s\n' "$green" "$plain"

if [[ $mode == once ]]; then
    exit 0
fi

heading "Have a look"
printf '  %-36s%s\n' \
    "$engine_url/docs" "the engine's API" \
    "$engine_url/v1/sagas" "the three sagas" \
    "$services_url/orders" "what was done for each order" \
    "$services_url/ledger" "every effect, in order"
cat <<COMMANDS

  ${dim}export WASAGA_SERVER=$engine_url PATH=$bin_dir:\$PATH
  wasaga saga list
  wasaga saga start order --wait --input '{"order_id": "order-4", "user_id": "user_2", "product_id": "product_3", "quantity": 1, "amount": 20, "fail_shipping": true}'$plain

  Logs and data are in ${data#"$repo"/}. Ctrl-C ends it.
COMMANDS

trap 'printf "\n"; exit 0' INT
# Either ending by itself is a failure.
wait -n "${children[@]}" || true
die "A server ended by itself; its log is in $data."
