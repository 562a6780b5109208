# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Configuring and compiling. Every build folder has a preset of CMakePresets.json.
need packages

# build_folder PRESET: where it is built.
build_folder() {
    case $1 in
    dev) printf '%s\n' "$ROOT/build" ;;
    *) printf '%s\n' "$ROOT/build-$1" ;;
    esac
}

# build_quietly LOG COMMAND…: shows progress on a terminal; elsewhere only what went wrong.
build_quietly() {
    local log=$1
    shift
    if [ -t 1 ]; then
        "$@"
    elif ! "$@" >"$log" 2>&1; then
        tail -n 60 -- "$log" >&2
        return 1
    fi
}

# build_preset PRESET [TARGET…]: one build at a time per folder.
build_preset() {
    local preset=$1 folder
    shift
    folder=$(build_folder "$preset")
    mkdir -p "$folder"
    step "Building $preset in ${folder#"$ROOT"/}/"
    (
        flock 8
        if [ ! -f "$folder/build.ninja" ]; then
            cd "$ROOT" || exit 1
            build_quietly "$folder/configure.log" \
                cmake --preset "$preset" --log-level=WARNING || exit 1
        fi
        build_quietly "$folder/build.log" ninja -C "$folder" "$@"
    ) 8>"$folder/.lock" || die "the build failed"
}

verb_build() {
    local preset=${1:-dev}
    case $preset in
    dev | release | gcc) packages_install "${PACKAGES_BUILD[@]}" ;;
    clang | asan | fuzz) packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_CLANG[@]}" ;;
    *) die "no such preset: $preset" ;;
    esac
    build_preset "$preset"
}
