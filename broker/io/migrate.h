/* SPDX-License-Identifier: MIT */
#pragma once
/* Numbered SQL migrations (broker/sql/NNNN_name.sql, compiled in), applied in order under an
 * advisory lock, each in a transaction, recorded in kibray_migration. Blocking; for the command
 * line only. */

struct migration {
    int number;
    const char *name, *sql;
};
extern const struct migration migrations[]; /* ends with number 0 */

/* Prints what it does on stdout, errors on stderr. Returns a process exit code. */
int migrate_run(const char *dsn);
