/* SPDX-License-Identifier: MIT */
#pragma once
/* The administrative commands of kibray-broker:
 *
 *      user add NAME [--staff] [--email E] [--if-absent]       prints the id
 *      user passwd NAME
 *      user deactivate NAME
 *      channel add NAME [--private] [--if-absent]              prints the id
 *      member add CHANNEL USER [--owner] [--if-absent]         CHANNEL: name or id
 *
 * --if-absent makes what is there already a success (its id is printed, nothing is changed).
 * A password comes from the environment KIBRAY_PASSWORD or, without it, from standard input (one
 * line), never from the command line. Blocking. */
#include <stdbool.h>
#include <stddef.h>

/* words: "user","add",…, without flags and their values. The flags are taken from argv[1…]; other
 * arguments there (words, settings of the daemon) are stepped over.
 * Returns a process exit code (0, 1 failed, 2 usage). */
int admin_run(const char *dsn, const char *const *words, size_t count, int argc, char **argv);

/* Is this argument ("--staff", "--email", "--email=E") a flag of these commands? *out_takes_next:
 * the argument behind it is its value. For the caller, who must keep them from being taken for
 * settings. */
bool admin_is_flag(const char *argument, bool *out_takes_next);
