# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The verb fuzz: every target for so many seconds, from its corpus. What crashes one is kept in
# tests/fuzz/repro/<module>/, where the ordinary tests replay it from then on.
need packages build

fuzz_target() {
    local target=$1 seconds=$2 module=${1##*/fuzz_} grown dictionary
    local -a options=()
    grown=$(build_folder fuzz)/corpus/$module
    mkdir -p "$grown" "$ROOT/tests/fuzz/corpus/$module" "$ROOT/tests/fuzz/repro/$module"
    dictionary=$ROOT/tests/fuzz/$module.dict
    if [ -f "$dictionary" ]; then
        options+=("-dict=$dictionary")
    fi
    "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$ROOT/tests/fuzz/repro/$module/" "${options[@]}" \
        "$grown" "$ROOT/tests/fuzz/corpus/$module" >"$grown.log" 2>&1 || {
        tail -n 40 "$grown.log" >&2
        return 1
    }
    grep -E 'stat::number_of_executed_units|stat::average_exec' "$grown.log" || true
    find "$ROOT/tests/fuzz/repro/$module" -maxdepth 0 -empty -delete
}

verb_fuzz() {
    local seconds=${1:-60} target
    local -a failed=()
    is_count "$seconds" 1 86400 || die "fuzz: seconds?"
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_CLANG[@]}"
    build_preset fuzz
    for target in "$(build_folder fuzz)"/tests/fuzz_*; do
        if [ -f "$target" ] && [ -x "$target" ]; then
            step "Fuzzing ${target##*/fuzz_} for $seconds s"
            fuzz_target "$target" "$seconds" || failed+=("${target##*/}")
        fi
    done
    ((${#failed[@]} == 0)) || die "crashed: ${failed[*]}"
}
