# shellcheck shell=bash
# Part "tpm": a Debian 13 with an emulated TPM, in QEMU without hardware virtualisation. Each boot tells one stage of tpm/story.
# Minutes for each: only with --long. Needs systemd.sh for what is in /test.

plan_tpm() {
    make_materials
    root_of trixie >/dev/null
    job tpm part_tpm
}

part_tpm() {
    local dir=$work/tpm _
    tpm_root "$dir" || die "the machine with a TPM could not be made"
    tpm_stage "$dir" first seal || return 0
    # Power cuts: the machine ends as soon as the keyring was opened.
    for _ in 1 2 3; do
        tpm_cut "$dir" first || return 0
    done
    tpm_stage "$dir" first locked || return 0
    tpm_stage "$dir" second other || return 0
    # What it was sealed to was cleared at the end of that stage.
    tpm_stage "$dir" second cleared || return 0
}

# tpm_root DIRECTORY: disk.img, vmlinuz and initrd.
tpm_root() {
    local dir=$1 root=$1/root
    mkdir -p "$dir"/{upper,work,root}
    mount -t overlay overlay -o "lowerdir=$(root_of trixie),upperdir=$dir/upper,workdir=$dir/work" "$root"
    in_namespaces no "$root" sh -c 'export DEBIAN_FRONTEND=noninteractive && apt-get --quiet=2 update &&
        apt-get --quiet=2 --yes --no-install-recommends install linux-image-cloud-amd64 initramfs-tools tpm2-tools libtss2-rc0t64 &&
        rm -rf /var/lib/apt/lists/*' >"$dir/apt" 2>&1 || { tail -n 5 "$dir/apt"; return 1; }
    mkdir -m 0755 "$root/test"
    cp -r "$materials"/. "$machine/tpm" "$root/test"
    cp "$machine/tpm/story.service" "$root/etc/systemd/system/"
    in_namespaces no "$root" systemctl enable --quiet story.service
    in_namespaces no "$root" systemctl mask --quiet serial-getty@ttyS0.service postfix.service
    cp "$root"/boot/vmlinuz-* "$dir/vmlinuz"
    cp "$root"/boot/initrd.img-* "$dir/initrd"
    mke2fs -q -t ext4 -E root_owner=0:0 -d "$root" "$dir/disk.img" 3G >/dev/null
    umount "$root"
}

# tpm_boot DIRECTORY TPM STAGE: in the background; console is what it writes.
# no_timer_check: where the host is busy, a kernel may find that its timer does not work, and panic.
tpm_boot() {
    local dir=$1
    mkdir -p "$dir/$2"
    swtpm socket --tpm2 --tpmstate "dir=$dir/$2" --ctrl "type=unixio,path=$dir/swtpm" --flags startup-clear --terminate --daemon
    qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu Nehalem -smp 2 -m 1024 -rtc base=utc,clock=host -no-reboot \
        -kernel "$dir/vmlinuz" -initrd "$dir/initrd" \
        -append "root=/dev/vda rw console=ttyS0,115200 mitigations=off no_timer_check panic=-1 net.ifnames=0 story=$3" \
        -drive "file=$dir/disk.img,if=virtio,format=raw" -nic none -device virtio-rng-pci -display none -monitor none \
        -chardev "socket,id=tpm,path=$dir/swtpm" -tpmdev emulator,id=tpm0,chardev=tpm -device tpm-tis,tpmdev=tpm0 \
        -serial "file:$dir/console" </dev/null >"$dir/qemu" 2>&1 &
    qemu=$!
}

# tpm_wait DIRECTORY PATTERN: until the console says so, or the machine ends, or for ten minutes.
tpm_wait() {
    local end=$((SECONDS + 600))
    while [ "$SECONDS" -lt "$end" ]; do
        if grep -aq "$2" "$1/console" 2>/dev/null; then return; fi
        kill -0 "$qemu" 2>/dev/null || break
        sleep 0.5
    done
    grep -aq "$2" "$1/console"
}

# tpm_stage DIRECTORY TPM STAGE: one boot of the story, which switches the machine off in order.
tpm_stage() {
    local dir=$1 began=$SECONDS
    rm -f "$dir/console"
    tpm_boot "$@"
    tpm_wait "$dir" "the stage has ended" || true
    tr -d '\r' <"$dir/console" | grep -aE '^  ok' || true
    if ! grep -aq "the stage has ended well" "$dir/console"; then
        fails "tpm: $3"
        tr -d '\r' <"$dir/console" | grep -v '^  ok' | tail -n 50
        tpm_off
        return 1
    fi
    wait "$qemu" || true
    printf '   %s: %s s\n' "$3" "$((SECONDS - began))"
}

# The power is cut off.
tpm_off() {
    kill -KILL "$qemu" 2>/dev/null || true
    wait "$qemu" 2>/dev/null || true
}

# tpm_cut DIRECTORY TPM
tpm_cut() {
    local dir=$1
    rm -f "$dir/console"
    tpm_boot "$@" none
    if ! tpm_wait "$dir" "Finished .*pam-totp-keyring.service"; then
        fails "tpm: the keyring was not opened before a power cut"
        tr -d '\r' <"$dir/console" | tail -n 50
        tpm_off
        return 1
    fi
    tpm_off
    echo "  ok   the keyring was opened, and the power cut off"
}
