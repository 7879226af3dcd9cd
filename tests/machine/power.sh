# shellcheck shell=bash
# Part "power": a storm of logins and commands on a recorded disk in user-mode Linux, then a power cut at each point of it.

plan_power() {
    layered_job power part_power
}

part_power() {
    local dir=$work/power points=150 seconds=15 status=0 seed=${TOTP_SEED:-$(($(date +%s) / 86400))}
    [ "$RUN_LONG" = no ] || { points=1000 seconds=45; }
    echo "  TOTP_SEED=$seed"
    power_root "$dir" || die "the machine of the power cuts could not be made"
    power_loop "$dir" || {
        cannot power "no loop device: $(tail -n 1 "$dir/console")"
        return
    }
    power_storm "$dir" "$seconds" "$seed" || {
        power_ended power "$dir"
        return
    }
    # The copies of the disk are in memory: the host's disk has no part in this.
    mkdir "$dir/points"
    mount -t tmpfs -o size=512M tmpfs "$dir/points"
    python3 "$machine/power/replay.py" "$dir/root" "$dir" "$points" "$seed" || status=1
    # A loop device that is still being released holds the last copy.
    umount --lazy "$dir/root" "$dir/points"
    return "$status"
}

# power_root DIRECTORY: root/ is a Debian with the module and the command, base.img a disk with what is stored of people who have
# logged in once, and root/test/table what they can answer in the next minutes.
power_root() {
    local dir=$1 root=$1/root user
    mkdir -p "$dir"/{upper,work,root,disk/etc,disk/var}
    mount -t overlay overlay -o "lowerdir=$(root_of bookworm),upperdir=$dir/upper,workdir=$dir/work" "$root"
    dpkg-deb --extract "$DEB" "$root"
    mkdir -m 0755 "$root/test"
    gcc -O1 -o "$root/test/logins" "$machine/power/logins.c" -lpam
    cp "$machine/power/guest" "$machine/power/reboot-guest" /usr/lib/uml/modules/*/kernel/drivers/md/{dm-mod,dm-log-writes}.ko "$root/test/"
    mkdir "$root/test/answers"
    mkdir "$root/test/pam"
    echo "auth required pam_totp.so" >"$root/test/pam/machine"
    echo "otpauth://totp/machine:someone?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP" >"$root/test/uri"
    power_people >>"$root/etc/passwd"
    # Wrong and used codes are most of a storm, and none of its subject.
    sed -i 's/^#attempts = 5/attempts = 16/; s/^#per = "1m"/per = "1s"/; s/^#lock_after = 10$/lock_after = 1000/; s/^#disable_after = 100/disable_after = 1000/; s/^#cooldown = "1h"/cooldown = "1s"/' \
        "$root/etc/pam_totp/config.toml"
    chroot "$root" totp-enroll keys init >/dev/null
    for user in u{0..19} d{0..4}; do
        chroot "$root" totp-enroll --json enroll "$user" --batch >"$root/test/answers/$user" || return
    done
    for user in h{0..5} p{0..3}; do
        chroot "$root" totp-enroll --json enroll "$user" --batch --type hotp --digits 8 >"$root/test/answers/$user" || return
    done
    python3 "$machine/power/people.py" "$root" "$dir" || return
    cp -a "$root/etc/pam_totp/." "$dir/disk/etc/"
    cp -a "$root/var/lib/pam_totp/." "$dir/disk/var/"
    chmod 0755 "$dir/disk/etc"
    chmod 0700 "$dir/disk/var"
    mke2fs -q -t ext4 -d "$dir/disk" "$dir/base.img" 48M >/dev/null
}

# Of those who are enrolled before the storm (u, d; h and p with counter tokens) and in it (n, x; r and c, whom o reset).
power_people() {
    local user uid=20000
    for user in u{0..19} d{0..4} h{0..5} p{0..3} n{1..400} x{1..400} r{1..100} c{1..100} o{1,2}; do
        uid=$((uid + 1))
        echo "$user:x:$uid:100::/nonexistent:/bin/false"
    done
}

# power_machine DIRECTORY WORD...: user-mode Linux in the foreground; the words go to its kernel. /dev/ubda is live.img.
power_machine() {
    local dir=$1
    shift
    TMPDIR=$dir linux.uml mem=256M rootfstype=hostfs "rootflags=$dir/root" rw con=null con0=null,fd:1 ssl=null \
        "ubda=$dir/live.img" "uml_dir=$dir" quiet "$@" </dev/null >"$dir/console" 2>&1
}

# power_ended PART DIRECTORY: a machine has ended too early. If it never ran, it does not run here.
power_ended() {
    local said
    said=$(tr -d '\r' <"$2/console" | tail -n 3 | xargs -d '\n')
    grep -aq 'the machine runs' "$2/console" || { cannot "$1" "user-mode Linux ended: $said"; return; }
    echo "  FAILED: the machine ended: $said"
    return 1
}

# power_loop DIRECTORY: whether a disk in a file can be mounted.
power_loop() {
    mkdir "$1/mounted"
    mount -o loop,ro "$1/base.img" "$1/mounted" >"$1/console" 2>&1 && umount "$1/mounted"
}

power_storm() {
    local dir=$1
    cp --sparse=always "$dir/base.img" "$dir/live.img"
    truncate --size=2G "$dir/log.img"
    power_machine "$dir" init=/test/guest "ubdb=$dir/log.img" umid=storm "seconds=$2" "seed=$3" || true
    grep -a 'FAILED\|tries' "$dir/console" | sed 's/^/  /'
    grep -aq 'the storm is over' "$dir/console"
}
