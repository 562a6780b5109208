# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The processes of a system. A part is defined by what is saved under run/: PART.argv and PART.env
# (NUL-separated), and PART.pid: "pid start-time boot-id", which names one process for good, so
# that a number that the kernel gave to somebody else is never signalled.

# process_stamp PID: what PART.pid holds; fails when there is no such process, or only a zombie.
# A killed process whose first thread is a zombie holds its ports until the last thread has ended.
process_stamp() {
    local stat boot
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    read -r boot </proc/sys/kernel/random/boot_id
    # The name in parentheses may hold anything; after it come the state and 18 more fields.
    local -a fields threads
    read -r -a fields <<<"${stat##*) }"
    if [ "${fields[0]}" = Z ]; then
        threads=("/proc/$1/task/"*)
        ((${#threads[@]} > 1)) || return 1
    fi
    printf '%s %s %s\n' "$1" "${fields[19]}" "$boot"
}

# part_pid PART: its pid, or failure when it does not run.
part_pid() {
    local saved pid
    { read -r saved <"$RUN/$1.pid"; } 2>/dev/null || return 1
    pid=${saved%% *}
    [ "$(process_stamp "$pid")" = "$saved" ] || return 1
    printf '%s\n' "$pid"
}

part_runs() {
    part_pid "$1" >/dev/null
}

part_gone() {
    ! part_pid "$1" >/dev/null
}

part_exists() {
    [ -f "$RUN/$1.argv" ]
}

# part_list: every defined part, in the order in which they are started.
part_list() {
    local file
    for file in postgres redis; do
        if part_exists "$file"; then
            printf '%s\n' "$file"
        fi
    done
    for file in "$RUN"/broker*.argv "$RUN"/gateway*.argv; do
        if [ -f "$file" ]; then
            basename -- "$file" .argv
        fi
    done | sort -V
}

# part_define PART COMMAND…: save the command and the present environment.
part_define() {
    local part=$1
    shift
    printf '%s\0' "$@" >"$RUN/$part.argv"
    (umask 077 && env -0 >"$RUN/$part.env")
}

# part_spawn PART: start it, detached from this terminal, its output appended to its log.
part_spawn() {
    local part=$1 pid
    local -a command environment
    mapfile -d '' -t command <"$RUN/$part.argv"
    mapfile -d '' -t environment <"$RUN/$part.env"
    # A shell without job control ignores SIGINT in what it puts behind: give the default back.
    setsid env -i --default-signal "${environment[@]}" "${command[@]}" \
        </dev/null >>"$LOG/$part.log" 2>&1 9>&- &
    pid=$!
    process_stamp "$pid" >"$RUN/$part.pid.new" || true
    mv "$RUN/$part.pid.new" "$RUN/$part.pid"
}

# part_signal PART SIGNAL: no error when it does not run.
part_signal() {
    local pid
    if pid=$(part_pid "$1"); then
        kill -s "$2" "$pid" 2>/dev/null || true
    fi
}

# part_stop PART SIGNAL SECONDS: ask it to end, and insist when it does not.
part_stop() {
    part_signal "$1" "$2"
    part_signal "$1" CONT
    if ! wait_until "$3" part_gone "$1"; then
        warn "$1 did not stop within $3 s: killed"
        part_signal "$1" KILL
        wait_until 10 part_gone "$1" || true
    fi
}

# part_explain PART: the end of its log, when it failed to start.
part_explain() {
    warn "$1 did not come up; the end of $LOG/$1.log:"
    tail -n 20 -- "$LOG/$1.log" >&2 || true
}
