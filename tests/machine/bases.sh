# shellcheck shell=bash
# A Debian with systemd and the programs that log people in, unpacked once: the lower layer of every container.
# Needs packaging/setup/*.sh, packaging/fresh-debian.d/base.sh and machine.sh; `here` is packaging/, `store` is where it is kept.

# Instead of those of packaging/fresh-debian.d/base.sh. postfix and msmtp: mail programs; exim is beside them, not installed.
base_packages=(systemd-sysv libpam-systemd dbus dbus-user-session systemd-container openssh-server openssh-client sudo polkitd pkexec tmux cron
    expect oathtool dmsetup kmod iproute2 procps postfix msmtp age)

packages_of() {
    printf '%s\n' "${base_packages[@]}"
}

# root_of SUITE: the directory of that Debian. Made when its tarball is new.
root_of() {
    local tarball root=$store/$1.root
    tarball=$(base_of "$1")
    if [ "$(cat "$root.of" 2>/dev/null)" != "${tarball##*/}" ] || [ "$tarball" -nt "$root.of" ]; then
        rm -rf --one-file-system "$root" "$root.of"
        mkdir -m 0755 "$root"
        tar --extract --file "$tarball" --directory "$root" --numeric-owner --xattrs --xattrs-include='*'
        prepare "$root" >&2 || die "$1 could not be prepared"
        echo "${tarball##*/}" >"$root.of"
    fi
    echo "$root"
}

prepare() {
    local root=$1
    # Here packages start their services, as on a machine.
    rm -f "$root/usr/sbin/policy-rc.d"
    : >"$root/etc/fstab"
    : >"$root/etc/machine-id"
    printf 'machine\n' >"$root/etc/hostname"
    printf '127.0.0.1 localhost machine\n' >"$root/etc/hosts"
    # What would wait for a network, or fetch from one.
    in_namespaces no "$root" systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
        systemd-networkd-wait-online.service || return
    in_namespaces no "$root" sh -c 'cd /root && apt-get --quiet=2 update &&
        mkdir -p /exim && apt-get --quiet=2 --yes --no-install-recommends -o Dir::Cache::archives=/exim --download-only \
            install exim4-daemon-light && rm -rf /exim/partial /exim/lock /var/lib/apt/lists/* /var/cache/apt/*.bin' || return
    in_namespaces no "$root" postconf -e myhostname=machine inet_interfaces=loopback-only mydestination='machine, localhost' home_mailbox= \
        compatibility_level=3.6
}
