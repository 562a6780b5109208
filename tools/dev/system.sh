# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The verbs run and stop: one whole system, from packages to the address on the screen.
need packages build web process ports redis postgres daemons demo

SCHEME=http PORT=${PORT:-8001} GATEWAYS=1 BROKERS=1 WANT_DETACH=0 WANT_BUILD=1 FOLLOW_PID=

system_parse() {
    while (($#)); do
        case $1 in
        --port | --gateways | --brokers)
            (($# >= 2)) || die "$1 needs a number"
            case $1 in
            --port) PORT=$2 ;;
            --gateways) GATEWAYS=$2 ;;
            --brokers) BROKERS=$2 ;;
            esac
            shift
            ;;
        --detach) WANT_DETACH=1 ;;
        --no-build) WANT_BUILD=0 ;;
        *) die "run: unknown option $1" ;;
        esac
        shift
    done
    is_count "$PORT" 1 $((65535 - POSTGRES_OFFSET)) || die "no usable port: $PORT"
    is_count "$GATEWAYS" 1 "$GATEWAYS_MAX" || die "--gateways: 1 to $GATEWAYS_MAX"
    is_count "$BROKERS" 1 "$BROKERS_MAX" || die "--brokers: 1 to $BROKERS_MAX"
}

system_runs() {
    local part
    for part in $(part_list); do
        if part_runs "$part"; then
            return 0
        fi
    done
    return 1
}

# Our own servers, unless the environment names others.
system_choose_servers() {
    PRIVATE_REDIS=0 PRIVATE_POSTGRES=0
    PUBLIC_REDIS_URL=${REDIS_URL:-}
    if [ -z "${REDIS_URL:-}" ]; then
        PRIVATE_REDIS=1
        PUBLIC_REDIS_URL=redis://127.0.0.1:$((PORT + REDIS_OFFSET))/0
        export REDIS_URL
        REDIS_URL=$(redis_daemon_url $((PORT + REDIS_OFFSET)))
    fi
    if [ -z "${DATABASE_URL:-}" ]; then
        PRIVATE_POSTGRES=1
        export DATABASE_URL
        DATABASE_URL=$(postgres_url $((PORT + POSTGRES_OFFSET)))
    fi
}

system_check_ports() {
    local i
    for ((i = 0; i < GATEWAYS; i++)); do
        port_require $((PORT + i)) "$(daemon_name gateway $i)"
        port_require "$(metrics_port gateway $i)" "the metrics of $(daemon_name gateway $i)"
    done
    for ((i = 0; i < BROKERS; i++)); do
        port_require "$(metrics_port broker $i)" "the metrics of $(daemon_name broker $i)"
    done
    if ((PRIVATE_REDIS)); then
        port_require $((PORT + REDIS_OFFSET)) redis
    fi
    if ((PRIVATE_POSTGRES)); then
        port_require $((PORT + POSTGRES_OFFSET)) postgres
    fi
}

# Settings that have no default fit for development; whatever the environment says wins.
system_environment() {
    SECRET_KEY=${SECRET_KEY:-$(secret_file secret_key)}
    SERVICE_KEY=${SERVICE_KEY:-$(secret_file service_key)}
    export SECRET_KEY SERVICE_KEY
    export LISTEN_ADDRESS=${LISTEN_ADDRESS:-127.0.0.1} METRICS_ADDRESS=${METRICS_ADDRESS:-127.0.0.1}
    export ALLOWED_HOSTS=${ALLOWED_HOSTS:-localhost,127.0.0.1,[::1]}
    export SESSION_COOKIE_SECURE=${SESSION_COOKIE_SECURE:-0}    # there is no TLS here
    export STORAGE_ROOT=${STORAGE_ROOT:-$KIBRAY_VAR/media}
    if [ -z "${WEB_ROOT+set}" ] && [ -f "$ROOT/web/dist/index.html" ]; then
        export WEB_ROOT=$ROOT/web/dist
    fi
}

# What the other verbs need to know.
system_save() {
    (umask 077 && declare -p SCHEME PORT GATEWAYS BROKERS PUBLIC_REDIS_URL DATABASE_URL SECRET_KEY \
        SERVICE_KEY BUILD | sed 's/^declare -[^ ]* /declare -g /; /^declare -g BUILD=/s/BUILD/SYSTEM_BUILD/' \
        >"$RUN/system.env")
}

