# shellcheck shell=bash
# A newly installed Debian with the packages that a server usually has: made once by debootstrap, kept as a tarball.

# Installed in addition to Debian's smallest installation. rsyslog: people read /var/log/auth.log, and so does fail2ban.
base_packages=(systemd-sysv libpam-systemd openssh-server openssh-client sudo rsyslog cron expect oathtool iproute2 fail2ban)

# base_of SUITE: the path of the tarball. Made if it is missing, was made with other packages, or is older than a fortnight.
base_of() {
    local suite=$1 tarball
    tarball=$store/$suite-$(packages_of "$suite" | sha256sum | cut -c 1-12).tar
    if [ -z "$(find "$tarball" -mtime -14 2>/dev/null)" ]; then
        rm -f "$store/$suite"-*.tar
        make_base "$suite" "$tarball"
    fi
    echo "$tarball"
}

packages_of() {
    printf '%s\n' "${base_packages[@]}"
    # The sudo of Debian 13 that is written in Rust.
    [ "$1" = bookworm ] || echo sudo-rs
}

make_base() {
    local suite=$1 tarball=$2 root
    root=$(mktemp -d "$store/$suite.XXXXXX")
    chmod 0755 "$root"
    # Runs in a subshell because of its output, so the caller does not know the directory and cannot remove it.
    # shellcheck disable=SC2064 # this one
    trap "rm -rf --one-file-system '$root'" EXIT
    echo "making $suite: debootstrap, then $(packages_of "$suite" | tr '\n' ' ')" >&2
    quietly debootstrap --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
        "$suite" "$root" "$(mirror)" || die "debootstrap could not install $suite"
    forbid_daemons "$root"
    # A crash may damage this directory: it is temporary.
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
    # shellcheck disable=SC2046 # package names
    in_namespaces no "$root" env DEBIAN_FRONTEND=noninteractive \
        apt-get --quiet=2 --yes --no-install-recommends install $(packages_of "$suite") >&2 || die "apt did not install all packages in $suite"
    in_namespaces no "$root" apt-get clean
    rm -rf "$root"/var/lib/apt/lists/*
    tar --create --file "$tarball.new" --directory "$root" --numeric-owner --xattrs --one-file-system .
    mv "$tarball.new" "$tarball"
}

# The mirror that this machine's apt uses for Debian, or else Debian's public one.
mirror() {
    # shellcheck disable=SC2016 # apt's variables
    apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 2>/dev/null |
        awk '$2 == "Debian" && $3 == "Debian" { print $1; found = 1; exit } END { if (!found) print "http://deb.debian.org/debian" }'
}

# Keeps packages from starting services (invoke-rc.d asks this program; 101 is "forbidden").
forbid_daemons() {
    printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
    chmod 0755 "$1/usr/sbin/policy-rc.d"
}

# The output is shown if the command fails.
quietly() {
    local said
    said=$("$@" 2>&1) || {
        printf '%s\n' "$said" | tail -n 40 >&2
        return 1
    }
}
