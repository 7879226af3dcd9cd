# shellcheck shell=bash
# Finds a Rust that is new enough: the caller's own, else the one that apt offers. Needs root.sh and apt.sh.

# The workspace's Cargo.toml is the one place that names the oldest Rust.
rust_needed() {
    sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$1/Cargo.toml"
}

# The older version of cargo and rustc, as the builder finds them; empty if either is missing (or is rustup without a toolchain).
rust_version() {
    local cargo rustc
    cargo=$(as_builder cargo --version 2>/dev/null | cut -d' ' -f2)
    rustc=$(as_builder rustc --version 2>/dev/null | cut -d' ' -f2)
    [ -n "$cargo" ] && [ -n "$rustc" ] || return 0
    printf '%s\n%s\n' "$cargo" "$rustc" | sort --version-sort | head -n 1
}

rust_is_at_least() {
    dpkg --compare-versions "$(rust_version)" ge "$1" 2>/dev/null && [ -n "$(rust_version)" ]
}

# Debian's stable releases freeze rustc; rustc-web is the newer one that they ship for building browsers.
rust_packages_at_least() {
    local suffix
    for suffix in "" -web; do
        if dpkg --compare-versions "$(candidate "rustc$suffix")" ge "$1" &&
            dpkg --compare-versions "$(candidate "cargo$suffix")" ge "$1"; then
            echo "rustc$suffix cargo$suffix"
            return
        fi
    done
}

need_rust() {
    local needed packages
    needed=$(rust_needed "$1")
    rust_is_at_least "$needed" && return
    PATH="$(builder_home)/.cargo/bin:$PATH"
    rust_is_at_least "$needed" && return
    apt_get update
    packages=$(rust_packages_at_least "$needed")
    if [ -n "$packages" ]; then
        # shellcheck disable=SC2086 # two names
        need_packages ca-certificates $packages || true
        hash -r
        PATH="/usr/bin:$PATH"
        rust_is_at_least "$needed" && return
    fi
    die "this needs Rust $needed or newer (found: $(rust_version | grep . || echo none)). apt has no newer one that can be installed here.
Install it and run this again:
  Debian 13:  sudo apt install rustup && rustup default stable
  Debian 12:  sudo apt install rustc-web cargo-web (from bookworm-security), or see https://rustup.rs"
}

# A tool that belongs to the compiler (rustfmt, clippy), from the same source as the compiler. Fails if it cannot be installed.
have_rust_tool() {
    local subcommand=$1 component=$2 package
    as_builder cargo "$subcommand" --version >/dev/null 2>&1 && return
    if as_builder rustup show active-toolchain >/dev/null 2>&1; then
        as_builder rustup component add "$component" >/dev/null 2>&1
    else
        for package in "$component-web" "rust-$component-web" "$component" "rust-$component"; do
            [[ $(candidate "$package") == "$(rust_version)"* ]] && need_packages "$package" && break
        done
    fi
    as_builder cargo "$subcommand" --version >/dev/null 2>&1
}