system_load() {
    [ -f "$RUN/system.env" ] || return 1
    # shellcheck source=/dev/null
    . "$RUN/system.env"
}

system_up() {
    local i
    if ((PRIVATE_POSTGRES)); then
        postgres_up $((PORT + POSTGRES_OFFSET)) || return 1
    fi
    if ((PRIVATE_REDIS)); then
        redis_up $((PORT + REDIS_OFFSET)) || return 1
    fi
    step "Migrating the database"
    "$BUILD/bin/kibray-broker" migrate || return 1
    demo_add || return 1
    step "Starting $BROKERS broker(s) and $GATEWAYS gateway(s)"
    for ((i = 0; i < BROKERS; i++)); do
        daemon_up broker $i
    done
    for ((i = 0; i < GATEWAYS; i++)); do
        daemon_up gateway $i
    done
    for ((i = 0; i < BROKERS; i++)); do
        daemon_await broker $i || return 1
    done
    for ((i = 0; i < GATEWAYS; i++)); do
        daemon_await gateway $i || return 1
    done
}

# Gateways first, so that they still can hand over; the stores last.
system_down() {
    local part
    for part in $(part_list | grep '^gateway'; part_list | grep '^broker'); do
        part_signal "$part" TERM
        part_signal "$part" CONT
    done
    for part in $(part_list | grep -E '^(gateway|broker)'); do
        part_stop "$part" TERM 15
    done
    if part_exists redis; then
        part_stop redis TERM 20
    fi
    if part_exists postgres; then
        part_stop postgres INT 30
    fi
}

system_address() {
    local user
    printf '\nKibray is ready at %s%s://127.0.0.1:%s/%s' "$BOLD" "$SCHEME" "$PORT" "$PLAIN"
    if ((GATEWAYS > 1)); then
        printf ' (gateways on ports %s to %s)' "$PORT" $((PORT + GATEWAYS - 1))
    fi
    printf '\nLogins:'
    for user in "${DEMO_USERS[@]}"; do
        printf '  %s / %s-password' "$user" "$user"
    done
    printf '\nData and logs are in %s\n' "$KIBRAY_VAR"
}

system_follow() {
    printf 'Ctrl-C stops everything. The daemons say:\n'
    tail -q -n 0 -F -- "$LOG"/broker*.log "$LOG"/gateway*.log &
    FOLLOW_PID=$!
    # Returns when a signal comes (the trap ends the script).
    wait "$FOLLOW_PID"
}

# The trap of a run in the foreground, and of one that has not become ready.
system_end() {
    trap - EXIT
    trap '' INT TERM HUP
    step "Stopping"
    system_down
    if [ -n "$FOLLOW_PID" ]; then
        kill "$FOLLOW_PID" 2>/dev/null || true      # Ctrl-C reaches it too, a plain kill does not
    fi
    exit "$1"
}

verb_run() {
    system_parse "$@"
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}"
    if ((WANT_BUILD)) && [ -z "${KIBRAY_BUILD:-}" ]; then
        build_preset dev kibray-gateway kibray-broker
        packages_install_node
        web_build || warn "the web application could not be built; everything else works"
    fi
    mkdir -p "$RUN" "$LOG"
    exec 9>"$RUN/lock"
    flock -n 9 || die "another dev command is at work in $KIBRAY_VAR"
    if system_runs; then
        die "a system runs in $KIBRAY_VAR already: ./dev stop, or choose another KIBRAY_VAR"
    fi
    system_choose_servers
    system_check_ports
    rm -f -- "$RUN"/*.argv "$RUN"/*.env "$RUN"/*.pid
    system_environment
    if [ -n "${TLS_CERT:-}" ]; then
        SCHEME=https
    fi
    system_save
    trap 'system_end 1' EXIT
    trap 'system_end 0' INT TERM HUP
    system_up || exit 1
    exec 9>&-
    system_address
    if ((WANT_DETACH)); then
        trap - EXIT INT TERM HUP
        printf './dev stop ends it.\n'
        return
    fi
    system_follow
}

verb_stop() {
    if ! system_runs; then
        printf 'Nothing runs in %s.\n' "$KIBRAY_VAR"
        return
    fi
    exec 9>"$RUN/lock"
    flock -w 120 9 || die "another dev command is at work in $KIBRAY_VAR"
    step "Stopping"
    system_down
}
