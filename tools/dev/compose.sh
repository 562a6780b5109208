# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The verb compose-test: builds the image and tests the system of compose.yaml. The engine is
# chosen by CONTAINER_ENGINE ("docker"), COMPOSE ("docker compose") and CONTAINER_BUILD
# ("docker build"): commands, which may have several words.
need packages suites

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
    local -a files=("$@")
    ((${#files[@]})) || files=("$ROOT"/tests/compose/*.test.mjs)
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
    suite compose suite_e2e "${files[@]}"
    suites_conclude
}
