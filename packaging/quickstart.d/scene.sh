# shellcheck shell=bash
# What the demonstration stands on, all of it its own and all of it taken away again: an account, an sshd, PAM services.

scene=
account=
port=
sshd_pid=
events_pid=
made_privsep_directory=no

set_scene() {
    account=totp-demo-$(head -c 3 /dev/urandom | od -An -tx1 | tr -d ' \n')
    # Not in /run, which is open to everybody in some containers: sshd would not trust the key there.
    scene=/var/lib/$account
    mkdir -m 0755 "$scene"
    useradd --create-home --home-dir "$scene/home" --shell /bin/bash --comment "pam_totp quickstart, to be deleted" "$account"
    hear_events
    write_configuration
    allow_sudo
    start_sshd
    echo "account $account, sshd on 127.0.0.1 port $port, everything else in $scene"
}

# Runs at every end, also in the middle of set_scene: each line must be good when its thing was never made.
clear_scene() {
    local status=$?
    trap - EXIT
    set +e
    [ -n "$account" ] || exit "$status"
    rm -f "/etc/sudoers.d/$account" "/etc/pam.d/$account-sshd" "/etc/pam.d/$account-sudo"
    [ -z "$sshd_pid" ] || kill "$sshd_pid" 2>/dev/null
    if id "$account" >/dev/null 2>&1; then
        # A session ends with its client; its last process may still be on the way out.
        wait_until no_process_of_account
        userdel --force "$account"
    fi
    [ -z "$events_pid" ] || kill "$events_pid" 2>/dev/null
    rm -rf "${scene:?}" "/run/sudo/ts/$account"
    [ "$made_privsep_directory" = no ] || rmdir --ignore-fail-on-non-empty /run/sshd
    exit "$status"
}

no_process_of_account() {
    [ -z "$(find /proc -maxdepth 1 -name '[0-9]*' -user "$account" 2>/dev/null)" ]
}

# A log of its own, because a container may have none.
hear_events() {
    : >"$scene/events"
    perl -MIO::Socket::UNIX -e '
        my ($socket, $file) = @ARGV;
        my $log = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $socket) or die "$socket: $!\n";
        open my $out, ">>", $file or die "$file: $!\n";
        $out->autoflush(1);
        while (defined $log->recv(my $line, 65536)) { $line =~ s/^<\d+>//; $line =~ s/\n?\z/\n/; print $out $line }
    ' "$scene/log" "$scene/events" &
    events_pid=$!
    wait_until test -S "$scene/log" || surprise "the log socket was not made"
}

# The installed module and this machine's keyring, so that it is the installation that is tried; state and log of its own.
write_configuration() {
    cat >"$scene/config.toml" <<TOML
[paths]
state = "$scene/state"
runtime = "$scene/runtime"
syslog = "$scene/log"
[notify]
command = []
TOML
    cat >"/etc/pam.d/$account-sshd" <<PAM
# key + code: sshd has checked the key, this asks for the code.
auth     required  pam_totp.so conf=$scene/config.toml
account  required  pam_unix.so
session  required  pam_permit.so
PAM
    cat >"/etc/pam.d/$account-sudo" <<PAM
auth     required  pam_totp.so conf=$scene/config.toml
account  required  pam_permit.so
session  required  pam_permit.so
PAM
}

# sudo asks this account, and only this one, through a PAM service of its own.
allow_sudo() {
    cat >"$scene/sudoers" <<SUDOERS
Defaults:$account pam_service=$account-sudo, pam_login_service=$account-sudo, lecture=never, timestamp_timeout=0
$account ALL=(root) PASSWD: /usr/bin/id
SUDOERS
    visudo --quiet --check --file="$scene/sudoers" || surprise "sudo does not take the rule for $account"
    install -m 0440 "$scene/sudoers" "/etc/sudoers.d/$account"
}

start_sshd() {
    ssh-keygen -q -t ed25519 -N '' -f "$scene/host_key"
    ssh-keygen -q -t ed25519 -N '' -f "$scene/key"
    install -m 0644 "$scene/key.pub" "$scene/authorized_keys"
    port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport')
    cat >"$scene/sshd_config" <<SSHD
ListenAddress 127.0.0.1:$port
HostKey $scene/host_key
PidFile none
AllowUsers $account
AuthorizedKeysFile $scene/authorized_keys
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication yes
AuthenticationMethods publickey,keyboard-interactive:pam
LoginGraceTime 300
PrintMotd no
PrintLastLog no
SSHD
    # The directory that sshd drops its privileges in; Debian's service makes it, and there may be no such service running.
    if [ ! -d /run/sshd ]; then
        mkdir -m 0755 /run/sshd
        made_privsep_directory=yes
    fi
    # The PAM service: an option since OpenSSH 9.8; before that, the name that sshd was started by.
    local sshd=/usr/sbin/sshd options
    options=$("$sshd" -T -f "$scene/sshd_config")
    if grep -q '^pamservicename ' <<<"$options"; then
        echo "PAMServiceName $account-sshd" >>"$scene/sshd_config"
    else
        ln -s "$sshd" "$scene/$account-sshd"
        sshd=$scene/$account-sshd
    fi
    "$sshd" -D -f "$scene/sshd_config" -E "$scene/sshd.log" &
    sshd_pid=$!
    wait_until grep -q '^Server listening' "$scene/sshd.log" || surprise "the private sshd did not start"
}

# A code from before this machine's start is never accepted, and nor is one that the allowed drift could reach back to.
wait_for_uptime() {
    local up
    up=$(cut -d. -f1 /proc/uptime)
    if [ "$up" -lt 65 ]; then
        echo "this machine started $up s ago; the first codes that are accepted are those of a minute after the start: waiting"
        sleep $((65 - up))
    fi
}

# Five seconds at most.
wait_until() {
    local _
    for _ in {1..50}; do
        if "$@" 2>/dev/null; then return; fi
        sleep 0.1
    done
    return 1
}
