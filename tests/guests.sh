#!/usr/bin/env bash
# Builds the components of tests/guests and examples/order/steps, after setting up what that needs.
#
#   tests/guests.sh              all of them
#   tests/guests.sh script bench these
#
# They end up in ${CARGO_TARGET_DIR:-target}/guests/<name>.wasm. Where rustup can add the target
# wasm32-wasip2 they are components. Elsewhere Debian's Rust, which brings the sources of its standard
# library, builds core modules for wasm32-unknown-unknown; the engine makes components of them.
# WASAGA_GUEST_TARGET=<target> insists on one of the two.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target_dir=${CARGO_TARGET_DIR:-$repo/target}
[[ $target_dir == /* ]] || target_dir=$PWD/$target_dir
build_dir=$target_dir/guest-build
guests_dir=$target_dir/guests
workspaces=("$repo/tests/guests" "$repo/examples/order/steps")

component_target=wasm32-wasip2
module_target=wasm32-unknown-unknown
# Says that rustup was asked in vain, so that it is not asked each time.
no_component_target=$build_dir/.no-$component_target

debian_rustc=/usr/bin/rustc
debian_std=/usr/lib/rustlib/src/rust/library
debian_linker=wasm-ld-22
debian_packages=(rustc-web rust-web-src lld-22)

say() { echo "guests: $*" >&2; }
die() { say "$*"; exit 1; }

# The target to build for: asks rustup for $component_target where it is not there yet.
choose_target() {
    if [[ -n ${WASAGA_GUEST_TARGET:-} ]]; then
        echo "$WASAGA_GUEST_TARGET"
    elif [[ -d $(rustc --print sysroot)/lib/rustlib/$component_target ]]; then
        echo "$component_target"
    elif [[ ! -e $no_component_target ]] && add_component_target; then
        echo "$component_target"
    else
        mkdir -p "$build_dir" && touch "$no_component_target"
        say "rustup cannot add $component_target here: building modules for $module_target with Debian's Rust"
        echo "$module_target"
    fi
}

add_component_target() {
    command -v rustup >/dev/null || return 1
    say "adding the Rust target $component_target"
    RUSTUP_MAX_RETRIES=0 timeout 90 rustup target add "$component_target" >/dev/null 2>&1
}

# Installs Debian's Rust beside the one on PATH, which the engine goes on using.
set_up_debian_rust() {
    if [[ -x $debian_rustc && -d $debian_std ]] && command -v "$debian_linker" >/dev/null; then
        return
    fi
    command -v apt-get >/dev/null ||
        die "no $component_target from rustup, and no apt-get to install ${debian_packages[*]} with"
    local as_root=()
    [[ $(id -u) == 0 ]] || as_root=(sudo)
    say "installing ${debian_packages[*]}"
    "${as_root[@]}" apt-get update -qq >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${debian_packages[@]}" >&2
}

# Builds packages of one workspace: build <target> <workspace> <package>...
build() {
    local target=$1 workspace=$2
    shift 2
    say "building ${workspace#"$repo"/} ($*) for $target"
    local arguments=(build --release --locked --target "$target" --target-dir "$build_dir"
        --manifest-path "$workspace/Cargo.toml" "${@/#/--package=}")
    if [[ $target == "$component_target" ]]; then
        cargo "${arguments[@]}"
    else
        PATH=/usr/bin:$PATH RUSTC=$debian_rustc RUSTC_BOOTSTRAP=1 \
            CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$debian_linker \
            "$(command -v cargo)" "${arguments[@]}" -Z build-std=std,panic_abort
    fi
}

# Puts what was built where it is looked for: whole at any moment, and untouched when it did not change.
publish() {
    local target=$1 name=$2
    local built=$build_dir/$target/release/${name//-/_}.wasm published=$guests_dir/$name.wasm
    if ! cmp -s "$built" "$published"; then
        cp "$built" "$published.new"
        mv "$published.new" "$published"
    fi
}

main() {
    local wanted=" $* " known=() target workspace manifest name packages
    target=$(choose_target)
    case $target in
        "$component_target") ;;
        "$module_target") set_up_debian_rust ;;
        *) die "WASAGA_GUEST_TARGET is $target: it can be $component_target or $module_target" ;;
    esac

    mkdir -p "$guests_dir"
    for workspace in "${workspaces[@]}"; do
        packages=()
        for manifest in "$workspace"/*/Cargo.toml; do
            [[ -f $manifest ]] || continue
            name=$(basename "$(dirname "$manifest")")
            known+=("$name")
            if [[ $# == 0 || $wanted == *" $name "* ]]; then
                packages+=("$name")
            fi
        done
        [[ ${#packages[@]} -gt 0 ]] || continue
        build "$target" "$workspace" "${packages[@]}"
        for name in "${packages[@]}"; do
            publish "$target" "$name"
        done
    done

    for name in "$@"; do
        [[ " ${known[*]} " == *" $name "* ]] || die "there is no guest $name, there are ${known[*]}"
    done
    say "components are in $guests_dir"
}

main "$@"
