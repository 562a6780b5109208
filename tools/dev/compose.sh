# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The verb compose-test: builds the image and tests the system of compose.yaml. The engine is
# chosen by CONTAINER_ENGINE ("docker"), COMPOSE ("docker compose") and CONTAINER_BUILD
# ("docker build"): commands, which may have several words.
need packages suites

# End-to-end files that start stores, servers or daemons of their own on this machine, or look into processes.
readonly COMPOSE_CANNOT=(backup chromium cluster django notify_survive push push_gone redis_tls runbook sentinel
    status_storm tls ws_port)

# compose_files FILE…|--all: the files that are run, a line each; without an argument those that kill containers.
compose_files() {
    local file name
    if [ "${1:-}" = --all ] && [ $# -gt 1 ]; then
        die "compose-test: --all is alone"
    elif [ "${1:-}" != --all ]; then
        printf '%s\n' "${@:-$ROOT/tests/compose/survive.test.mjs}"
        return
    fi
    for file in "$ROOT"/tests/compose/*.test.mjs "$ROOT"/tests/e2e/*.test.mjs; do
        name=$(basename -- "$file" .test.mjs)
        [[ " ${COMPOSE_CANNOT[*]} " == *" $name "* ]] || printf '%s\n' "$file"
    done
}

# A certificate for 127.0.0.1 that the test trusts, and that the containers' user may read.
compose_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2 -subj /CN=localhost \
        -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$1/tls.key" -out "$1/tls.crt" 2>/dev/null
    chmod 755 "$1"
    chmod 644 "$1/tls.key" "$1/tls.crt"
}

compose_image() {
    local -a build
    read -r -a build <<<"${CONTAINER_BUILD:-$CONTAINER_ENGINE build}"
    step "Building the image $KIBRAY_IMAGE"
    mkdir -p "$LOG"
    (cd "$ROOT" && build_quietly "$LOG/image.log" "${build[@]}" -t "$KIBRAY_IMAGE" .) || die "the image was not built"
}

verb_compose_test() {
    local list
    local -a files
    list=$(compose_files "$@") || exit 1
    mapfile -t files <<<"$list"
    packages_install openssl
    packages_install_node
    export CONTAINER_ENGINE=${CONTAINER_ENGINE:-docker} KIBRAY_IMAGE=${KIBRAY_IMAGE:-kibray:test}
    export COMPOSE=${COMPOSE:-$CONTAINER_ENGINE compose}
    if [ -z "${KIBRAY_NO_BUILD:-}" ]; then
        compose_image
    fi
    KIBRAY_TLS=$(mktemp -d /tmp/kibray-tls-XXXXXX)
    trap 'rm -rf -- "$KIBRAY_TLS"' EXIT
    compose_certificate "$KIBRAY_TLS" || die "no certificate"
    export KIBRAY_TLS NODE_EXTRA_CA_CERTS=$KIBRAY_TLS/tls.crt CURL_CA_BUNDLE=$KIBRAY_TLS/tls.crt
    export KIBRAY_E2E_START=$ROOT/tests/compose/compose_system.mjs
    E2E_SECONDS=3600 suite compose suite_e2e "${files[@]}"
    suites_conclude
}
