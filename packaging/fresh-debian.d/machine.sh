# shellcheck shell=bash
# A test system for one story: a copy of the base in a directory, and namespaces that hide the host, reach no network and end
# every process with the story.

# in_namespaces NETWORK ROOT COMMAND...: runs COMMAND in ROOT. NETWORK: yes is a private loopback, no is the host's network.
in_namespaces() {
    local network=$1 root=$2
    shift 2
    local isolate=(--mount --pid --ipc --uts --fork --kill-child)
    [ "$network" = no ] || isolate+=(--net)
    [ "$network" = yes ] || cp --dereference /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
    unshare "${isolate[@]}" "$here/fresh-debian.d/enter" "$root" "$@" </dev/null
}

# unpack TARBALL ROOT: the base, the test files in /test, and the packages.
unpack() {
    tar --extract --file "$1" --directory "$2" --numeric-owner --xattrs --xattrs-include='*'
    echo "127.0.1.1 fresh" >>"$2/etc/hosts"
    mkdir -m 0755 "$2/test"
    cp -r "$here/fresh-debian.d/inside" "$here/fresh-debian.d/stories" "$packages" "$2/test/"
    cp "$here"/quickstart.d/*.exp "$2/test/"
    cp -r "$here/../tests/fixtures/version-1" "$2/test/"
}
