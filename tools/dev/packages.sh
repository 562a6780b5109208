# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034  # used by the files that load this one
# Which Debian packages each kind of work needs; installs what is missing and nothing else.

readonly PACKAGES_BUILD=(gcc libc6-dev cmake ninja-build pkg-config libwebsockets-dev
    libwebsockets-evlib-ev libhiredis-dev libev-dev libmsgpack-dev libpq-dev libcmocka-dev
    libjansson-dev libjwt-dev libargon2-dev libpcre2-dev libssl-dev libcurl4-openssl-dev zlib1g-dev
    uthash-dev libmagic-dev libgd-dev libseccomp-dev)
# What the daemons need where they run; gcc and the -dev packages stay behind. The plugin of
# libwebsockets for libev is loaded at run time, so no tool finds it.
readonly PACKAGES_DAEMONS=(ca-certificates libwebsockets17 libwebsockets-evlib-ev libhiredis0.14
    libev4 libpq5 libjansson4 libjwt0 libargon2-1 libssl3 libcurl4 zlib1g libmagic1
    libgd3 libseccomp2)
readonly PACKAGES_RUN=(redis-server redis-tools postgresql curl jq openssl util-linux procps)
readonly PACKAGES_E2E=(chromium python3 python3-django python3-djangorestframework
    python3-djangorestframework-simplejwt python3-argon2 python3-psycopg2 python3-cryptography s3cmd)
readonly PACKAGES_CHECK=(clang clang-format clang-tidy codespell shellcheck python3 git)
readonly PACKAGES_CLANG=(clang libclang-rt-14-dev llvm)
readonly PACKAGES_MONITORING=(prometheus python3 python3-yaml)
readonly NODE_MAJOR_MIN=18

# packages_missing PACKAGE…: prints those that are not installed.
packages_missing() {
    local package
    for package in "$@"; do
        if ! dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q ' installed$'; then
            printf '%s\n' "$package"
        fi
    done
}

packages_install() {
    local -a missing as_root=()
    command -v dpkg-query >/dev/null ||
        die "this is no Debian: install what tools/dev/packages.sh lists, then use CMake directly"
    mapfile -t missing < <(packages_missing "$@" | sort -u)
    if [ ${#missing[@]} -eq 0 ]; then
        return
    fi
    step "Installing ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "neither root nor sudo: install ${missing[*]} yourself"
        as_root=(sudo)
    fi
    "${as_root[@]}" "$ROOT/tools/dev/apt-install" "${missing[@]}" ||
        die "could not install ${missing[*]}"
}

# A Node that is there already, from wherever, is used; otherwise Debian's.
packages_install_node() {
    local major=0
    if command -v node >/dev/null && command -v npm >/dev/null; then
        major=$(node -p 'process.versions.node.split(".")[0]')
    fi
    if ((major < NODE_MAJOR_MIN)); then
        packages_install nodejs npm
    fi
}
