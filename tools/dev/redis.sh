# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The private Redis: append-only file synced every second, nothing evicted, on TCP 127.0.0.1 for
# people and on a Unix socket for the daemons.
need process ports

readonly REDIS_DIR=$KIBRAY_VAR/redis
readonly SOCKET_PATH_MAX=107        # of struct sockaddr_un

redis_socket_path() {
    printf '%s\n' "$REDIS_DIR/redis.sock"
}

redis_has_socket() {
    local path
    path=$(redis_socket_path)
    # The URL of the daemons takes the path as it is: without what would need escaping.
    [[ $path =~ ^[A-Za-z0-9/._+,~-]+$ ]] && ((${#path} <= SOCKET_PATH_MAX))
}

# redis_daemon_url PORT: how gateways and brokers reach it.
redis_daemon_url() {
    if redis_has_socket; then
        printf 'unix://%s\n' "$(redis_socket_path)"
    else
        printf 'redis://127.0.0.1:%s/0\n' "$1"
    fi
}

redis_write_conf() {
    mkdir -p "$REDIS_DIR"
    chmod 700 "$REDIS_DIR"
    {
        printf 'bind 127.0.0.1\nport %s\n' "$1"
        if redis_has_socket; then
            printf 'unixsocket "%s"\nunixsocketperm 700\n' "$(redis_socket_path)"
        fi
        printf 'dir "%s"\n' "$REDIS_DIR"
        printf 'daemonize no\nsave ""\nappendonly yes\nappendfsync everysec\n'
        printf 'maxmemory-policy noeviction\n'
    } >"$REDIS_DIR/redis.conf"
}

redis_answers() {
    [ "$(redis-cli -h 127.0.0.1 -p "$1" ping 2>/dev/null)" = PONG ]
}

redis_up() {
    step "Starting redis on 127.0.0.1:$1"
    redis_write_conf "$1"
    part_define redis "$(command -v redis-server)" "$REDIS_DIR/redis.conf"
    part_spawn redis
    if ! wait_until 60 redis_answers "$1" || ! part_runs redis; then
        part_explain redis
        return 1
    fi
}
