#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run once by compose.yaml: the tables, and the same demo as ./dev run has.
set -euo pipefail
export LC_ALL=C.UTF-8

step() {
    printf '%s\n' "$*"
}

warn() {
    printf '%s\n' "$*" >&2
}

kibray-broker migrate
if [ "${KIBRAY_DEMO:-1}" = 1 ]; then
    # shellcheck disable=SC2034  # used by what is loaded
    BUILD=/usr LOG=/tmp
    # shellcheck source=tools/dev/demo.sh
    . /setup-demo.sh
    demo_add
fi
