# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The verb check: everything about the sources that needs no running system.
need packages build text

CHECKS_FAILED=()

check() {
    local name=$1
    shift
    step "Check $name"
    if ! ("$@"); then
        CHECKS_FAILED+=("$name")
        warn "check $name failed"
    fi
}

check_format() {
    cd "$ROOT" && text_c_files | xargs clang-format --dry-run -Werror
}

check_spelling() {
    # Words of the trade, and of tests that misspell on purpose.
    cd "$ROOT" && git ls-files -- ':!tests/data' ':!tests/fuzz/corpus' ':!tests/fuzz/repro' ':!*.json' |
        xargs codespell --quiet-level=3 --ignore-words-list=ser,te,ot,nd,ro,daa,hel,ba,fo,inflight,scrip,shttp
}

check_shell() {
    cd "$ROOT" && text_shell_files | xargs shellcheck -x
}

# Each header must compile alone.
check_headers() {
    local header
    cd "$ROOT" || return 1
    git ls-files -- 'common/*.h' 'proto/*.h' 'gateway/*.h' 'broker/*.h' | while read -r header; do
        printf '#include "%s"\n' "$header" |
            gcc -std=gnu11 -D_GNU_SOURCE -I. -I/usr/include/postgresql -Wall -Wextra -Wno-unused-function \
                -Werror -fsyntax-only -x c - || exit 1
    done
}

# docs/config.md is made from the settings tables.
check_docs() {
    local fresh
    fresh=$(mktemp)
    docs_config >"$fresh"
    if ! diff -u "$ROOT/docs/config.md" "$fresh"; then
        warn "docs/config.md is old: ./dev docs makes it anew"
        rm -f -- "$fresh"
        return 1
    fi
    rm -f -- "$fresh"
}

docs_config() {
    local bin
    bin=$(build_folder gcc)/bin
    printf '# Settings\n\nEvery setting comes from a flag, else from the environment, else from its default.\n'
    printf 'Made from the settings tables by ./dev docs.\n\n## kibray-gateway\n\n'
    "$bin/kibray-gateway" --config-markdown
    printf '\n## kibray-broker\n\n'
    "$bin/kibray-broker" --config-markdown
}

verb_docs() {
    packages_install "${PACKAGES_BUILD[@]}"
    build_preset gcc kibray-gateway kibray-broker
    docs_config >"$ROOT/docs/config.md"
}

check_build() {
    build_preset "$1"
}

verb_check() {
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_CHECK[@]}" "${PACKAGES_CLANG[@]}"
    check format check_format
    check spelling check_spelling
    check shell check_shell
    check layers "$ROOT/tools/dev/check-layers"
    check headers check_headers
    check gcc check_build gcc
    check clang check_build clang
    check docs check_docs
    if ((${#CHECKS_FAILED[@]})); then
        die "failed: ${CHECKS_FAILED[*]}"
    fi
    step "All checks passed"
}
