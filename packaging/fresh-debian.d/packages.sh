# shellcheck shell=bash
# The packages that the stories install: the tested one, the previous version, a later version, and one that fails.

packages=

make_packages() {
    packages=$store/packages
    rm -rf "$packages"
    mkdir "$packages"
    cp "$DEB" "$packages/current.deb"
    if [ -n "$PREVIOUS" ]; then
        cp "$PREVIOUS" "$packages/previous.deb"
    else
        repack "~previous" previous
    fi
    repack "+later" later
    repack "+failing" failing
}

# repack SUFFIX NAME: the same package with another version and another shipped config, so that dpkg has a conflict to decide.
# "later" has a profile with one more argument; "failing" has a preinst that fails.
repack() {
    local tree=$packages/$2
    dpkg-deb --raw-extract "$packages/current.deb" "$tree"
    sed -i "s/^Version: .*/&$1/" "$tree/DEBIAN/control"
    sed -i "1i # As shipped with the $2 version." "$tree/etc/pam_totp/config.toml"
    [ "$2" != later ] || sed -i 's/after_first_factor/& debug/' "$tree"/usr/share/pam-configs/totp*
    (cd "$tree" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    if [ "$2" = failing ]; then
        printf '#!/bin/sh\necho "this preinst fails" >&2\nexit 1\n' >"$tree/DEBIAN/preinst"
        chmod 0755 "$tree/DEBIAN/preinst"
    fi
    dpkg-deb --root-owner-group -Znone --build "$tree" "$packages/$2.deb" >/dev/null
    rm -rf "$tree"
}
