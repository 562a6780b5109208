/* SPDX-License-Identifier: MIT */
#pragma once
/* Looks at a connection string before libpq uses it. */
#include "common/err.h"

/* Is the dsn well-formed (libpq URI or key=value form), and so plain that no error message of
 * libpq can contain a piece of its password? An unescaped '@' or '/' in the password of a URI
 * would make a part of it look like a host or port, which messages do name. 0 or ERR_SYNTAX. */
NODISCARD int pg_dsn_check(const char *dsn);
/* The name of its host, when there is one alone and it has to be looked up: libpq would do that
 * while its caller waits. Gives (mem_free); NULL: nothing to look up, or no memory. */
char *pg_dsn_host(const char *dsn);
