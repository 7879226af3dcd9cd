# shellcheck shell=bash
# People with an account, a password, an SSH key and an authenticator. Their data is in /test/people/NAME.

password="correct horse"

person() {
    local name=$1
    mkdir -p "/test/people/$name"
    useradd --create-home --shell /bin/bash "$name"
    echo "$name:$password" | chpasswd
    install -D -m 0644 /test/key.pub "/home/$name/.ssh/authorized_keys"
}

# At the prompts of the command, as root.
enrol() {
    expect -f /test/enrol.exp "/test/people/$1" totp-enroll enroll "$1"
}

# From a script: pending until the first code.
enrol_by_script() {
    totp-enroll --json enroll "$1" --batch >"/test/people/$1/enrolled" || return
    sed -n 's/.*"uri": *"[^"]*[?&]secret=\([A-Z2-7]*\).*/\1/p' "/test/people/$1/enrolled" >"/test/people/$1/manual-key"
    [ -s "/test/people/$1/manual-key" ]
}

# code_of NAME: a code that was not used yet. The code of the next half minute is valid too, which saves most of the waiting.
code_of() {
    local own=/test/people/$1 step now
    step=$(($(cat "$own/used-step" 2>/dev/null || echo 0) + 1))
    now=$(($(date +%s) / 30))
    [ "$step" -ge "$now" ] || step=$now
    while [ "$step" -gt $(($(date +%s) / 30 + 1)) ]; do sleep 0.2; done
    echo "$step" >"$own/used-step"
    oathtool --totp --base32 --now "@$((step * 30))" "$(cat "$own/manual-key")" | tee "$own/last-code"
}

last_code_of() {
    cat "/test/people/$1/last-code"
}

# The next unused recovery code.
recovery_code_of() {
    local codes=/test/people/$1/recovery-codes
    head -n 1 "$codes"
    sed -i 1d "$codes"
}
