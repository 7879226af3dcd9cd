# shellcheck shell=bash
# Logins: sshd and sudo, each with the files that Debian ships and the lines of the README.

# ssh: key + code, as in README.md.
switch_on_sshd() {
    sed -i 's/^@include common-auth/auth    required    pam_totp.so/' /etc/pam.d/sshd
    cat >/etc/ssh/sshd_config.d/50-totp.conf <<SSHD
UsePAM yes
KbdInteractiveAuthentication yes
PasswordAuthentication no
AuthenticationMethods publickey,keyboard-interactive:pam
SSHD
}

switch_off_sshd() {
    sed -i 's/^auth *required *pam_totp.so/@include common-auth/' /etc/pam.d/sshd
}

start_sshd() {
    # Newer versions delay the address of a guesser; here all logins have the same address.
    if sshd -T | grep -q persourcepenalties; then echo "PerSourcePenalties no" >/etc/ssh/sshd_config.d/60-one-address.conf; fi
    /usr/sbin/sshd
    wait_until sh -c 'ssh-keyscan -t ed25519 127.0.0.1 2>/dev/null | grep ed25519 >/root/known_hosts'
}

may_sudo() {
    printf '%s\n' "Defaults:$1 passwd_tries=1" "$1 ALL=(root) PASSWD: /usr/bin/id" >"/etc/sudoers.d/$1"
}

# ssh_in NAME COMMAND ANSWER...: one login with the key. 255 is sshd's refusal. SSH_AT and SSH_CONFIG: not at 127.0.0.1, and
# with a configuration of ssh.
ssh_in() {
    local name=$1 command=$2
    shift 2
    FIRST=${1:-} SECOND=${2:-} THIRD=${3:-} HOLD=${HOLD:-} expect -f /test/answer.exp \
        ssh -F "${SSH_CONFIG:-none}" -tt -i /test/key -o IdentitiesOnly=yes -o IdentityAgent=none \
        -o UserKnownHostsFile=/root/known_hosts -o PreferredAuthentications=publickey,keyboard-interactive \
        -o NumberOfPasswordPrompts=1 -o LogLevel=ERROR "$name@${SSH_AT:-127.0.0.1}" "$command"
}

# sudo_by NAME ANSWER...: sudo, run by that person at a terminal.
sudo_by() {
    local name=$1
    shift
    FIRST=${1:-} SECOND=${2:-} THIRD=${3:-} HOLD='' expect -f /test/answer.exp \
        runuser -u "$name" -- "${SUDO:-sudo}" -k /usr/bin/id -un
}
