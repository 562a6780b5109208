/* SPDX-License-Identifier: MIT */
#pragma once
/* An entry of the stream "notify": people are to be told something. Written by services (XADD, or
 * POST /api/notifications/), whose names for the fields are documented in docs/notifications.md,
 * and by brokers for what was written in a chat. Pure.
 *
 *     services:  user_ids "1,2,3"   title   message   category   url
 *     brokers:   channel   message_id   author   at   names "bob\ncarol"   here "1,2"   members */
#include <stdbool.h>
#include <stdint.h>
#include "broker/mentions.h"
#include "broker/sanitize.h"
#include "common/buf.h"
#include "proto/envelope.h"

#define NOTICE_TITLE_MAX 200u     /* characters */
#define NOTICE_MESSAGE_MAX 4000u  /* characters; a push carries less, and cuts it */
#define NOTICE_CATEGORY "general" /* when none is given */
#define NOTICE_CHAT_TITLE "New Message"
#define NOTICE_CHAT_MESSAGE "You have a new message"
#define NOTICE_CHAT_CATEGORY "chat"
#define NOTICE_BYTES_MAX (512u * 1024u) /* of one, as it is kept while it is on its way */

struct notice_chat {
    int64_t channel_id, message_id, author_id;
    uint64_t at_ms;
    bool has_members;   /* private or direct: its members are told, too */
    struct bytes names; /* mentioned, a line each */
    struct bytes here;  /* ids, 8 bytes each (notify_user_put): have a socket in the room */
};

/* All text in `kept`. */
struct notice {
    bool is_chat;
    struct notice_chat chat;
    struct bytes users; /* ids, 8 bytes each; of a chat: none */
    struct bytes title, message, category, url;
};

/* Value of a field of the entry, empty when it has none. */
typedef struct bytes notice_field_fn(const void *arg, const char *name);

/* Read an entry. Texts are sanitised; `kept` is reset and holds them.
 * Errors: ERR_MISSING (no users, no title), ERR_SYNTAX (an id, a number, a category, a url),
 * ERR_LIMIT (too many users, too long), ERR_UTF8, ERR_NOMEM. */
NODISCARD int notice_read(notice_field_fn *field, const void *arg, enum sanitize_mode mode,
                          struct buf *kept, struct notice *out);
/* "1,2,3" as ids of 8 bytes. Errors: ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM; *out as far as it went. */
NODISCARD int notice_ids(struct bytes text, size_t max, struct buf *out);
/* [A-Za-z0-9_-]{1,64} */
bool notice_is_category(struct bytes text);
/* A path of this site, or a page of another: "/…" but not "//…", or "http(s)://…"; no blanks. */
bool notice_is_url(struct bytes text);
