/* SPDX-License-Identifier: MIT */
#pragma once
/* A plain blocking PostgreSQL connection, for commands that an administrator waits for
 * (migrations, users, channels). Never used by the running daemon. */
#include <stdbool.h>
#include "broker/io/pg_link.h"

struct pg_cli;

/* Says on stderr why when it gives NULL (malformed dsn, unreachable, refused, no memory); never
 * shows the dsn. */
struct pg_cli *pg_cli_open(const char *dsn, const char *application_name);
void pg_cli_close(struct pg_cli *c); /* NULL is fine */

/* Run one or several statements without parameters or rows.
 * Errors: ERR_REMOTE (pg_cli_problem says why), ERR_UNAVAILABLE (connection lost). */
NODISCARD int pg_cli_exec(struct pg_cli *c, const char *sql);
/* Run one statement. All parameters are text ("$1::text::bigint"), bytes with NULL pointer are
 * NULL. Gives *out_result, which also exists after ERR_REMOTE (then it has the SQLSTATE).
 * Errors: as pg_cli_exec; ERR_LIMIT over PG_LINK_PARAMS_MAX; ERR_NOMEM. */
NODISCARD int pg_cli_query(struct pg_cli *c, const char *sql, const struct bytes *params,
                           size_t param_count, struct pg_result **out_result);
void pg_cli_result_free(struct pg_result *r); /* NULL is fine */
/* Why the last call failed: the server's primary message, which quotes no row. */
const char *pg_cli_problem(const struct pg_cli *c);
