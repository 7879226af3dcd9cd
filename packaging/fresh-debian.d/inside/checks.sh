# shellcheck shell=bash
# One line a check; what is not as it must be ends the story and shows what was seen.

# check WORDS COMMAND...: COMMAND must succeed.
check() {
    local words=$1
    shift
    "$@" >/test/said 2>&1 </dev/null || went_wrong "$words" "$* ended with status $?"
    good "$words"
}

# check_refused STATUS WORDS COMMAND...: COMMAND must end with that exit status.
check_refused() {
    local expected=$1 words=$2 status=0
    shift 2
    "$@" >/test/said 2>&1 </dev/null || status=$?
    [ "$status" -eq "$expected" ] || went_wrong "$words" "$* ended with status $status, not $expected"
    good "$words"
}

# check_said WORDS PATTERN: the last command said something like it (ERE, a line).
check_said() {
    grep -Eq -e "$2" /test/said || went_wrong "$1" "nothing was said like: $2"
    good "$1"
}

check_not_said() {
    ! grep -Eq -e "$2" /test/said || went_wrong "$1" "something was said like: $2"
    good "$1"
}

check_same() {
    [ "$2" = "$3" ] || went_wrong "$1" "$(diff <(echo "$2") <(echo "$3"))"
    good "$1"
}

# check_logged WORDS PATTERN: the log has a line like it. It is sent before the answer; the daemon may be a moment behind.
check_logged() {
    local _
    for _ in {1..30}; do
        if grep -Eq -e "$2" /var/log/auth.log 2>/dev/null; then
            good "$1"
            return
        fi
        sleep 0.1
    done
    went_wrong "$1" "the log has no line like: $2"
}

good() {
    printf '  ok   %s\n' "$1"
}

went_wrong() {
    {
        printf '  FAILED: %s\n  %s\n' "$1" "$2"
        printf -- '  --- what was said\n'
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
