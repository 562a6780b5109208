# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034  # used by the files that load this one
# Messages, paths and small helpers that every verb uses.

KIBRAY_VAR=$(realpath -m -- "${KIBRAY_VAR:-$ROOT/var}")
BUILD=$(realpath -m -- "${KIBRAY_BUILD:-$ROOT/build}")
RUN=$KIBRAY_VAR/run
LOG=$KIBRAY_VAR/log
readonly KIBRAY_VAR BUILD RUN LOG

if [ -t 1 ]; then
    BOLD=$(printf '\033[1m') PLAIN=$(printf '\033[0m')
else
    BOLD='' PLAIN=''
fi
readonly BOLD PLAIN

step() {
    printf '%s==> %s%s\n' "$BOLD" "$*" "$PLAIN"
}

warn() {
    printf 'dev: %s\n' "$*" >&2
}

die() {
    warn "$@"
    exit 1
}

# need FILE…: load other files of tools/dev/, each once.
declare -A LOADED=()
need() {
    local name
    for name in "$@"; do
        if [ -z "${LOADED[$name]:-}" ]; then
            LOADED[$name]=1
            # shellcheck source=/dev/null
            . "$ROOT/tools/dev/$name.sh"
        fi
    done
}

# is_count WORD MIN MAX: is it a decimal number between both?
is_count() {
    [[ $1 =~ ^[0-9]{1,6}$ ]] && ((10#$1 >= $2 && 10#$1 <= $3))
}

# wait_until SECONDS COMMAND…: poll a condition; fails when it did not become true in time.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# secret_file NAME: a secret that is made once and kept in KIBRAY_VAR.
secret_file() {
    local path=$KIBRAY_VAR/$1
    if [ ! -s "$path" ]; then
        (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$path.new" && mv "$path.new" "$path")
    fi
    cat "$path"
}
