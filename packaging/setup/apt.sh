# shellcheck shell=bash
# Debian packages, installed only where they are missing. Needs root.sh.

installed() {
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The version that a plain `apt-get install` would install; empty if there is none.
candidate() {
    LC_ALL=C apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

# Waits for another apt to finish. Asks nothing, and keeps the administrator's configuration files.
# Never removes a package to install another. Its output is shown if it fails.
apt_get() {
    local said
    said=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 --yes \
        -o APT::Get::Remove=false -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" </dev/null 2>&1) || {
        printf '%s\n' "$said" >&2
        return 1
    }
}

need_packages() {
    local package missing=()
    for package in "$@"; do
        installed "$package" || missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    printf 'installing: %s\n' "${missing[*]}"
    apt_get update
    apt_get install --no-install-recommends "${missing[@]}"
}

# Installs a package with a network service without starting it (invoke-rc.d asks policy-rc.d; 101 is "forbidden").
need_packages_unstarted() {
    local policy=/usr/sbin/policy-rc.d status=0
    if [ -e "$policy" ]; then
        need_packages "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' | as_root install -m 0755 /dev/stdin "$policy"
    need_packages "$@" || status=$?
    as_root rm -f "$policy"
    return "$status"
}
