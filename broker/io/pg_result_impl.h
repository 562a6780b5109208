/* SPDX-License-Identifier: MIT */
#pragma once
/* What is inside a pg_result: for the files that make one. */
#include <libpq-fe.h>
#include "broker/io/pg_link.h"

struct pg_result {
    PGresult *res; /* NULL: no answer, everything reads as absent */
};
