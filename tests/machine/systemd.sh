# shellcheck shell=bash
# Part "systemd": each story in a container of its own, on each Debian.

plan_systemd() {
    local suite story root why
    local told=${RUN_STORIES:-$(cd "$machine/stories" && echo *)}
    make_materials
    for suite in $RUN_SUITES; do
        root=$(root_of "$suite")
        if ! why=$(container_possible "$root"); then
            cannot "systemd on $suite" "$why"
            continue
        fi
        for story in $told; do job "$suite-$story" tell "$suite" "$story" "$root"; done
    done
}

# What every container has in /test.
make_materials() {
    [ ! -d "$materials" ] || return 0
    mkdir "$materials"
    make_packages
    cp -r "$packages" "$here/fresh-debian.d/inside" "$machine/stories" "$materials/"
    cp "$machine"/inside/* "$materials/inside/"
    cp "$here"/quickstart.d/*.exp "$materials/"
    ssh-keygen -q -t ed25519 -N '' -f "$materials/key"
    rm -rf "$packages"
}

# A story that goes on after a reboot leaves its kind in /test/next, and is then started with it.
tell() {
    local name=$1-$2 next=() status=0
    container_start "$name" "$3"
    while container_run "$name" "/test/stories/$2" "${next[@]}" || { status=1; false; }; do
        [ -e "$work/$name/root/test/next" ] || break
        mapfile -t next <"$work/$name/root/test/next"
        rm "$work/$name/root/test/next"
        "container_${next[0]//-/_}" "$name"
    done
    container_off "$name"
    container_remove "$name"
    return "$status"
}
