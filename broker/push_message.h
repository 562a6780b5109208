/* SPDX-License-Identifier: MIT */
#pragma once
/* One notification for one device, and what became of sending it. Pure. */
#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"

#define PUSH_TTL_S 86400u /* a day: after that a push service need not try any more */

/* What is sent of texts. With everything else it stays below the 4096 bytes that push services
 * take, though JSON may double it. */
#define PUSH_TITLE_MAX_BYTES 256u
#define PUSH_BODY_MAX_BYTES 1024u
#define PUSH_URL_MAX_BYTES 512u /* a longer one is left out */
#define PUSH_CATEGORY_MAX_BYTES 64u

struct push_message {
    int64_t notification_id;
    int64_t channel_id; /* of a chat's notification; else 0 */
    struct bytes title, body, category, url;
    struct bytes token; /* of the device, or a web push subscription */
};

#define PUSH_COLLAPSE_MAX 32u /* with the NUL; RFC 8030 allows 32 characters */
/* What replaces an older push of the same: "chat-<channel>" or "n-<notification>". */
void push_collapse_key(const struct push_message *m, char out[PUSH_COLLAPSE_MAX]);
/* The message with its texts cut between two characters; a url that is too long is left out. */
struct push_message push_message_cut(const struct push_message *m);

enum push_kind { PUSH_FCM, PUSH_WEB };
/* How a device is reached: a web push subscription is a JSON object. */
enum push_kind push_kind_of(struct bytes device_type, struct bytes token);

enum push_verdict {
    PUSH_SENT,
    PUSH_GONE,   /* this device is no more: it is removed */
    PUSH_RETRY,  /* perhaps later */
    PUSH_POISON, /* never, but that is not the device's fault */
};
const char *push_verdict_name(enum push_verdict verdict);

struct push_outcome {
    enum push_verdict verdict;
    uint32_t retry_after_s; /* what the service asked for; 0 = nothing */
    char reason[48];        /* for logs and the dead letters; printable ASCII */
};
void push_outcome_set(struct push_outcome *out, enum push_verdict verdict, struct bytes reason);

/* Exactly once for each accepted message, never inside the call that sent it. */
typedef void push_done_fn(void *arg, const struct push_outcome *outcome);

#define PUSH_RETRY_CAP_MS 600000u
#define PUSH_RETRY_AFTER_MAX_S 3600u
/* How long until a push that has failed `attempts` times (1 or more) is tried again: `least_ms` and
 * a random part that doubles with each failure, or what the service asked for, an hour at most, and
 * a random part, so that not all come back at the same moment. */
uint32_t push_delay_ms(uint32_t least_ms, uint32_t attempts, uint32_t retry_after_s, uint64_t seed);
