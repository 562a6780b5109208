# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The private PostgreSQL: durable (fsync and synchronous_commit on), TCP on 127.0.0.1 with a
# password, and a Unix socket without one in a folder that only its owner may enter. Started as
# root it runs as the package's user "postgres".
need process ports

readonly POSTGRES_LINK=$KIBRAY_VAR/postgres     # the folder, or a link to where it had to go
readonly POSTGRES_SOCKET_MAX=$((107 - 16))      # less "/.s.PGSQL.65535"

POSTGRES_AS=()
if [ "$(id -u)" -eq 0 ]; then
    POSTGRES_AS=(setpriv --reuid=postgres --regid=postgres --init-groups --)
fi
readonly POSTGRES_AS

postgres_home() {
    realpath -- "$POSTGRES_LINK"
}

# The programs of the version that made the data, or else the newest.
postgres_bin() {
    local version='*' data=$POSTGRES_LINK/data
    if [ -s "$data/PG_VERSION" ]; then
        version=$(cat "$data/PG_VERSION")
    fi
    # shellcheck disable=SC2086  # the star is meant
    printf '%s\n' /usr/lib/postgresql/$version/bin/postgres | sort -V | tail -n 1 | xargs dirname
}

postgres_psql() {
    "$(postgres_bin)/psql" --no-psqlrc -qXAt -v ON_ERROR_STOP=1 -h "$(postgres_home)" -p "$1" \
        -U postgres "${@:2}"
}

# May the server's user get there, and is the path short enough for a socket?
postgres_can_use() {
    "${POSTGRES_AS[@]}" test -w "$1" -a -x "$1" && ((${#1} <= POSTGRES_SOCKET_MAX))
}

postgres_own() {
    chmod 700 "$1"
    if [ "$(id -u)" -eq 0 ]; then
        chown postgres:postgres "$1"
    fi
}

postgres_make_home() {
    local place
    if [ -d "$POSTGRES_LINK" ]; then
        return
    fi
    rm -f -- "$POSTGRES_LINK"       # a link whose target was removed
    mkdir -p "$POSTGRES_LINK"
    postgres_own "$POSTGRES_LINK"
    if ! postgres_can_use "$(postgres_home)"; then
        rmdir "$POSTGRES_LINK"
        place=$(mktemp -d /var/tmp/kibray-XXXXXX)
        postgres_own "$place"
        ln -s "$place" "$POSTGRES_LINK"
        warn "PostgreSQL cannot use $POSTGRES_LINK (path too long, or closed to its user): it is in $place"
    fi
}

postgres_init() {
    local home=$1 bin=$2
    if [ -s "$home/data/PG_VERSION" ]; then
        return
    fi
    step "Creating the database cluster"
    # Made beside its place and moved, so that an interrupted one is never taken for whole.
    rm -rf -- "$home/data.new"
    if ! (cd / && "${POSTGRES_AS[@]}" "$bin/initdb" -D "$home/data.new" -U postgres -E UTF8 \
        --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256) >"$LOG/initdb.log" 2>&1; then
        cat "$LOG/initdb.log" >&2
        return 1
    fi
    mv "$home/data.new" "$home/data"
}

# What a killed postmaster leaves: backends that hold its shared memory, and lock files whose pid
# may be somebody else's by now. Only processes that live in this data folder are ended.
postgres_clear_leftovers() {
    local data=$1 entry
    for entry in /proc/[0-9]*; do
        if [ "$(readlink "$entry/cwd" 2>/dev/null)" = "$data" ] &&
            [ "$(basename -- "$(readlink "$entry/exe" 2>/dev/null)")" = postgres ]; then
            kill -KILL "${entry#/proc/}" 2>/dev/null || true
        fi
    done
    rm -f -- "$data/postmaster.pid" "${data%/data}"/.s.PGSQL.*
}

postgres_answers() {
    "$(postgres_bin)/pg_isready" -q -t 1 -U postgres -h "$(postgres_home)" -p "$1"
}

# Idempotent: the role takes the password that lies in KIBRAY_VAR now.
postgres_make_database() {
    postgres_psql "$1" -d postgres <<SQL
SELECT 'CREATE ROLE kibray LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'kibray') \gexec
ALTER ROLE kibray PASSWORD '$(secret_file postgres_password)';
SELECT 'CREATE DATABASE kibray OWNER kibray'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'kibray') \gexec
GRANT pg_read_all_stats TO kibray;
\connect kibray
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
SQL
}

postgres_url() {
    printf 'postgresql://kibray:%s@127.0.0.1:%s/kibray\n' "$(secret_file postgres_password)" "$1"
}

postgres_up() {
    local port=$1 home bin
    postgres_make_home
    home=$(postgres_home)
    bin=$(postgres_bin)
    postgres_init "$home" "$bin" || return 1
    step "Starting postgres on 127.0.0.1:$port"
    postgres_clear_leftovers "$home/data"
    part_define postgres "${POSTGRES_AS[@]}" "$bin/postgres" -D "$home/data" -p "$port" \
        -k "$home" -c listen_addresses=127.0.0.1 -c shared_buffers=128MB -c fsync=on \
        -c synchronous_commit=on -c logging_collector=off \
        -c shared_preload_libraries=pg_stat_statements
    part_spawn postgres
    if ! wait_until 60 postgres_answers "$port" || ! part_runs postgres; then
        part_explain postgres
        return 1
    fi
    postgres_make_database "$port"
}
