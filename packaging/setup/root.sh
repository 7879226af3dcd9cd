# shellcheck shell=bash
# Root where it is needed, the person's own account everywhere else.

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

as_root() {
    if [ "$EUID" -eq 0 ]; then
        "$@"
    else
        command -v sudo >/dev/null || die "this needs root, and there is no sudo: run it as root"
        sudo -- "$@"
    fi
}

# The account that builds: whoever called, also through sudo, so that root's files do not stay behind in their checkout.
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
