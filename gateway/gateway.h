/* SPDX-License-Identifier: MIT */
#pragma once
/* One gateway process: owns all modules, starts, drains and stops them. */
#include <stdint.h>
#include "common/io/loop.h"
#include "gateway/gateway_conf.h"

/* Exit codes, after sysexits.h where it has one. */
enum gateway_exit {
    GATEWAY_EXIT_OK = 0,
    GATEWAY_EXIT_USAGE = 64,       /* flags or settings */
    GATEWAY_EXIT_UNAVAILABLE = 69, /* the address is in use */
    GATEWAY_EXIT_OS = 71,
    GATEWAY_EXIT_AGAIN = 75, /* the lease was lost: a new life is needed; main starts it */
};

struct gateway;
/* Keeps conf until gateway_free(). worker numbers the processes of one --workers family from 0.
 * Errors (NULL and *out_err): ERR_CONFLICT the address is in use, ERR_IO, ERR_NOMEM, ERR_SYNTAX
 * (Redis url, a TLS file). */
struct gateway *gateway_new(struct loop *loop, const struct gateway_conf *conf, uint32_t worker,
                            int *out_err);
/* A graceful stop: see drain.c. A second call stops at once. The loop ends by itself. */
void gateway_stop(struct gateway *g);
/* Read certificate and key anew. */
void gateway_reload(struct gateway *g);
int gateway_exit_code(const struct gateway *g);
void gateway_free(struct gateway *g); /* NULL is fine; cuts what is left */
