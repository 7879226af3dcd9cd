# shellcheck shell=bash
# Jobs that run side by side: each machine is one, and most of its time it waits. What a job says is shown when it has ended.
# Needs `work`.

planned=()
declare -A names=() starts=()

# job NAME COMMAND...: to be run by jobs_run. Words have no blanks.
job() {
    planned+=("$*")
}

# One job for each processor, and one more.
jobs_run() {
    local job
    mkdir "$work/said"
    for job in "${planned[@]}"; do
        [ "${#names[@]}" -le "$(nproc)" ] || job_ended
        # shellcheck disable=SC2086 # the words of a command
        job_start $job
    done
    while [ "${#names[@]}" -gt 0 ]; do job_ended; done
}

job_start() {
    local name=$1
    shift
    ("$@") >"$work/said/$name" 2>&1 </dev/null &
    names[$!]=$name
    starts[$!]=$SECONDS
}

job_ended() {
    local ended="" status=0
    wait -n -p ended "${!names[@]}" || status=$?
    printf '\n== %s (%s s)\n' "${names[$ended]}" "$((SECONDS - starts[$ended]))"
    cat "$work/said/${names[$ended]}"
    [ "$status" -eq 0 ] || fails "${names[$ended]}"
    unset "names[$ended]" "starts[$ended]"
}

# fails WORDS: the run fails, and says so at its end.
fails() {
    echo "$1" >>"$work/failed"
}

# cannot PART WHY: it does not run on this machine.
cannot() {
    printf '\n== %s: CANNOT RUN HERE: %s\n' "$1" "$2"
    if [ "$RUN_COMPLETE" = yes ]; then fails "$1: cannot run here: $2"; else echo "$1" >>"$work/unchecked"; fi
}
