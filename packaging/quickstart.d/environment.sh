# shellcheck shell=bash
# The demo environment: a temporary account, an sshd and PAM services. All of it is removed again.

environment=
account=
port=
sshd_pid=
events_pid=
made_privsep_directory=no

create_environment() {
    account=totp-demo-$(head -c 3 /dev/urandom | od -An -tx1 | tr -d ' \n')
    # Not in /run, which all users can write to in some containers: sshd would not trust the key there.
    environment=/var/lib/$account
    mkdir -m 0755 "$environment"
    useradd --create-home --home-dir "$environment/home" --shell /bin/bash --comment "pam_totp quickstart, to be deleted" "$account"
    start_log
    write_configuration
    allow_sudo
    start_sshd
    echo "account $account, sshd on 127.0.0.1 port $port, all files in $environment"
}

# Runs at every exit, also in the middle of create_environment: each line must work if its object was never created.
remove_environment() {
    local status=$?
    trap - EXIT
    set +e
    [ -n "$account" ] || exit "$status"
    rm -f "/etc/sudoers.d/$account" "/etc/pam.d/$account-sshd" "/etc/pam.d/$account-sudo"
    [ -z "$sshd_pid" ] || kill "$sshd_pid" 2>/dev/null
    if id "$account" >/dev/null 2>&1; then
        # A session ends with its client, but its last process may still be ending.
        wait_until no_process_of_account
        userdel --force "$account"
    fi
    [ -z "$events_pid" ] || kill "$events_pid" 2>/dev/null
    rm -rf "${environment:?}" "/run/sudo/ts/$account"
    # Its copy of the generation, beside the keyring of the machine.
    rm -f /etc/pam_totp/keyring.var-lib-"${account//-/%2D}"-state.generation
    [ "$made_privsep_directory" = no ] || rmdir --ignore-fail-on-non-empty /run/sshd
    exit "$status"
}

no_process_of_account() {
    [ -z "$(find /proc -maxdepth 1 -name '[0-9]*' -user "$account" 2>/dev/null)" ]
}

# A private log, because a container may have none.
start_log() {
    : >"$environment/events"
    perl -MIO::Socket::UNIX -e '
        my ($socket, $file) = @ARGV;
        my $log = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $socket) or die "$socket: $!\n";
        open my $out, ">>", $file or die "$file: $!\n";
        $out->autoflush(1);
        while (defined $log->recv(my $line, 65536)) { $line =~ s/^<\d+>//; $line =~ s/\n?\z/\n/; print $out $line }
    ' "$environment/log" "$environment/events" &
    events_pid=$!
    wait_until test -S "$environment/log" || fail "the log socket was not created"
}

# Uses the installed module and this machine's keyring, so that the installation is tested; state and log are private.
write_configuration() {
    cat >"$environment/config.toml" <<TOML
[paths]
state = "$environment/state"
runtime = "$environment/runtime"
syslog = "$environment/log"
[notify]
command = []
TOML
    cat >"/etc/pam.d/$account-sshd" <<PAM
# key + code: sshd has checked the key, this asks for the code.
auth     required  pam_totp.so conf=$environment/config.toml
account  required  pam_unix.so
session  required  pam_permit.so
PAM
    cat >"/etc/pam.d/$account-sudo" <<PAM
auth     required  pam_totp.so conf=$environment/config.toml
account  required  pam_permit.so
session  required  pam_permit.so
PAM
}

# sudo asks this account, and only this one, through a private PAM service.
allow_sudo() {
    cat >"$environment/sudoers" <<SUDOERS
Defaults:$account pam_service=$account-sudo, pam_login_service=$account-sudo, lecture=never, timestamp_timeout=0
$account ALL=(root) PASSWD: /usr/bin/id
SUDOERS
    visudo --quiet --check --file="$environment/sudoers" || fail "sudo does not accept the rule for $account"
    install -m 0440 "$environment/sudoers" "/etc/sudoers.d/$account"
}

start_sshd() {
    ssh-keygen -q -t ed25519 -N '' -f "$environment/host_key"
    ssh-keygen -q -t ed25519 -N '' -f "$environment/key"
    install -m 0644 "$environment/key.pub" "$environment/authorized_keys"
    port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport')
    cat >"$environment/sshd_config" <<SSHD
ListenAddress 127.0.0.1:$port
HostKey $environment/host_key
PidFile none
AllowUsers $account
AuthorizedKeysFile $environment/authorized_keys
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication yes
AuthenticationMethods publickey,keyboard-interactive:pam
LoginGraceTime 300
PrintMotd no
PrintLastLog no
SSHD
    # sshd's privilege separation directory. Debian's service creates it, and that service may not be running.
    if [ ! -d /run/sshd ]; then
        mkdir -m 0755 /run/sshd
        made_privsep_directory=yes
    fi
    # The PAM service: an option since OpenSSH 9.8; before that, the name that sshd is started by.
    local sshd=/usr/sbin/sshd options
    options=$("$sshd" -T -f "$environment/sshd_config")
    if grep -q '^pamservicename ' <<<"$options"; then
        echo "PAMServiceName $account-sshd" >>"$environment/sshd_config"
    else
        ln -s "$sshd" "$environment/$account-sshd"
        sshd=$environment/$account-sshd
    fi
    "$sshd" -D -f "$environment/sshd_config" -E "$environment/sshd.log" &
    sshd_pid=$!
    wait_until grep -q '^Server listening' "$environment/sshd.log" || fail "the private sshd did not start"
}

# No code from before this machine's start is accepted, nor one that the allowed drift could reach back to.
wait_for_uptime() {
    local up
    up=$(cut -d. -f1 /proc/uptime)
    if [ "$up" -lt 65 ]; then
        echo "this machine started $up s ago; codes are accepted from about a minute after the start: waiting"
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
