# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The verb monitoring-check: alert rules and their tests by promtool; then whether what monitoring/ and
# docs/metrics.md name is what the daemons of a running system really render.
need packages build process ports suites

monitoring_promtool() {
    (cd "$ROOT/monitoring" && promtool check config prometheus.yaml && promtool test rules alerts_test.yaml) &&
        monitoring_dashboard
}

# Are the dashboard's expressions PromQL? promtool reads them as if they were rules.
monitoring_dashboard() {
    local file status=0
    file=$(mktemp /tmp/kibray-dashboard.XXXXXX)
    jq '[.panels[].targets[]?.expr | gsub("\\$__rate_interval"; "5m")] | to_entries |
        {groups: [{name: "dashboard", rules: map({record: "expression:\(.key)", expr: .value})}]}' \
        "$ROOT/monitoring/grafana.json" >"$file"
    promtool check rules "$file" || status=1
    rm -f -- "$file"
    return "$status"
}

monitoring_end() {
    env KIBRAY_VAR="$MONITORING_VAR" "$ROOT/dev" stop >/dev/null 2>&1 || true
    rm -rf -- "$MONITORING_VAR"
}

# One file comes in, because that metric begins with the first upload.
monitoring_upload() {
    local url=http://127.0.0.1:$1 channel token
    channel=$(env KIBRAY_VAR="$MONITORING_VAR" "$ROOT/dev" status --json | jq '.channels[0].id')
    token=$(curl -fsS "$url/api/token/" -H 'Content-Type: application/json' \
        -d '{"username":"alice","password":"alice-password"}' | jq -r .access)
    curl -fsS -o /dev/null -H "Authorization: Bearer $token" -H 'Content-Type: text/plain' \
        --data-binary 'seen by all' "$url/api/uploads/?channel_id=$channel&file_name=note.txt"
}

monitoring_live() {
    local port
    port=$(free_port_base 200)
    MONITORING_VAR=$(mktemp -d /tmp/kibray-monitoring.XXXXXX)
    chmod 755 "$MONITORING_VAR"     # PostgreSQL's user has to get through
    trap monitoring_end EXIT
    env -u REDIS_URL -u DATABASE_URL KIBRAY_VAR="$MONITORING_VAR" KIBRAY_BUILD="$BUILD" \
        "$ROOT/dev" run --detach --no-build --port "$port" >"$MONITORING_VAR/run.log" 2>&1 || {
        cat "$MONITORING_VAR/run.log" >&2
        return 1
    }
    monitoring_upload "$port" || return 1
    curl -fsS "http://127.0.0.1:$((port + METRICS_OFFSET))/metrics" >"$MONITORING_VAR/gateway.txt" &&
        curl -fsS "http://127.0.0.1:$((port + BROKER_METRICS_OFFSET))/metrics" >"$MONITORING_VAR/broker.txt" &&
        "$ROOT/tools/dev/check-monitoring" "$MONITORING_VAR/gateway.txt" "$MONITORING_VAR/broker.txt"
}

verb_monitoring_check() {
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" "${PACKAGES_MONITORING[@]}"
    if [ -z "${KIBRAY_BUILD:-}" ]; then
        build_preset dev
    fi
    suite alerts monitoring_promtool
    suite metrics monitoring_live
    suites_conclude
}
