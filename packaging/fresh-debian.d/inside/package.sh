# shellcheck shell=bash
# Installs and removes the package with apt and dpkg as an administrator does: no option decides about configuration files.

# apt_install NAME [OPTION...]: one of /test/packages.
apt_install() {
    local name=$1
    shift
    DEBIAN_FRONTEND=noninteractive apt-get --yes --no-install-recommends "$@" install "/test/packages/$name.deb"
}

apt_remove() {
    DEBIAN_FRONTEND=noninteractive apt-get --yes "${1:-remove}" libpam-totp
}

# "ii", "iU", "rc", ...; empty if dpkg does not know the package.
dpkg_state() {
    dpkg-query --show --showformat='${db:Status-Abbrev}' libpam-totp 2>/dev/null | tr -d ' '
}

version() {
    dpkg-query --show --showformat='${Version}' libpam-totp
}

version_in() {
    dpkg-deb --field "/test/packages/$1.deb" Version
}

# Checksums of all PAM service files.
stacks() {
    (cd /etc/pam.d && sha256sum -- *)
}

# Checksums of what must never be lost: the keys and the enrolments (a ledger changes with each login).
kept() {
    sha256sum /etc/pam_totp/keyring.toml /var/lib/pam_totp/credentials/*
    # dpkg removes and installs this directory with the package.
    find /etc/pam_totp/keyring.toml /var/lib/pam_totp ! -name spool -printf '%p %u:%g %m\n' | sort
}
