# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The verb bench: a system of its own from a release build, with the limits off, under the load
# tool (with --files: what ten large uploads cost the chats beside them); every figure with the same machine's bare send() loop of the same run beside it.
need packages build

BENCH_PORT=8601
BENCH_ONLY=
BENCH_FILES=0

bench_parse() {
    while (($#)); do
        case $1 in
        --port | --only | --seconds)
            (($# >= 2)) || die "$1 needs a value"
            case $1 in
            --port) BENCH_PORT=$2 ;;
            --only) BENCH_ONLY=$2 ;;
            --seconds) BENCH_SECONDS=$2 ;;
            esac
            shift
            ;;
        --files) BENCH_FILES=1 ;;
        *) die "bench: unknown option $1 (--port N, --only NAME, --seconds N, --files)" ;;
        esac
        shift
    done
}

# In a subshell of its own so that nothing of it meets the caller's system.
bench_dev() {
    env KIBRAY_VAR="$BENCH_VAR" KIBRAY_BUILD="$ROOT/build-release" \
        WEBSOCKET_RATE_LIMIT=0 USER_RATE_LIMIT=0 CONNECTIONS_PER_USER=0 CONNECTIONS_PER_ADDRESS=0 \
        CHANNEL_AUTO_CREATE=1 LOG_LEVEL=warn "$ROOT/dev" "$@"
}

bench_end() {
    bench_dev stop >/dev/null 2>&1 || true
    rm -rf -- "$BENCH_VAR"
}

# bench_run NAME OPTION…: one run of the load tool against the system; JSON on stdout.
bench_run() {
    local name=$1
    shift
    "$ROOT/build-release/bin/kibray_load" --name "$name" --port "$BENCH_PORT" \
        --path "/ws/chat/bench-$name-%u/?token=$BENCH_TOKEN" \
        --pid "gateway=$BENCH_GATEWAY" --pid "broker=$BENCH_BROKER" --pid "redis=$BENCH_REDIS" "$@"
}

bench_bare() {
    local name=$1
    shift
    "$ROOT/build-release/bin/kibray_load" --bare --name "$name" "$@"
}

# A run of the list NAME COMMAND…, unless --only asks for another.
bench_case() {
    local name=$1
    shift
    if [ -z "$BENCH_ONLY" ] || [[ $name == "$BENCH_ONLY"* ]]; then
        step "$name"
        "$@" | tee -a "$BENCH_VAR/results.jsonl"
        sleep 1 # the sockets of one run are gone before the next begins
    fi
}

bench_table() {
    jq -rs '
        def r2: (. * 100 | round) / 100;
        (map(select(.name == "bare-1000"))[0].sender.cpu_us_per_frame) as $bare |
        (["run", "sockets", "sent/s", "delivered/s", "p50 ms", "p99 ms", "gateway µs/frame",
          "ratio to bare send()", "broker µs/msg", "connects/s", "gateway KiB/socket"]),
        (.[] | [.name, .sockets, (.sent_per_s // "-"), (.delivered_per_s // "-"),
          (.p50_ms // "-"), (.p99_ms // "-"),
          ((.gateway.cpu_us_per_frame // .sender.cpu_us_per_frame // 0) | r2),
          (if $bare and (.delivered_per_s // 0) > 0
           then ((.gateway.cpu_us_per_frame // .sender.cpu_us_per_frame) / $bare | r2) else "-" end),
          (.broker.cpu_us_per_message // "-"), (.connects_per_s // "-"),
          (if .name == "idle" then (.gateway.rss_growth_kib / .sockets | r2) else "-" end)])
        | @tsv' "$BENCH_VAR/results.jsonl" |
        awk -F'\t' '{ for (i = 1; i <= NF; i++) printf(i == 1 ? "%-17s" : "%22s", $i); print "" }'
}

verb_bench() {
    local status
    bench_parse "$@"
    local seconds=${BENCH_SECONDS:-5}
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}"
    build_preset release
    if ((BENCH_FILES)); then
        need suites
        e2e_packages
        e2e_prepare
        KIBRAY_BUILD="$ROOT/build-release" node "$ROOT/tests/bench/files_load.mjs"
        return
    fi
    BENCH_VAR=$(mktemp -d /tmp/kibray-bench.XXXXXX)
    chmod 755 "$BENCH_VAR"
    trap bench_end EXIT
    bench_dev run --port "$BENCH_PORT" --detach
    status=$(bench_dev status --json)
    BENCH_GATEWAY=$(jq '.pids.gateway[0]' <<<"$status")
    BENCH_BROKER=$(jq '.pids.broker[0]' <<<"$status")
    BENCH_REDIS=$(jq '.pids.redis' <<<"$status")
    BENCH_TOKEN=$(curl -fsS "http://127.0.0.1:$BENCH_PORT/api/token/" \
        -H 'Content-Type: application/json' \
        -d '{"username":"alice","password":"alice-password"}' | jq -r .access)
    : >"$BENCH_VAR/results.jsonl"
    # Memory first: later runs leave warm buffers behind that would hide the growth.
    bench_case idle bench_run idle --idle --rooms 80 --members 100
    bench_case bare-1000 bench_bare bare-1000 --members 1000 --seconds "$seconds"
    # At a hundred messages a second every hop first wakes a sleeping processor.
    bench_case sparse bench_run sparse --rooms 1 --members 2 --rate 100 --seconds "$seconds"
    bench_case light bench_run light --rooms 1 --members 10 --rate 1000 --seconds "$seconds"
    bench_case rooms-of-10 bench_run rooms-of-10 --rooms 50 --members 10 --rate 2000 --seconds "$seconds"
    bench_case persist-20000 bench_run persist-20000 --rooms 50 --members 10 --rate 20000 --seconds "$seconds"
    bench_case room-of-1000-50 bench_run room-of-1000-50 --rooms 1 --members 1000 --rate 50 --seconds "$seconds"
    bench_case room-of-1000 bench_run room-of-1000 --rooms 1 --members 1000 --rate 1000 --seconds "$seconds"
    bench_case bare-1000-8 bench_bare bare-1000-8 --members 1000 --frames-per-send 8 --seconds "$seconds"
    printf '\n'
    bench_table
}
