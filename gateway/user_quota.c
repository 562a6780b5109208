/* SPDX-License-Identifier: MIT */
/* Leased credits of one user, and the two scripts that lease and give back. Pure: quota_lease.c
 * talks to Redis.
 *
 *     take -> credit? -> go
 *               |no
 *               +-> wait -> lease (script) -> granted n -> the first n go, again for the rest
 *                                        `-> granted 0 -> all are refused
 *
 * A lease is a tenth of what is left, so what lies unused at one gateway is little, and the total
 * is exact. */
#include "gateway/user_quota.h"

#include "common/mem.h"

const char QUOTA_LEASE_SCRIPT[] =
    "local now = tonumber(redis.call('TIME')[1])\n"
    "local used, all = 0, redis.call('HGETALL', KEYS[1])\n"
    "for i = 1, #all, 2 do\n"
    "  if tonumber(all[i]) <= now - 60 then redis.call('HDEL', KEYS[1], all[i])\n"
    "  else used = used + tonumber(all[i + 1]) end\n"
    "end\n"
    "local left = tonumber(ARGV[1]) - used\n"
    "if left <= 0 then return {0, now} end\n"
    "local n = math.max(1, math.floor(left / 10))\n"
    "redis.call('HINCRBY', KEYS[1], now, n)\n"
    "redis.call('PEXPIRE', KEYS[1], 61000)\n"
    "return {n, now}";

const char QUOTA_RETURN_SCRIPT[] =
    "local had = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')\n"
    "local n = math.min(had, tonumber(ARGV[2]))\n"
    "if n <= 0 then return 0 end\n"
    "if n == had then redis.call('HDEL', KEYS[1], ARGV[1])\n"
    "else redis.call('HINCRBY', KEYS[1], ARGV[1], -n) end\n"
    "return n";

static bool has_credit(struct user_quota *q, uint64_t now_ms)
{
    if (now_ms >= q->lapse_ms) {
        q->credits = 0;
    }
    return q->credits > 0;
}

int quota_take(struct user_quota *q, uint64_t now_ms)
{
    if (q->waiting || !has_credit(q, now_ms)) {
        return ERR_LIMIT;
    }
    q->credits--;
    return 0;
}

int quota_wait(struct user_quota *q, const struct quota_waiter *frame)
{
    struct quota_waiter *w;

    if (q->waiting_count >= QUOTA_WAITING_MAX ||
        (q->waiting && q->waiting_bytes + frame->envelope->len > QUOTA_WAITING_BYTES_MAX)) {
        return ERR_FULL;
    }
    w = mem_alloc(sizeof(*w));
    if (!w) {
        return ERR_NOMEM;
    }
    *w = *frame;
    w->next = NULL;
    w->envelope = rcbuf_ref(frame->envelope);
    if (q->waiting) {
        q->waiting_tail->next = w;
    } else {
        q->waiting = w;
    }
    q->waiting_tail = w;
    q->waiting_count++;
    q->waiting_bytes += w->envelope->len;
    return 0;
}

bool quota_begin_lease(struct user_quota *q, uint64_t now_ms)
{
    if (q->is_leasing || !q->waiting) {
        return false;
    }
    q->is_leasing = true;
    q->asked_ms = now_ms;
    return true;
}

void quota_granted(struct user_quota *q, uint32_t n, int64_t second)
{
    q->is_leasing = false;
    q->credits = n;
    q->second = second;
    q->lapse_ms = q->asked_ms + QUOTA_WINDOW_MS; /* asked before granted: never too late */
}

struct quota_waiter *quota_next_refused(struct user_quota *q)
{
    struct quota_waiter *w = q->waiting;

    if (w) {
        q->waiting = w->next;
        q->waiting_count--;
        q->waiting_bytes -= w->envelope->len;
    }
    return w;
}

struct quota_waiter *quota_next(struct user_quota *q, uint64_t now_ms)
{
    if (!q->waiting || !has_credit(q, now_ms)) {
        return NULL;
    }
    q->credits--;
    return quota_next_refused(q);
}

void quota_unuse(struct user_quota *q)
{
    q->credits++;
}

void quota_waiter_free(struct quota_waiter *w)
{
    if (w) {
        rcbuf_unref(w->envelope);
        mem_free(w);
    }
}

uint32_t quota_take_unused(struct user_quota *q, uint64_t now_ms)
{
    uint32_t unused = has_credit(q, now_ms) ? q->credits : 0;

    q->credits = 0;
    return unused;
}

void quota_done(struct user_quota *q)
{
    while (q->waiting) {
        quota_waiter_free(quota_next_refused(q));
    }
}
