# shellcheck shell=bash
# Loads what each story uses: the fixture of the package's own stories, with the journal in place of a log file, and codes that
# are not waited for.
# shellcheck source=../../../packaging/fresh-debian.d/inside/fixture.sh
. /test/inside/fixture.sh

trap 'ended $? $LINENO' EXIT
ended() {
    [ "$1" -eq 0 ] || echo "  FAILED: the story ended with status $1 at line $2"
}

# The opposite, for check.
not() {
    ! "$@"
}

# Says which one, if one has.
no_unit_has_failed() {
    systemctl is-system-running --wait || { systemctl list-units --failed --plain --no-legend --no-pager; return 1; }
}

check_logged() {
    wait_until in_the_journal "$2" || failed "$1" "no line of the journal matches: $2"
    passed "$1"
}

in_the_journal() {
    journalctl --quiet --boot --output=short --no-pager | grep -Eq -e "$1"
}

failed() {
    trap - EXIT
    {
        printf '  FAILED: %s\n  %s\n' "$1" "$2"
        printf -- '  --- output of the last command\n'
        tail -n 30 /test/said
        printf -- '  --- the journal\n'
        journalctl --quiet --boot --no-pager --lines=25
    } 2>&1
    exit 1
}

# then_do reboot|soft-reboot: the story goes on after it: it is started again, with that word.
then_do() {
    echo "$1" >/test/next
    exit 0
}

# An administrator, alice, and bob, both enrolled.
people_here() {
    # Codes of the next five minutes are accepted, so that no story waits for one.
    sed -i 's/^#drift_steps = 1/drift_steps = 10/' /etc/pam_totp/config.toml
    sed 's/^/* /' /etc/ssh/ssh_host_ed25519_key.pub >/root/known_hosts
    person alice
    person bob
    usermod --append --groups sudo alice
    check "alice is enrolled" enrol_by_script alice
    check "bob is enrolled" enrol_by_script bob
}

# As code_of in people.sh, but up to nine steps ahead.
code_of() {
    local own=/test/people/$1 step now
    step=$(($(cat "$own/used-step" 2>/dev/null || echo 0) + 1))
    now=$(($(date +%s) / 30))
    [ "$step" -ge "$now" ] || step=$now
    while [ "$step" -gt $(($(date +%s) / 30 + 9)) ]; do sleep 0.2; done
    echo "$step" >"$own/used-step"
    oathtool --totp --base32 --now "@$((step * 30))" "$(cat "$own/manual-key")" | tee "$own/last-code"
}

# Everything but sshd asks for password and code.
local_logins_ask() {
    check "the profile is switched on" pam-auth-update --enable totp
}

# sshd asks for key and code.
ssh_asks() {
    switch_on_sshd
    if sshd -T | grep -q persourcepenalties; then echo "PerSourcePenalties no" >/etc/ssh/sshd_config.d/60-one-address.conf; fi
    check "sshd reads its configuration" systemctl reload ssh
}

everything_asks() {
    local_logins_ask
    ssh_asks
}

# fresh TIME: for so long, a code counts for its login session.
fresh() {
    sed -i "/^\[fresh\]/,/^\[remember\]/ s/^#*for = .*/for = \"$1\"/" /etc/pam_totp/config.toml
}
