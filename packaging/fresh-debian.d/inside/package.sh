# shellcheck shell=bash
# The package, by apt and dpkg as an administrator calls them: no option decides about configuration files.

# apt_install NAME [OPTION...]: one of /test/packages.
apt_install() {
    local name=$1
    shift
    DEBIAN_FRONTEND=noninteractive apt-get --yes --no-install-recommends "$@" install "/test/packages/$name.deb"
}

apt_remove() {
    DEBIAN_FRONTEND=noninteractive apt-get --yes "${1:-remove}" libpam-totp
}

# "ii", "iU", "rc", ...; empty where dpkg does not know it.
dpkg_state() {
    dpkg-query --show --showformat='${db:Status-Abbrev}' libpam-totp 2>/dev/null | tr -d ' '
}

version() {
    dpkg-query --show --showformat='${Version}' libpam-totp
}

version_in() {
    dpkg-deb --field "/test/packages/$1.deb" Version
}

# Every stack of this machine, as bytes.
stacks() {
    (cd /etc/pam.d && sha256sum -- *)
}

# What may never be lost: the keys and the enrolments (a ledger changes with each login).
kept() {
    sha256sum /etc/pam_totp/keyring.toml /var/lib/pam_totp/credentials/*
    # An empty directory of the package goes and comes with it.
    find /etc/pam_totp/keyring.toml /var/lib/pam_totp ! -name spool -printf '%p %u:%g %m\n' | sort
}
