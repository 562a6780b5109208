/* SPDX-License-Identifier: MIT */
/* Writes the report of this gateway's use into Redis, every few seconds; it goes by itself when the
 * gateway does. Called by upkeep.c. */
#include <stdio.h>

#include "common/io/clock.h"
#include "gateway/gateway_glue.h"
#include "proto/limits.h"
#include "proto/stream_keys.h"

static void list_users(void *arg, usage_put_fn *put, void *to)
{
    const struct gateway *g = arg;
    uint32_t count = 0;

    for (struct user *u = g->users.head; u && count < USAGE_LISTED_MAX; u = u->hh.next, count++) {
        put(to, user_actor(u).username, u->session_count);
    }
}

static void list_topics(void *arg, usage_put_fn *put, void *to)
{
    struct gateway *g = arg;
    uint32_t count = 0;

    for (struct topic *t = topic_first(&g->topics); t && count < USAGE_LISTED_MAX;
         t = topic_after(t)) {
        if (bytes_has_prefix(topic_name(t), BYTES_LIT("chat:")) && topic_subscribers(t) > 0) {
            put(to, topic_name(t), (uint32_t)topic_subscribers(t));
            count++;
        }
    }
}

void usage_publish(struct gateway *g)
{
    const struct usage_listing who = {list_users, list_topics, g, session_table_count(g->sessions)};
    struct stream_key key = key_usage(g->conf->redis_prefix, bytes_str(g->name));
    struct buf report;
    char ttl[12];
    int err;

    buf_init(&report, USAGE_REPORT_MAX_BYTES);
    snprintf(ttl, sizeof(ttl), "%u", USAGE_TTL_MS);
    err = usage_report(&g->usage, clock_mono_ms(), &who, &report);
    if (err == 0 && redis_link_is_up(g->commands)) {
        const struct bytes argv[] = {BYTES_LIT("SET"), stream_key_bytes(&key), buf_bytes(&report),
                                     BYTES_LIT("PX"), bytes_str(ttl)};
        err = redis_link_command(g->commands, argv, 5, NULL, NULL);
    }
    (void)err; /* the next one comes soon */
    buf_done(&report);
}
