/* SPDX-License-Identifier: MIT */
#pragma once
/* Names of everything in Redis, in one place. All under the setting REDIS_PREFIX ("kb:"). The
 * part in braces would keep every key of one partition, gateway or user in one cluster slot; today
 * the prefix is in braces there, which count instead (common/redis_url.h). */
#include <stdint.h>
#include "common/bytes.h"
#include "common/redis_url.h" /* REDIS_PREFIX_MAX */

#define STREAM_KEY_MAX 320u
#define STREAM_GROUP "broker" /* exists for people: its last-delivered-id is the watermark */

struct stream_key {
    char text[STREAM_KEY_MAX];
    size_t len;
};
static inline struct bytes stream_key_bytes(const struct stream_key *k)
{
    return (struct bytes){k->text, k->len};
}

struct stream_key key_in(const char *prefix, uint32_t partition);        /* kb:in:{3} */
struct stream_key key_lease(const char *prefix, uint32_t partition);     /* kb:lease:{3} */
struct stream_key key_out(const char *prefix, struct bytes gateway);     /* kb:out:{gw1.9f…} */
struct stream_key key_gateway(const char *prefix, struct bytes gateway); /* kb:gw:{gw1.9f…} */
/* kb:sub:{3}:chat:7 - hash "<gateway>/<conn hex>" -> "<user id> <username>" */
struct stream_key key_sub(const char *prefix, uint32_t partition, struct bytes topic);
/* kb:log:{3}:chat:7 - stream: recent content frames of a channel, by seq */
struct stream_key key_log(const char *prefix, uint32_t partition, struct bytes topic);
/* kb:user:{u42} - hash "<gateway>/<conn hex>" -> topic: the open connections of a user */
struct stream_key key_user(const char *prefix, int64_t user_id);
struct stream_key key_notify(const char *prefix);   /* kb:notify - stream: broker/notice.h */
struct stream_key key_brokers(const char *prefix);  /* kb:brokers - zset name -> heartbeat ms */
struct stream_key key_gateways(const char *prefix); /* kb:gateways - zset name -> heartbeat ms */
/* kb:rate:{u42} - hash second -> messages granted; kb:fail:{<sha-1 hex of user and address>} */
struct stream_key key_rate_user(const char *prefix, int64_t user_id);
struct stream_key key_login_failures(const char *prefix, struct bytes digest_hex);

/* kb:blob:{3}:<gateway>/<serial hex> - string, PX: bytes of a file on their way */
struct stream_key key_blob(const char *prefix, uint32_t partition, struct bytes gateway,
                           uint64_t serial);
/* kb:metrics:{gw1.9f…} - string, PX: proto/usage.h */
struct stream_key key_usage(const char *prefix, struct bytes gateway);
/* kb:upload:{u42} - string, PX: bytes of files that a user has sent in this minute */
struct stream_key key_upload_rate(const char *prefix, int64_t user_id);

/* Which partition a topic belongs to: FNV-1a 64 of its bytes, folded, modulo `partitions`. */
uint32_t partition_of(struct bytes topic, uint32_t partitions);
/* Spread of work that needs no order (openings, HTTP). */
uint32_t partition_of_id(uint64_t id, uint32_t partitions);
