# shellcheck shell=bash
# Runs as root where root is needed, and as the caller's own account everywhere else.

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

as_root() {
    if [ "$EUID" -eq 0 ]; then
        "$@"
    else
        command -v sudo >/dev/null || die "this needs root, and sudo is not installed: run it as root"
        sudo -- "$@"
    fi
}

# The account that builds: the caller's, also through sudo, so that root owns no files in the caller's checkout.
builder() {
    if [ "$EUID" -eq 0 ]; then echo "${SUDO_USER:-root}"; else id -un; fi
}

builder_home() {
    getent passwd "$(builder)" | cut -d: -f6
}

as_builder() {
    if [ "$(builder)" = "$(id -un)" ]; then
        "$@"
    else
        runuser -u "$(builder)" -- env HOME="$(builder_home)" "$@"
    fi
}
