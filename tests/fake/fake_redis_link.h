/* SPDX-License-Identifier: MIT */
#pragma once
/* common/io/redis_link.h without a server: commands wait in a list until the test answers them,
 * never inside the submitting call. Links are numbered in the order of their making. */
#include <stdbool.h>
#include <stdint.h>

#include "common/io/redis_link.h"

#define FAKE_REDIS_LINKS 4u
#define FAKE_REDIS_ARGS 40u

struct fake_command {
    struct fake_command *prev, *next;
    size_t argc;
    struct bytes argv[FAKE_REDIS_ARGS]; /* owned copies */
    redis_reply_fn *fn;
    void *arg;
};

struct redis_value {
    enum redis_type type;
    int64_t num;
    struct bytes text;
    const struct redis_value *items;
    size_t count;
};

void fake_redis_reset(void);
struct redis_link *fake_redis_link(unsigned number); /* NULL = not made */
void fake_redis_up(unsigned number, const char *run_id, bool is_new_server);
/* All commands under way complete with ERR_UNAVAILABLE. */
void fake_redis_down(unsigned number);

/* The oldest command under way that begins with `word` and whose words contain `part` (NULL =
 * any); NULL = none. */
struct fake_command *fake_redis_find(unsigned number, const char *word, const char *part);
unsigned fake_redis_count(unsigned number, const char *word, const char *part);
/* Complete it; it is gone then. */
void fake_redis_answer(unsigned number, struct fake_command *c, int err,
                       const struct redis_value *v);
/* How many commands of this word were ever submitted. */
unsigned fake_redis_submitted(const char *word);
