# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034  # used by the files that load this one
# The TCP ports of a system, all derived from that of its first gateway. Looked up in /proc: a
# second gateway could bind a taken port by SO_REUSEPORT without an error.

readonly GATEWAYS_MAX=50 BROKERS_MAX=30
readonly METRICS_OFFSET=100 BROKER_METRICS_OFFSET=150 REDIS_OFFSET=180 POSTGRES_OFFSET=190

# port_taken PORT: does somebody listen on it, on any address?
port_taken() {
    local hex
    printf -v hex ':%04X' "$1"
    awk -v port="$hex" 'BEGIN { status = 1 }
        $4 == "0A" && substr($2, length($2) - 4) == port { status = 0 }
        END { exit status }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# port_require PORT PART: ends the script with a clear message when it is taken.
port_require() {
    if port_taken "$1"; then
        die "port $1 for $2 is taken; choose others with --port"
    fi
}
