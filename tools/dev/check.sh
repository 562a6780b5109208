# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The verb check: everything about the sources that needs no running system.
need packages build text

FAILED_CHECKS=()

check() {
    local name=$1
    shift
    step "Check $name"
    if ! ("$@"); then
        FAILED_CHECKS+=("$name")
        warn "check $name failed"
    fi
}

check_layers() {
    "$ROOT/tools/dev/check-layers"
}

check_header() {
    local -a flags
    read -r -a flags < <(pkg-config --cflags libwebsockets hiredis msgpack libpq jansson libjwt libpcre2-8 libcurl)
    cc -std=gnu11 -D_GNU_SOURCE -fsyntax-only -Wall -Wextra -Werror -I"$ROOT" "${flags[@]}" \
        -include "$1" -x c /dev/null
}

# Each header must compile by itself.
check_headers() {
    local header failed=0
    for header in $(c_files | grep '\.h$' | grep -v '/tests/'); do
        check_header "$header" || failed=1
    done
    return "$failed"
}

check_build() {
    build_preset "$1"
}

# docs/config.md is made from the daemons' own tables of settings.
docs_config() {
    local bin
    bin=$(build_folder gcc)/bin
    printf '# Settings\n\nEvery setting comes from a flag, else from the environment, else from its default.\n'
    printf 'Made from the settings tables by ./dev docs.\n\n## kibray-gateway\n\n'
    "$bin/kibray-gateway" --config-markdown
    printf '\n## kibray-broker\n\n'
    "$bin/kibray-broker" --config-markdown
}

check_docs() {
    docs_config | diff -u "$ROOT/docs/config.md" - || die "docs/config.md is old: ./dev docs makes it anew"
}

verb_docs() {
    packages_install "${PACKAGES_BUILD[@]}"
    build_preset gcc kibray-gateway kibray-broker
    docs_config >"$ROOT/docs/config.md.new"
    mv "$ROOT/docs/config.md.new" "$ROOT/docs/config.md"
}

check_tidy() {
    c_files | grep '\.c$' | grep -v '/tests/' |
        xargs -r -P "$(nproc)" -n 4 clang-tidy --quiet -p "$ROOT/build-clang" \
            --config-file="$ROOT/tools/dev/clang-tidy.yml" 2>/dev/null
}

verb_check() {
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_CHECK[@]}" "${PACKAGES_CLANG[@]}"
    check format check_format
    check spelling check_spelling
    check shell check_shell
    check layers check_layers
    check headers check_headers
    check budgets "$ROOT/tools/dev/check-budgets"
    check gcc check_build gcc
    check clang check_build clang
    check docs check_docs
    check tidy check_tidy
    if ((${#FAILED_CHECKS[@]})); then
        die "failed: ${FAILED_CHECKS[*]}"
    fi
    step "All checks passed"
}
