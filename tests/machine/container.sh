# shellcheck shell=bash
# A machine in a container: systemd is process 1, the network is a loopback of its own, the disk is a layer over a Debian that
# is only read. Its kernel and its boot clock are the host's. Needs `work`, a directory on a disk.

# Without the variable it looks for controllers of cgroup v1 where the host has them, and systemd 257 has none of them.
nspawn=(env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --register=no --keep-unit --private-network)

# container_start NAME ROOT: boots it (some two seconds) and waits until every unit has started.
container_start() {
    local dir=$work/$1
    mkdir -p "$dir/upper" "$dir/work" "$dir/root"
    mount -t overlay overlay -o "lowerdir=$2,upperdir=$dir/upper,workdir=$dir/work" "$dir/root"
    mkdir -m 0755 "$dir/root/test"
    cp -r "$materials"/. "$dir/root/test"
    container_boot "$1"
}

# Everything ends and starts again, on the same disk.
container_reboot() {
    container_off "$1"
    container_boot "$1"
}

# The same first process ends all others and starts them again.
container_soft_reboot() {
    local before
    before=$(container_run "$1" systemctl show --property=SoftRebootsCount)
    container_run "$1" systemctl soft-reboot
    container_wait_for "$1" sh -c "systemctl show --property=SoftRebootsCount | grep -qv '$before\$'"
    container_run "$1" systemctl is-system-running --wait >/dev/null || true
}

# container_wait_for NAME COMMAND...: until it succeeds there, half a minute at most.
container_wait_for() {
    local _
    for _ in {1..150}; do
        if container_run "$@" 2>/dev/null; then return; fi
        sleep 0.2
    done
    die "$1 did not come up again: $work/$1/console"
}

container_boot() {
    local dir=$work/$1 _
    "${nspawn[@]}" --boot --console=pipe --machine="$1" --directory="$dir/root" </dev/null >>"$dir/console" 2>&1 &
    echo "$!" >"$dir/outer"
    for _ in {1..300}; do
        kill -0 "$(cat "$dir/outer")" 2>/dev/null || break
        pgrep -P "$(cat "$dir/outer")" >"$dir/leader" && [ -S "/proc/$(cat "$dir/leader")/root/run/dbus/system_bus_socket" ] && break
        sleep 0.1
    done
    # Its exit status tells of failed units: the stories look at them.
    container_run "$1" systemctl is-system-running --wait >/dev/null || true
}

# container_run NAME COMMAND...: as root in it.
container_run() {
    local leader
    leader=$(cat "$work/$1/leader")
    shift
    nsenter --target "$leader" --all --wdns=/ env --ignore-environment --default-signal=INT,QUIT,HUP,PIPE \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb "$@" </dev/null
}

# Ends every process in it at once. A shutdown in order tests nothing here and takes longer.
container_off() {
    local outer
    outer=$(cat "$work/$1/outer")
    kill -KILL "$(cat "$work/$1/leader")" 2>/dev/null || true
    wait "$outer" 2>/dev/null || true
}

container_remove() {
    umount "$work/$1/root"
    rm -rf --one-file-system "${work:?}/$1"
}

# container_possible ROOT: prints why not, if not.
container_possible() {
    local said
    mkdir -p "$work/probe"/{upper,work,root}
    said=$(mount -t overlay overlay -o "lowerdir=$1,upperdir=$work/probe/upper,workdir=$work/probe/work" "$work/probe/root" 2>&1 &&
        "${nspawn[@]}" --pipe --directory="$work/probe/root" true 2>&1 </dev/null) && { container_remove probe; return; }
    container_remove probe 2>/dev/null || true
    printf '%s\n' "$said" | tail -n 1
    return 1
}
