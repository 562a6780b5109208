# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The verb fmt, and the lists of files that text checks look at.
need packages

text_c_files() {
    git -C "$ROOT" ls-files --cached --others --exclude-standard -- '*.c' '*.h'
}

text_shell_files() {
    printf '%s\n' dev tools/peek .ci/run tools/dev/apt-install
    git -C "$ROOT" ls-files --cached --others --exclude-standard -- 'tools/dev/*.sh'
}

verb_fmt() {
    packages_install clang-format git
    (cd "$ROOT" && text_c_files | xargs clang-format -i)
}
