# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Brokers and gateways: what of their environment is particular to each of them.
need process ports

# daemon_name KIND INDEX: gateway, gateway2, …
daemon_name() {
    if (($2 == 0)); then
        printf '%s\n' "$1"
    else
        printf '%s%s\n' "$1" $(($2 + 1))
    fi
}

metrics_port() {
    case $1 in
    gateway) printf '%s\n' $((PORT + METRICS_OFFSET + $2)) ;;
    broker) printf '%s\n' $((PORT + BROKER_METRICS_OFFSET + $2)) ;;
    esac
}

# daemon_up KIND INDEX: define and start one; it is not waited for.
daemon_up() {
    local kind=$1 index=$2 name metrics
    name=$(daemon_name "$kind" "$index")
    metrics=$(metrics_port "$kind" "$index")
    (
        export METRICS_PORT=$metrics
        case $kind in
        gateway)
            export PORT=$((PORT + index)) GATEWAY_NAME=$name
            part_define "$name" "$BUILD/bin/kibray-gateway"
            ;;
        broker)
            unset PORT
            export BROKER_NAME=$name
            part_define "$name" "$BUILD/bin/kibray-broker" serve
            ;;
        esac
    )
    part_spawn "$name"
}

# daemon_ready KIND INDEX: its own word on it.
daemon_ready() {
    curl -fsS -m 2 -o /dev/null "http://127.0.0.1:$(metrics_port "$1" "$2")/readyz" 2>/dev/null
}

daemon_settled() {
    daemon_ready "$1" "$2" || part_gone "$(daemon_name "$1" "$2")"
}

daemon_await() {
    local name
    name=$(daemon_name "$1" "$2")
    if ! wait_until 60 daemon_settled "$1" "$2" || part_gone "$name"; then
        part_explain "$name"
        return 1
    fi
}
