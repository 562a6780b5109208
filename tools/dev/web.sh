# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Building the web application: web/dist, with everything that compresses compressed beside it.

readonly WEB_NODE_MAJOR_MIN=18
readonly WEB_SECONDS_MAX=600

# Our own files that the build depends on, in a fixed order.
web_sources() {
    (cd "$ROOT/web" && find . \( -name node_modules -o -name dist \) -prune -o -type f -print0 | sort -z)
}

web_fingerprint() {
    (cd "$ROOT/web" && web_sources | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1)
}

web_has_node() {
    local major
    command -v node >/dev/null && command -v npm >/dev/null || return 1
    major=$(node -p 'process.versions.node.split(".")[0]')
    ((major >= WEB_NODE_MAJOR_MIN))
}

# web_build: make web/dist if its sources have changed. Without Node there is no application, and
# everything else works; it is no failure.
web_build() {
    local stamp=$ROOT/web/dist/.built want
    if ! web_has_node; then
        warn "no Node $WEB_NODE_MAJOR_MIN or newer: the web application is not built"
        return 0
    fi
    want=$(web_fingerprint)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
        return 0
    fi
    step "Building the web application"
    (
        cd "$ROOT/web" || exit 1
        if ! cmp -s package-lock.json node_modules/.installed; then
            timeout "$WEB_SECONDS_MAX" npm ci --no-audit --no-fund --loglevel=error || exit 1
            cp package-lock.json node_modules/.installed
        fi
        timeout "$WEB_SECONDS_MAX" npm run --silent build >"$ROOT/web/build.log" 2>&1 || {
            tail -n 20 build.log >&2
            exit 1
        }
        rm -f build.log
    ) || return 1
    printf '%s\n' "$want" >"$stamp"
}
