# shellcheck shell=bash
# A machine in a container: systemd is process 1, the network is a loopback of its own, the disk is a layer over a Debian that
# is only read. Its kernel and its boot clock are the host's. Needs `work`, a directory on a disk.

# Without the variable it looks for controllers of cgroup v1 where the host has them, and systemd 257 has none of them.
# --keep-unit: in the control group of its caller, see container_cgroup.
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
    container_in_cgroup "$1" --boot --console=pipe --machine="$1" --directory="$dir/root" </dev/null >>"$dir/console" 2>&1 &
    echo "$!" >"$dir/outer"
    for _ in {1..300}; do
        kill -0 "$(cat "$dir/outer")" 2>/dev/null || break
        pgrep -P "$(cat "$dir/outer")" >"$dir/leader" && [ -S "/proc/$(cat "$dir/leader")/root/run/dbus/system_bus_socket" ] && break
        sleep 0.1
    done
    # Its exit status tells of failed units: the stories look at them.
    container_run "$1" systemctl is-system-running --wait >/dev/null || true
}

# container_run NAME COMMAND...: as root in it, and in the control group of its first process: systemd 257 refuses those outside.
container_run() {
    local name=$1 leader
    leader=$(cat "$work/$1/leader")
    shift
    (
        for directory in "${cgroups[@]}"; do
            directory=$directory/pam-totp-test-$name./payload/init.scope
            [ ! -d "$directory" ] || echo "$BASHPID" >"$directory/cgroup.procs"
        done
        exec nsenter --target "$leader" --all --wdns=/ env --ignore-environment --default-signal=INT,QUIT,HUP,PIPE \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb "$@" </dev/null
    )
}

# container_in_cgroup NAME WORD...: nspawn in a control group of its own, in each hierarchy that systemd uses. Containers in one group
# would end each other's processes. In a subshell.
container_in_cgroup() {
    local directory
    for directory in "${cgroups[@]}"; do
        mkdir -p "$directory/pam-totp-test-$1." && echo "$BASHPID" >"$directory/pam-totp-test-$1./cgroup.procs" || exit
    done
    exec "${nspawn[@]}" "${@:2}"
}

# The groups of this process.
mapfile -t cgroups < <(while IFS=: read -r _ controllers path; do
    case $controllers in
        "") findmnt --noheadings --list --output TARGET --types cgroup2 ;;
        name=systemd) findmnt --noheadings --list --output TARGET --types cgroup --options name=systemd ;;
    esac | head -n 1 | sed "s|\$|${path%/}|"
done </proc/self/cgroup)

# container_cgroups_clear START: removes the groups of containers that have ended and whose names start so. Each name ends in a dot.
container_cgroups_clear() {
    local directory
    for directory in "${cgroups[@]}"; do
        find "$directory" -depth -type d -path "$directory/pam-totp-test-$1*" -exec rmdir {} + 2>/dev/null || true
    done
}

# Ends every process in it at once. A shutdown in order tests nothing here and takes longer.
container_off() {
    local outer
    outer=$(cat "$work/$1/outer")
    kill -KILL "$(cat "$work/$1/leader")" 2>/dev/null || true
    wait "$outer" 2>/dev/null || true
    container_cgroups_clear "$1."
}

container_remove() {
    umount "$work/$1/root"
    rm -rf --one-file-system "${work:?}/$1"
}

# layer_possible ROOT: prints why not, if not.
layer_possible() {
    local said
    mkdir -p "$work/probe"/{upper,work,root}
    said=$(mount -t overlay overlay -o "lowerdir=$1,upperdir=$work/probe/upper,workdir=$work/probe/work" "$work/probe/root" 2>&1) && return
    rm -rf "$work/probe"
    printf 'no file system in layers: %s\n' "$said" | tail -n 1
    return 1
}

# container_possible ROOT: the same.
container_possible() {
    local said status=0
    layer_possible "$1" || return
    said=$( (container_in_cgroup probe --pipe --directory="$work/probe/root" true) 2>&1 </dev/null) || status=$?
    container_cgroups_clear probe.
    container_remove probe
    [ "$status" -ne 0 ] || return 0
    printf 'systemd-nspawn ended with status %s: %s\n' "$status" "$(tail -n 1 <<<"$said")"
    return 1
}

# layered_job PART COMMAND: a job that needs only a layer over Debian 12.
layered_job() {
    local root why
    root=$(root_of bookworm)
    if why=$(layer_possible "$root"); then
        container_remove probe
        job "$@"
    else
        cannot "$1" "$why"
    fi
}
