# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The verbs kill, start and logs: one part of a system.
need process postgres

parts_require() {
    [ -n "${1:-}" ] || die "which part? $(part_list | tr '\n' ' ')"
    if ! [[ $1 =~ ^[a-z]+[0-9]*$ ]] || ! part_exists "$1"; then
        die "no part $1; there are: $(part_list | tr '\n' ' ')"
    fi
}

verb_kill() {
    parts_require "$@"
    part_runs "$1" || die "$1 does not run"
    part_signal "$1" KILL
    if [ "$1" = postgres ]; then
        postgres_clear_leftovers "$(postgres_home)/data"
    fi
    wait_until 10 part_gone "$1" || die "$1 does not die"
}

# Returns at once: the part becomes ready in its own time.
verb_start() {
    parts_require "$@"
    if part_runs "$1"; then
        die "$1 runs already"
    fi
    if [ "$1" = postgres ]; then
        postgres_clear_leftovers "$(postgres_home)/data"
    fi
    part_spawn "$1"
}

verb_logs() {
    local part
    local -a follow=() files=()
    if [ "${1:-}" = -f ]; then
        follow=(-F)
        shift
    fi
    if (($#)); then
        parts_require "$@"
        files=("$LOG/$1.log")
    else
        for part in $(part_list); do
            files+=("$LOG/$part.log")
        done
    fi
    ((${#files[@]})) || die "no system was started in $KIBRAY_VAR"
    tail -n +1 "${follow[@]}" -- "${files[@]}"
}
