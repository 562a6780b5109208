# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The verb status: for people a table, for programs one JSON object.
need system

# pids_json KIND: [pid…] of the parts of a kind that run.
status_pids() {
    local part
    part_list | grep -E "^$1[0-9]*\$" | while read -r part; do
        part_pid "$part" || true
    done | jq -cs .
}

status_pid() {
    part_pid "$1" || printf 'null\n'
}

# The demo's people and all channels, as the database has them. null when it does not answer.
status_directory() {
    local names
    names=$(printf "'%s'," "${DEMO_USERS[@]}")
    PGCONNECT_TIMEOUT=2 "$(postgres_bin)/psql" --no-psqlrc -qXAt -v ON_ERROR_STOP=1 -d "$DATABASE_URL" 2>/dev/null <<SQL ||
SELECT json_build_object(
    'users', (SELECT coalesce(json_agg(json_build_object('username', username,
            'password', username || '-password', 'id', id, 'is_staff', is_staff) ORDER BY id), '[]')
        FROM auth_user WHERE username IN (${names%,})),
    'channels', (SELECT coalesce(json_agg(json_build_object('id', c.id, 'name', c.name,
            'is_private', c.is_private, 'members', (SELECT coalesce(json_agg(m.user_id ORDER BY
                m.user_id), '[]') FROM chat_membership m WHERE m.channel_id = c.id)) ORDER BY c.id), '[]')
        FROM (SELECT * FROM chat_channel ORDER BY id LIMIT 1000) c));
SQL
        printf '{"users":[],"channels":[]}\n'
}

# status_urls SCHEME BASE COUNT SUFFIX: "SCHEME://127.0.0.1:<port><suffix>", one a line
status_urls() {
    local i
    for ((i = 0; i < $3; i++)); do
        printf '%s://127.0.0.1:%s%s\n' "$1" $(($2 + i)) "$4"
    done
}

status_json() {
    local metrics
    metrics=$(status_urls http $((PORT + METRICS_OFFSET)) "$GATEWAYS" /metrics
        status_urls http $((PORT + BROKER_METRICS_OFFSET)) "$BROKERS" /metrics)
    SECRET_KEY=$SECRET_KEY SERVICE_KEY=$SERVICE_KEY DATABASE_URL=$DATABASE_URL \
        REDIS_URL=$PUBLIC_REDIS_URL jq -cn \
        --argjson urls "$(status_urls "$SCHEME" "$PORT" "$GATEWAYS" '' | jq -R . | jq -cs .)" \
        --argjson metrics "$(jq -R . <<<"$metrics" | jq -cs .)" \
        --argjson gateways "$(status_pids gateway)" --argjson brokers "$(status_pids broker)" \
        --argjson redis "$(status_pid redis)" --argjson postgres "$(status_pid postgres)" \
        --argjson directory "$(status_directory)" \
        '{url: $urls[0], ws_url: ($urls[0] | sub("^http"; "ws")), urls: $urls, metrics: $metrics,
          redis_url: env.REDIS_URL, database_url: env.DATABASE_URL,
          secret_key: env.SECRET_KEY, service_key: env.SERVICE_KEY,
          pids: {gateway: $gateways, broker: $brokers, redis: $redis, postgres: $postgres}}
         + $directory'
}

status_table() {
    local part pid
    printf '%s://127.0.0.1:%s/  (%s)\n' "$SCHEME" "$PORT" "$KIBRAY_VAR"
    for part in $(part_list); do
        if pid=$(part_pid "$part"); then
            printf '%-12s running, pid %s\n' "$part" "$pid"
        else
            printf '%-12s down\n' "$part"
        fi
    done
}

verb_status() {
    if ! system_load; then
        die "no system was started in $KIBRAY_VAR"
    fi
    case ${1:-} in
    --json) status_json ;;
    '') status_table ;;
    *) die "status: unknown option $1" ;;
    esac
}
