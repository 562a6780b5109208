# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Checks of files as text: format, spelling, shell scripts; and the verb fmt.
need packages

# Our C files: tracked, or new and not ignored.
c_files() {
    git -C "$ROOT" ls-files --cached --others --exclude-standard -- '*.c' '*.h' |
        while read -r file; do
            if [ -f "$ROOT/$file" ]; then
                printf '%s\n' "$ROOT/$file"
            fi
        done
}

# Shell scripts by their first line, and the files that they load.
shell_files() {
    git -C "$ROOT" ls-files --cached --others --exclude-standard | while read -r file; do
        if [ -f "$ROOT/$file" ] && head -n 1 -- "$ROOT/$file" |
            LC_ALL=C grep -Eqa '^#!.*\b(ba)?sh$|^# shellcheck shell='; then
            printf '%s\n' "$ROOT/$file"
        fi
    done
}

check_format() {
    c_files | xargs -r clang-format --dry-run -Werror
}

check_spelling() {
    (cd "$ROOT" && git ls-files --cached --others --exclude-standard \
        ':!*package-lock.json' ':!tests/fuzz/corpus' ':!tests/fuzz/repro' ':!tests/data' |
        xargs -r codespell --ignore-words=tools/dev/codespell-words.txt)
}

check_shell() {
    (cd "$ROOT" && shell_files | xargs -r shellcheck -x)
}

verb_fmt() {
    packages_install clang-format
    c_files | xargs -r clang-format -i
}
