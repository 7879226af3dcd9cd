# shellcheck shell=bash
# What the person at the terminal does: played by expect and oathtool, or (--interactive) done by a real person.

key=
used_step=0
code=
recovery_code=

enrol() {
    if [ "$interactive" = yes ]; then
        echo "Scan the QR code with your authenticator app, type the code that it shows, and keep one recovery code for step 7."
        totp-enroll --config "$environment/config.toml" enroll "$account" --issuer "pam_totp quickstart" --show-uri ||
            fail "the enrolment ended with exit status $?"
        return
    fi
    expect -f enrol.exp "$environment" totp-enroll --config "$environment/config.toml" enroll "$account" --issuer "pam_totp quickstart" ||
        fail "the enrolment failed"
    key=$(cat "$environment/manual-key")
    recovery_code=$(head -n 1 "$environment/recovery-codes")
    used_step=$(cat "$environment/used-step")
}

# Waits for a code that was not used yet: 30 seconds at most.
next_code() {
    [ "$interactive" = no ] || return 0
    local wait=$(((used_step + 1) * 30 - $(date +%s)))
    if [ "$wait" -gt 0 ]; then
        echo "a code is accepted once: waiting $wait s for the next one"
        sleep "$wait"
    fi
    used_step=$(($(date +%s) / 30))
    code=$(oathtool --totp --base32 - <<<"$key")
}

log_in_with_code() {
    tell "Type the next code that your app shows, not the one from the enrolment."
    ssh_session "$code" "" "echo welcome" || fail "a right code was refused"
}

log_in_with_the_same_code() {
    tell "Type the code of the last step once more."
    local status=0
    ssh_session "$code" "" "echo welcome" || status=$?
    [ "$status" -ne 0 ] || fail "the same code was accepted a second time"
    [ "$status" -eq 255 ] || fail "sshd should have refused the same code (255), but ssh ended with $status"
}

log_in_with_recovery_code_and_sudo() {
    tell "At the first question type a recovery code; at sudo's, the next code that your app shows."
    ssh_session "$recovery_code" "$code" "echo welcome && sudo /usr/bin/id -un" ||
        fail "the recovery code, or the code for sudo after it, was refused"
}

tell() {
    if [ "$interactive" = yes ]; then echo "$*"; fi
}

# ssh_session FIRST_ANSWER SECOND_ANSWER COMMAND: one real ssh login with the key; 0 when the command ran and ended well.
# One try, so that a refusal is not followed by another prompt.
ssh_session() {
    local ssh=(ssh -F none -tt -p "$port" -i "$environment/key" -o IdentitiesOnly=yes -o IdentityAgent=none
        -o UserKnownHostsFile="$environment/known_hosts" -o StrictHostKeyChecking=accept-new -o NumberOfPasswordPrompts=1
        -o LogLevel=ERROR "$account@127.0.0.1")
    if [ "$interactive" = yes ]; then
        "${ssh[@]}" "$3"
    else
        FIRST=$1 SECOND=$2 expect -f answer.exp "${ssh[@]}" "$3"
    fi
}
