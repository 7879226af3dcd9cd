# shellcheck shell=bash
# Part "reboot": a code is accepted, the power is cut, and the machine starts again with a boot clock of its own. Needs power.sh.

plan_reboot() {
    layered_job reboot part_reboot
}

part_reboot() {
    local dir=$work/reboot before started good surely line second result
    power_root "$dir" || die "the machine of the reboot could not be made"
    cp --sparse=always "$dir/base.img" "$dir/live.img"
    power_machine "$dir" init=/test/reboot-guest umid=before mode=before 2>/dev/null &
    disown
    reboot_wait "$dir" "^accepted:" || {
        power_ended reboot "$dir"
        return
    }
    reboot_check "a code is accepted" 0 "$(reboot_said "$dir" accepted)"
    # Power off: nothing of it has a moment to write anything. Its processes are a session, and hold the disk until the last has gone.
    before=$(cat "$dir/before/pid")
    pkill -KILL --session "$before"
    while pgrep --session "$before" >/dev/null; do sleep 0.1; done
    power_machine "$dir" init=/test/reboot-guest umid=after mode=after || true
    grep -aq '^the end' "$dir/console" || fails "reboot: the machine did not come to its end: $(tail -n 3 "$dir/console" | xargs)"
    reboot_check "after a power cut it is refused" 7 "$(reboot_said "$dir" again)"
    started=$(reboot_said "$dir" started)
    # The module subtracts whole seconds, so the start is this second for it, or the next.
    good=$(((started / 30 + 2) * 30))
    surely=$((((started + 1) / 30 + 2) * 30))
    while read -r _ second result; do
        line="$((second - started)) s after the start, the code of now is"
        if [ "$second" -lt "$good" ]; then
            reboot_check "$line refused" 7 "$result"
        elif [ "$second" -ge "$surely" ]; then
            reboot_check "$line accepted" 0 "$result"
        fi
    done < <(tr -d "\r" <"$dir/console" | grep -a "^at: ")
    umount "$dir/root"
}

reboot_said() {
    tr -d '\r' <"$1/console" | sed -n "s/^$2: //p"
}

reboot_wait() {
    local _
    for _ in {1..300}; do
        if grep -aq "$2" "$1/console" 2>/dev/null; then return; fi
        sleep 0.1
    done
    return 1
}

reboot_check() {
    if [ "$2" = "$3" ]; then
        printf '  ok   %s\n' "$1"
    else
        printf '  FAILED: %s (the result was %s, not %s)\n' "$1" "$3" "$2"
        fails "reboot: $1"
    fi
}
