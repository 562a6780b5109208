/* SPDX-License-Identifier: MIT */
/* Names of everything in Redis, and the hash that spreads topics over partitions. Pure; the only
 * file that puts a key together. Callers give names that are within limits.h; a longer one would
 * be a bug of ours and is cut, never written past the end. */
#include "proto/stream_keys.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static void put(struct stream_key *k, struct bytes part)
{
    size_t room = sizeof(k->text) - 1 - k->len;

    assert(part.len <= room);
    size_t len = part.len < room ? part.len : room;
    if (len) {
        memcpy(k->text + k->len, part.ptr, len);
    }
    k->len += len;
    k->text[k->len] = '\0';
}

static void put_str(struct stream_key *k, const char *part)
{
    put(k, bytes_str(part));
}

static void put_i64(struct stream_key *k, int64_t n)
{
    char digits[24];

    snprintf(digits, sizeof(digits), "%" PRId64, n);
    put_str(k, digits);
}

/* <prefix><family>:{<slot>} */
static struct stream_key key_in_slot(const char *prefix, const char *family, struct bytes slot)
{
    struct stream_key k = {.len = 0};

    put_str(&k, prefix);
    put_str(&k, family);
    put_str(&k, ":{");
    put(&k, slot);
    put_str(&k, "}");
    return k;
}

static struct stream_key key_in_partition(const char *prefix, const char *family, uint32_t p)
{
    struct stream_key slot = {.len = 0};

    put_i64(&slot, p);
    return key_in_slot(prefix, family, stream_key_bytes(&slot));
}

static struct stream_key key_of_user(const char *prefix, const char *family, int64_t user_id)
{
    struct stream_key slot = {.len = 0};

    put_str(&slot, "u");
    put_i64(&slot, user_id);
    return key_in_slot(prefix, family, stream_key_bytes(&slot));
}

static struct stream_key key_plain(const char *prefix, const char *name)
{
    struct stream_key k = {.len = 0};

    put_str(&k, prefix);
    put_str(&k, name);
    return k;
}

struct stream_key key_in(const char *prefix, uint32_t partition)
{
    return key_in_partition(prefix, "in", partition);
}

struct stream_key key_lease(const char *prefix, uint32_t partition)
{
    return key_in_partition(prefix, "lease", partition);
}

struct stream_key key_out(const char *prefix, struct bytes gateway)
{
    return key_in_slot(prefix, "out", gateway);
}

struct stream_key key_gateway(const char *prefix, struct bytes gateway)
{
    return key_in_slot(prefix, "gw", gateway);
}

static struct stream_key key_of_topic(const char *prefix, const char *family, uint32_t partition,
                                      struct bytes topic)
{
    struct stream_key k = key_in_partition(prefix, family, partition);

    put_str(&k, ":");
    put(&k, topic);
    return k;
}

struct stream_key key_sub(const char *prefix, uint32_t partition, struct bytes topic)
{
    return key_of_topic(prefix, "sub", partition, topic);
}

struct stream_key key_log(const char *prefix, uint32_t partition, struct bytes topic)
{
    return key_of_topic(prefix, "log", partition, topic);
}

struct stream_key key_user(const char *prefix, int64_t user_id)
{
    return key_of_user(prefix, "user", user_id);
}

struct stream_key key_notify(const char *prefix)
{
    return key_plain(prefix, "notify");
}

struct stream_key key_brokers(const char *prefix)
{
    return key_plain(prefix, "brokers");
}

struct stream_key key_gateways(const char *prefix)
{
    return key_plain(prefix, "gateways");
}

struct stream_key key_rate_user(const char *prefix, int64_t user_id)
{
    return key_of_user(prefix, "rate", user_id);
}

struct stream_key key_login_failures(const char *prefix, struct bytes digest_hex)
{
    return key_in_slot(prefix, "fail", digest_hex);
}

struct stream_key key_blob(const char *prefix, uint32_t partition, struct bytes gateway,
                           uint64_t serial)
{
    struct stream_key k = key_of_topic(prefix, "blob", partition, gateway);
    char digits[20];

    snprintf(digits, sizeof(digits), "/%" PRIx64, serial);
    put_str(&k, digits);
    return k;
}

struct stream_key key_usage(const char *prefix, struct bytes gateway)
{
    return key_in_slot(prefix, "metrics", gateway);
}

struct stream_key key_upload_rate(const char *prefix, int64_t user_id)
{
    return key_of_user(prefix, "upload", user_id);
}

static uint32_t fold_modulo(uint64_t hash, uint32_t partitions)
{
    assert(partitions > 0);
    return ((uint32_t)(hash >> 32) ^ (uint32_t)hash) % partitions;
}

uint32_t partition_of(struct bytes topic, uint32_t partitions)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a: offset basis, prime */

    for (size_t i = 0; i < topic.len; i++) {
        hash ^= (unsigned char)topic.ptr[i];
        hash *= UINT64_C(0x100000001b3);
    }
    return fold_modulo(hash, partitions);
}

uint32_t partition_of_id(uint64_t id, uint32_t partitions)
{
    /* 2^64 / golden ratio: neighbouring ids land far apart (Knuth's multiplicative hash). */
    return fold_modulo(id * UINT64_C(0x9e3779b97f4a7c15), partitions);
}
