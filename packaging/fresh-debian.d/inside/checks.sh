# shellcheck shell=bash
# Prints one line for each check. A failed check ends the story and shows the output.

# check WORDS COMMAND...: COMMAND must succeed.
check() {
    local words=$1
    shift
    "$@" >/test/said 2>&1 </dev/null || failed "$words" "$* ended with status $?"
    passed "$words"
}

# check_refused STATUS WORDS COMMAND...: COMMAND must end with that exit status.
check_refused() {
    local expected=$1 words=$2 status=0
    shift 2
    "$@" >/test/said 2>&1 </dev/null || status=$?
    [ "$status" -eq "$expected" ] || failed "$words" "$* ended with status $status, not $expected"
    passed "$words"
}

# check_said WORDS PATTERN: the output of the last command has a line that matches (ERE).
check_said() {
    grep -Eq -e "$2" /test/said || failed "$1" "no line of the output matches: $2"
    passed "$1"
}

check_not_said() {
    ! grep -Eq -e "$2" /test/said || failed "$1" "a line of the output matches: $2"
    passed "$1"
}

check_same() {
    [ "$2" = "$3" ] || failed "$1" "$(diff <(echo "$2") <(echo "$3"))"
    passed "$1"
}

# check_logged WORDS PATTERN: the log has a line that matches. The line is sent before the answer; the daemon may be a moment late.
check_logged() {
    local _
    for _ in {1..30}; do
        if grep -Eq -e "$2" /var/log/auth.log 2>/dev/null; then
            passed "$1"
            return
        fi
        sleep 0.1
    done
    failed "$1" "no line of the log matches: $2"
}

passed() {
    printf '  ok   %s\n' "$1"
}

failed() {
    {
        printf '  FAILED: %s\n  %s\n' "$1" "$2"
        printf -- '  --- output of the last command\n'
        tail -n 30 /test/said
        printf -- '  --- /var/log/auth.log\n'
        tail -n 15 /var/log/auth.log
    } 2>&1
    exit 1
}

# Ten seconds at most.
wait_until() {
    local _
    for _ in {1..100}; do
        if "$@" 2>/dev/null; then return; fi
        sleep 0.1
    done
    return 1
}
