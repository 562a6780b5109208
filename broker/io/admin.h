/* SPDX-License-Identifier: MIT */
#pragma once
/* The administrative commands of kibray-broker: `user add NAME [--staff] [--email E]`, `user
 * passwd NAME`, `user deactivate NAME`, `channel add NAME [--private]`, `member add CHANNEL USER`.
 * A password comes from the environment KIBRAY_PASSWORD or, without it, from standard input (one
 * line), never from the command line. Blocking. */
#include <stddef.h>

/* words: "user","add",… Returns a process exit code (0, 1 failed, 2 usage). */
int admin_run(const char *dsn, const char *const *words, size_t count, int argc, char **argv);
