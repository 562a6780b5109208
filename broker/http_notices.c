/* SPDX-License-Identifier: MIT */
/* Writes notifications, preferences and devices. Knows no database. Called by
 * request_notifications.c and request_devices.c. */
#include "broker/http_notices.h"

#include <inttypes.h>

#include "proto/json_out.h"

#define NEXT_MAX_BYTES 256u /* and what else stands around the notifications */

/* An answer is written whole or not at all. */
static int finish(const struct json_out *j, size_t start)
{
    if (j->err != 0) {
        j->out->len = start;
    }
    return j->err;
}

/* ---- notifications ---- */

static void put_notification(struct json_out *j, const struct listed_notification *n)
{
    json_begin_object(j);
    json_ki64(j, "id", n->id);
    json_kstr(j, "title", n->title);
    json_kstr(j, "message", n->message);
    json_kstr(j, "category", n->category);
    json_kstr(j, "url", n->url);
    json_ktime(j, "created_at", n->created_at_ms);
    json_kstr(j, "status", n->status);
    json_end_object(j);
}

static void put_next(struct json_out *j, int64_t before, uint32_t limit, bool is_unread)
{
    struct buf address;
    int err;

    json_key(j, "next");
    if (before == 0) {
        json_nil(j);
        return;
    }
    buf_init(&address, NEXT_MAX_BYTES);
    err = buf_printf(&address, "/api/notifications/?%sbefore=%" PRId64 "&limit=%" PRIu32,
                     is_unread ? "unread=1&" : "", before, limit);
    json_str(j, buf_bytes(&address));
    buf_done(&address);
    j->err = j->err != 0 ? j->err : err;
}

/* As many as fit. Gives how many those are. */
static size_t put_results(struct json_out *j, const struct listed_notification *rows, size_t count,
                          size_t start)
{
    size_t shown = 0;

    json_key(j, "results");
    json_begin_array(j);
    while (shown < count) {
        struct json_out before = *j;
        size_t len = j->out->len;

        put_notification(j, &rows[shown]);
        if (shown > 0 &&
            (j->err == ERR_FULL || j->out->len - start > HTTP_REPLY_MAX_BYTES - NEXT_MAX_BYTES)) {
            *j = before;
            j->out->len = len;
            break;
        }
        shown++;
    }
    json_end_array(j);
    return shown;
}

int http_notifications(const struct listed_notification *rows, size_t count, uint32_t limit,
                       bool is_unread, struct buf *out)
{
    size_t start = out->len, shown;
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    shown = put_results(&j, rows, count < limit ? count : limit, start);
    put_next(&j, shown < count ? rows[shown - 1].id : 0, limit, is_unread);
    json_end_object(&j);
    return finish(&j, start);
}

/* ---- preferences ---- */

static void put_time(struct json_out *j, const char *key, struct bytes time)
{
    json_key(j, key);
    if (time.len > 0) {
        json_str(j, time);
    } else {
        json_nil(j);
    }
}

int http_preferences(const struct preferences *p, struct buf *out)
{
    size_t start = out->len;
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    json_kbool(&j, "push_enabled", p->push_enabled);
    json_key(&j, "categories");
    json_raw(&j, p->categories);
    put_time(&j, "quiet_start", p->quiet_start);
    put_time(&j, "quiet_end", p->quiet_end);
    json_kstr(&j, "time_zone", p->time_zone);
    json_end_object(&j);
    return finish(&j, start);
}

/* ---- devices ---- */

/* The end of a token, from the beginning of a character on. */
static struct bytes end_of(struct bytes token)
{
    size_t from = token.len, characters = 0;

    while (from > 0 && characters < DEVICE_TOKEN_SHOWN) {
        from--;
        characters += ((unsigned char)token.ptr[from] & 0xC0) != 0x80;
    }
    return bytes_skip(token, from);
}

static void put_device(struct json_out *j, const struct device_row *d)
{
    json_begin_object(j);
    json_ki64(j, "id", d->id);
    json_kstr(j, "device_type", d->device_type);
    json_ktime(j, "created_at", d->created_at_ms);
    json_kstr(j, "token", end_of(d->token));
    json_end_object(j);
}

int http_device(const struct device_row *row, struct buf *out)
{
    size_t start = out->len;
    struct json_out j;

    json_out_init(&j, out);
    put_device(&j, row);
    return finish(&j, start);
}

int http_devices(const struct device_row *rows, size_t count, struct buf *out)
{
    size_t start = out->len;
    struct json_out j;

    json_out_init(&j, out);
    json_begin_array(&j);
    for (size_t i = 0; i < count; i++) {
        put_device(&j, &rows[i]);
    }
    json_end_array(&j);
    return finish(&j, start);
}

int http_push_test(int64_t devices, struct buf *out)
{
    size_t start = out->len;
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    json_ki64(&j, "devices", devices);
    json_end_object(&j);
    return finish(&j, start);
}

int http_vapid_key(struct bytes key, struct buf *out)
{
    size_t start = out->len;
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    json_kstr(&j, "public_key", key);
    json_end_object(&j);
    return finish(&j, start);
}
