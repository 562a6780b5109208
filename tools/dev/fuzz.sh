# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The verb fuzz: every target under libFuzzer. What it finds is kept in tests/fuzz/repro/, which
# every build replays.
need packages build

verb_fuzz() {
    local seconds=${1:-60} target name folder failed=0
    is_count "$seconds" 1 86400 || die "fuzz: how many seconds?"
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_CLANG[@]}"
    build_preset fuzz
    folder=$(build_folder fuzz)
    for target in "$ROOT"/tests/fuzz/fuzz_*.c; do
        name=$(basename "$target" .c)
        name=${name#fuzz_}
        step "Fuzzing $name for $seconds s"
        mkdir -p "$folder/found/$name" "$ROOT/tests/fuzz/repro/$name"
        "$folder/tests/fuzz_$name" -max_total_time="$seconds" -print_final_stats=0 -verbosity=0 \
            -artifact_prefix="$ROOT/tests/fuzz/repro/$name/" "$folder/found/$name" \
            "$ROOT/tests/fuzz/corpus/$name" || failed=1
        rmdir --ignore-fail-on-non-empty "$ROOT/tests/fuzz/repro/$name"
    done
    ((failed == 0)) || die "something was found: see tests/fuzz/repro/"
}
