/* SPDX-License-Identifier: MIT */
#pragma once
/* The answers of the HTTP API that list something, as JSON text: rows of the store in, bodies out.
 * Pure. All append to `out`, whole or not at all. */
#include "broker/http_query.h"
#include "broker/store_api.h"
#include "proto/limits.h"

/* {"id","username","first_name","last_name","email","is_staff","avatar"} */
NODISCARD int http_profile(const struct profile_row *profile, struct buf *out);

/* One channel: {"id","name","kind","is_private","is_member","role","members","last_seq",
 * "unread_count","last_message"} */
NODISCARD int http_channel(const struct listed_channel *channel, struct buf *out);
/* An array of channels. Those that would make it longer than HTTP_REPLY_MAX_BYTES are left out,
 * from the end. */
NODISCARD int http_channels(const struct listed_channel *channels, size_t count, struct buf *out);

struct page_listing {
    const struct message_page *page; /* rows in the order in which they were read; one more than
                                        `limit` of them says that there are more */
    const char *route;               /* "messages", "search" */
    int64_t channel_id;
    int64_t before;     /* what was asked for; 0 = nothing */
    bool is_forward;    /* rows ascend */
    struct bytes words; /* of a search; else empty */
    uint32_t limit;     /* at most PAGE_LIMIT_MAX */
};
/* {"results","next","seq","edited","deleted"}, newest first, always shorter than
 * HTTP_REPLY_MAX_BYTES: a page may have fewer messages than asked for, then `next` goes on behind
 * the last of them. A message that is too long even alone has the beginning of its text only. */
NODISCARD int http_page(const struct page_listing *listing, struct buf *out);
