/* SPDX-License-Identifier: MIT */
/* What pushes by FCM and by web push have in common. Called by fcm.c, web_push.c and the queue. */
#include "broker/push_message.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/backoff.h"

void push_collapse_key(const struct push_message *m, char out[PUSH_COLLAPSE_MAX])
{
    if (m->channel_id != 0) {
        (void)snprintf(out, PUSH_COLLAPSE_MAX, "chat-%" PRId64, m->channel_id);
    } else {
        (void)snprintf(out, PUSH_COLLAPSE_MAX, "n-%" PRId64, m->notification_id);
    }
}

static struct bytes cut(struct bytes text, size_t max)
{
    if (text.len > max) {
        text.len = max;
        while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xC0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

struct push_message push_message_cut(const struct push_message *m)
{
    struct push_message out = *m;

    out.title = cut(m->title, PUSH_TITLE_MAX_BYTES);
    out.body = cut(m->body, PUSH_BODY_MAX_BYTES);
    out.category = cut(m->category, PUSH_CATEGORY_MAX_BYTES);
    out.url = m->url.len > PUSH_URL_MAX_BYTES ? BYTES_NONE : m->url;
    return out;
}

enum push_kind push_kind_of(struct bytes device_type, struct bytes token)
{
    bool is_subscription = bytes_eq_str(device_type, "web") && token.len > 0 && token.ptr[0] == '{';

    return is_subscription ? PUSH_WEB : PUSH_FCM;
}

const char *push_verdict_name(enum push_verdict verdict)
{
    static const char *const names[] = {[PUSH_SENT] = "sent",
                                        [PUSH_GONE] = "gone",
                                        [PUSH_RETRY] = "retry",
                                        [PUSH_POISON] = "poison"};

    return names[verdict];
}

void push_outcome_set(struct push_outcome *out, enum push_verdict verdict, struct bytes reason)
{
    size_t len = 0;

    *out = (struct push_outcome){.verdict = verdict};
    for (size_t i = 0; i < reason.len && len + 1 < sizeof(out->reason); i++) {
        char c = reason.ptr[i];

        out->reason[len++] = c;
        if (c < ' ' || c > '~') {
            out->reason[len - 1] = '?';
        }
    }
}

uint32_t push_delay_ms(uint32_t least_ms, uint32_t attempts, uint32_t retry_after_s, uint64_t seed)
{
    struct backoff b;

    if (retry_after_s > PUSH_RETRY_AFTER_MAX_S) {
        retry_after_s = PUSH_RETRY_AFTER_MAX_S;
    }
    if (retry_after_s > 0) {
        return retry_after_s * 1000 + (uint32_t)(seed % (least_ms + 1));
    }
    backoff_init(&b, least_ms, PUSH_RETRY_CAP_MS, seed);
    b.attempt = attempts - 1;
    return least_ms + backoff_next_ms(&b);
}
