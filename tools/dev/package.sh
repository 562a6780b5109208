# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The verbs package and package-test: Debian packages, and their life on a bare Debian, in a
# container of CONTAINER_ENGINE ("docker").
need packages build web

verb_package() {
    packages_install "${PACKAGES_BUILD[@]}" dpkg-dev file
    packages_install_node
    web_build || warn "there will be no package kibray-web"
    # web/dist may have come or gone since the last time.
    rm -f -- "$ROOT/build-package/build.ninja" "$ROOT"/build-package/*.deb
    build_preset package
    (cd "$ROOT" && build_quietly "$ROOT/build-package/cpack.log" cpack --preset package) || die "no packages"
    ls -l "$ROOT"/build-package/*.deb
}

verb_package_test() {
    local -a engine
    read -r -a engine <<<"${CONTAINER_ENGINE:-docker}"
    verb_package
    mkdir -p "$ROOT/build-package/packages"
    cp "$ROOT"/build-package/*.deb "$ROOT/build-package/packages/"
    step "Installing and removing the packages in a container"
    "${engine[@]}" run --rm --network host -v "$ROOT/build-package/packages:/packages:ro" \
        -v "$ROOT/tests/packages/install.sh:/install.sh:ro" docker.io/library/debian:bookworm-slim bash /install.sh ||
        die "the packages failed"
}
