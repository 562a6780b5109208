# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The verbs test, unit, it, web, e2e and asan: which suites run against which build.
need packages build web process ports redis postgres

FAILED_SUITES=()

# suite NAME COMMAND…: run it to its end and remember whether it failed.
suite() {
    local name=$1
    shift
    step "Suite $name"
    # In a shell of its own, so that nothing it sets or ends with reaches the next suite.
    if ! ("$@"); then
        FAILED_SUITES+=("$name")
        warn "suite $name failed"
    fi
}

suites_conclude() {
    if ((${#FAILED_SUITES[@]})); then
        die "failed: ${FAILED_SUITES[*]}"
    fi
    step "All suites passed"
}

# suite_ctest FOLDER LABELS: LABELS is a regular expression.
suite_ctest() {
    ctest --test-dir "$1" -L "$2" --output-on-failure --no-tests=error -j "$(nproc)"
}

suite_unit() {
    suite_ctest "$(build_folder "$1")" '^(unit|scenario|fuzz)$'
}

# free_port_base SPAN: a port from which on so many are free, below those that the kernel gives
# to outgoing connections.
free_port_base() {
    local base i
    for ((i = 0; i < 200; i++)); do
        base=$((12000 + RANDOM % 90 * 220))
        if ports_free "$base" "$1"; then
            printf '%s\n' "$base"
            return
        fi
    done
    die "found no $1 free ports"
}

ports_free() {
    local port
    for ((port = $1; port < $1 + $2; port++)); do
        if port_taken "$port"; then
            return 1
        fi
    done
}

stores_down() {
    part_stop redis TERM 20
    part_stop postgres INT 30
}

# The integration tests get a Redis and a database of their own, both empty.
suite_it() {
    local folder port
    folder=$(build_folder "$1")
    mkdir -p "$RUN" "$LOG"
    port=$(free_port_base 2)
    trap 'stores_down; rm -rf -- "$KIBRAY_VAR"' EXIT
    trap 'exit 130' INT TERM HUP
    postgres_up "$port" || exit 1
    redis_up $((port + 1)) || exit 1
    export KIBRAY_TEST_REDIS_URL=redis://127.0.0.1:$((port + 1))/0
    export KIBRAY_TEST_DATABASE_URL
    KIBRAY_TEST_DATABASE_URL=$(postgres_url "$port")
    ctest --test-dir "$folder" -L '^it$' --output-on-failure --no-tests=error
}

# suite_it works in KIBRAY_VAR: in a process whose KIBRAY_VAR is a temporary folder.
suite_it_apart() {
    local folder
    e2e_prepare || return 1     # the S3 server
    folder=$(mktemp -d /tmp/kibray-it-XXXXXX)
    chmod 755 "$folder"     # PostgreSQL's user has to get through
    env KIBRAY_VAR="$folder" "$ROOT/dev" it --here "$1"
}

e2e_prepare() {
    if ! cmp -s "$ROOT/tests/e2e/package-lock.json" "$ROOT/tests/e2e/node_modules/.installed"; then
        step "Installing the test clients"
        (cd "$ROOT/tests/e2e" && npm ci --no-audit --no-fund --loglevel=error) || return 1
        cp "$ROOT/tests/e2e/package-lock.json" "$ROOT/tests/e2e/node_modules/.installed"
    fi
}

# The client library, the hooks and the application, by themselves.
suite_web() {
    web_build || return 1
    (cd "$ROOT/web" && npm run --silent typecheck && npm test --silent)
}

# Twice what it takes. E2E_SECONDS replaces it where systems start more slowly.
readonly E2E_SECONDS_MAX=2400

# Each file starts a system of its own; one after the other, because they measure time.
suite_e2e() {
    e2e_prepare || return 1
    web_build || return 1
    timeout --kill-after=10 "${E2E_SECONDS:-$E2E_SECONDS_MAX}" \
        env -u REDIS_URL -u DATABASE_URL -u KIBRAY_VAR node --test --test-concurrency=1 \
        --test-reporter=spec "$@"
}

suites_packages() {
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}"
}

e2e_packages() {
    packages_install "${PACKAGES_E2E[@]}"
    packages_install_node
}

verb_unit() {
    suites_packages
    build_preset dev
    suite unit suite_unit dev
    suites_conclude
}

verb_it() {
    if [ "${1:-}" = --here ]; then
        suite_it "$2"
        return
    fi
    suites_packages
    packages_install_node
    build_preset dev
    suite integration suite_it_apart dev
    suites_conclude
}

verb_web() {
    packages_install_node
    suite web suite_web
    suites_conclude
}

verb_e2e() {
    local -a files=("$@")
    ((${#files[@]})) || files=("$ROOT"/tests/e2e/*.test.mjs)
    suites_packages
    e2e_packages
    if [ -z "${KIBRAY_BUILD:-}" ]; then
        build_preset dev
    fi
    suite end-to-end suite_e2e "${files[@]}"
    suites_conclude
}

verb_test() {
    suites_packages
    e2e_packages
    build_preset dev
    suite unit suite_unit dev
    suite web suite_web
    suite integration suite_it_apart dev
    suite end-to-end suite_e2e "$ROOT"/tests/e2e/*.test.mjs
    suites_conclude
}

# The sanitizers end a process at the first finding; the tests' systems look into the daemons'
# logs for one when they stop (tests/e2e/lib/system.mjs).
readonly ASAN_E2E=(access chat handshake limits tokens api ws_port ops push push_gone notifications status
    upload tls usage)

verb_asan() {
    local name
    local -a files=()
    suites_packages
    e2e_packages
    build_preset asan
    export ASAN_OPTIONS=detect_stack_use_after_return=1
    export UBSAN_OPTIONS=print_stacktrace=1
    for name in "${ASAN_E2E[@]}"; do
        if [ -f "$ROOT/tests/e2e/$name.test.mjs" ]; then
            files+=("$ROOT/tests/e2e/$name.test.mjs")
        fi
    done
    suite unit suite_unit asan
    suite integration suite_it_apart asan
    KIBRAY_BUILD=$(build_folder asan)
    WS_ECHO_SERVER=$KIBRAY_BUILD/bin/ws_echo_server
    export KIBRAY_BUILD WS_ECHO_SERVER
    suite end-to-end suite_e2e "${files[@]}"
    suites_conclude
}
