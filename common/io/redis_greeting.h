/* SPDX-License-Identifier: MIT */
#pragma once
/* What is said first on every connection to Redis. */
#include "common/bytes.h"
#include "common/err.h"
#include "common/redis_url.h"

enum redis_greeting_step {
    REDIS_STEP_MAY,  /* an error is only counted */
    REDIS_STEP_MUST, /* an error ends the connection */
    REDIS_STEP_ROLE, /* asked when seeds named the server: it must be the primary */
    REDIS_STEP_INFO, /* the last one, with the run_id */
};

/* Sends one command; its error ends the greeting. */
typedef int redis_greeting_fn(void *arg, enum redis_greeting_step step, const struct bytes *argv,
                              size_t argc);
NODISCARD int redis_greeting_send(const struct redis_url *url, const char *name,
                                  redis_greeting_fn *send, void *arg);
/* AUTH alone; nothing without a password. */
NODISCARD int redis_greeting_login(const char *user, const char *password, redis_greeting_fn *send,
                                   void *arg);
