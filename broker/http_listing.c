/* SPDX-License-Identifier: MIT */
/* Writes profiles, channels and pages of messages. Knows no database and no credentials. Called by
 * request_channels.c and request_pages.c.
 *
 * A page is written in two steps, because its order is not the order in which it is cut: first the
 * texts of as many messages as fit, in the order of reading, then all of them, newest first. */
#include "broker/http_listing.h"

#include <inttypes.h>
#include <stdio.h>

#include "proto/json_out.h"

/* What stands around the messages: the keys, the next address, and for each message a comma and
 * its times of being edited and deleted. */
#define PAGE_TIMES_BYTES (2u * sizeof("\"9007199254740991\":\"2024-01-01T12:00:00.000Z\","))
#define PAGE_FRAME_BYTES (8192u + PAGE_LIMIT_MAX * (PAGE_TIMES_BYTES + 1u))
#define PAGE_TEXTS_MAX_BYTES (HTTP_REPLY_MAX_BYTES - PAGE_FRAME_BYTES)
/* A byte becomes at most six ("\u001f"), and there are the other keys. */
#define CUT_CONTENT_BYTES (HTTP_REPLY_MAX_BYTES / 8u)
#define ADDRESS_BYTES_MAX 4096u

/* An answer is written whole or not at all. */
static int finish(const struct json_out *j, size_t start)
{
    if (j->err != 0) {
        j->out->len = start;
    }
    return j->err;
}

int http_profile(const struct profile_row *profile, struct buf *out)
{
    size_t start = out->len;
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    json_ki64(&j, "id", profile->id);
    json_kstr(&j, "username", profile->username);
    json_kstr(&j, "first_name", profile->first_name);
    json_kstr(&j, "last_name", profile->last_name);
    json_kstr(&j, "email", profile->email);
    json_kbool(&j, "is_staff", profile->is_staff);
    json_kstr(&j, "avatar", profile->avatar);
    json_end_object(&j);
    return finish(&j, start);
}

/* ---- channels ---- */

static void put_channel(struct json_out *j, const struct listed_channel *c)
{
    json_begin_object(j);
    json_ki64(j, "id", c->id);
    json_kstr(j, "name", c->name);
    json_kstr(j, "kind", c->kind);
    json_kbool(j, "is_private", c->is_private);
    json_kbool(j, "is_member", c->role.len > 0);
    json_key(j, "role");
    if (c->role.len > 0) {
        json_str(j, c->role);
    } else {
        json_nil(j);
    }
    json_key(j, "members");
    json_raw(j, c->members.len > 0 ? c->members : BYTES_LIT("null"));
    json_ki64(j, "last_seq", (int64_t)c->last_seq);
    json_ki64(j, "unread_count", c->unread_count);
    json_key(j, "last_message");
    if (c->has_message) {
        server_put_message(j, &c->last_message);
    } else {
        json_nil(j);
    }
    json_end_object(j);
}

int http_channel(const struct listed_channel *channel, struct buf *out)
{
    size_t start = out->len;
    struct json_out j;

    json_out_init(&j, out);
    put_channel(&j, channel);
    return finish(&j, start);
}

int http_channels(const struct listed_channel *channels, size_t count, struct buf *out)
{
    size_t start = out->len;
    struct json_out j, before;

    json_out_init(&j, out);
    json_begin_array(&j);
    for (size_t i = 0; i < count; i++) {
        size_t len = out->len;

        before = j;
        put_channel(&j, &channels[i]);
        if (j.err == ERR_FULL || out->len - start >= HTTP_REPLY_MAX_BYTES - 1) {
            j = before;
            out->len = len;
            break;
        }
    }
    json_end_array(&j);
    return finish(&j, start);
}

/* ---- pages ---- */

struct page_texts {
    struct buf text;
    size_t ends[PAGE_LIMIT_MAX];
    size_t count;
};

/* The longest beginning of at most so many bytes that ends between two characters. */
static struct bytes text_beginning(struct bytes text, size_t max)
{
    if (text.len > max) {
        text.len = max;
        while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xC0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

static int write_text(struct buf *out, const struct chat_message *message)
{
    size_t start = out->len;
    struct json_out j;

    json_out_init(&j, out);
    server_put_message(&j, message);
    return finish(&j, start);
}

/* The texts of the messages that fit: all of them, or the first ones. */
static int write_texts(const struct listed_message *rows, size_t count, struct page_texts *texts)
{
    for (size_t i = 0; i < count; i++) {
        int err = write_text(&texts->text, &rows[i].message);

        if (err == ERR_FULL && i == 0) {
            struct chat_message cut = rows[i].message;

            cut.content = text_beginning(cut.content, CUT_CONTENT_BYTES);
            err = write_text(&texts->text, &cut);
        }
        if (err == ERR_FULL && i > 0) {
            return 0;
        }
        if (err != 0) {
            return err;
        }
        texts->ends[i] = texts->text.len;
        texts->count = i + 1;
    }
    return 0;
}

/* Index into the rows of the i-th message that is shown. */
static size_t row_shown(const struct page_listing *l, const struct page_texts *texts, size_t i)
{
    return l->is_forward ? texts->count - 1 - i : i;
}

static void put_results(struct json_out *j, const struct page_listing *l,
                        const struct page_texts *texts)
{
    json_key(j, "results");
    json_begin_array(j);
    for (size_t i = 0; i < texts->count; i++) {
        size_t row = row_shown(l, texts, i);
        size_t from = row > 0 ? texts->ends[row - 1] : 0;

        json_raw(j, bytes_of(texts->text.data + from, texts->ends[row] - from));
    }
    json_end_array(j);
}

/* Where the next page goes on; 0: there is none. */
static int64_t next_from(const struct page_listing *l, const struct page_texts *texts)
{
    const struct message_page *page = l->page;

    return texts->count < page->count ? page->rows[texts->count - 1].message.id : page->scan_end;
}

static int next_address(const struct page_listing *l, int64_t from, struct buf *out)
{
    int err = buf_printf(out, "/api/channels/%" PRId64 "/%s/?", l->channel_id, l->route);

    if (err == 0 && l->words.len > 0) {
        err = buf_append(out, BYTES_LIT("q="));
    }
    if (err == 0) {
        err = http_query_encode(l->words, out);
    }
    if (err == 0 && l->words.len > 0) {
        err = buf_append_char(out, '&');
    }
    if (err == 0) {
        err = buf_printf(out, "%s=%" PRId64, l->is_forward ? "after" : "before", from);
    }
    if (err == 0 && l->is_forward && l->before > 0) {
        err = buf_printf(out, "&before=%" PRId64, l->before);
    }
    return err == 0 ? buf_printf(out, "&limit=%" PRIu32, l->limit) : err;
}

static void put_next(struct json_out *j, const struct page_listing *l, int64_t from)
{
    struct buf address;
    int err;

    json_key(j, "next");
    if (from == 0) {
        json_nil(j);
        return;
    }
    buf_init(&address, ADDRESS_BYTES_MAX);
    err = next_address(l, from, &address);
    json_str(j, buf_bytes(&address));
    buf_done(&address);
    j->err = j->err != 0 ? j->err : err;
}

static void put_times(struct json_out *j, const struct page_listing *l,
                      const struct page_texts *texts, bool want_deleted)
{
    char key[24];

    json_key(j, want_deleted ? "deleted" : "edited");
    json_begin_object(j);
    for (size_t i = 0; i < texts->count; i++) {
        const struct listed_message *row = &l->page->rows[row_shown(l, texts, i)];
        uint64_t time_ms = want_deleted ? row->deleted_at_ms : row->edited_at_ms;

        if (time_ms != 0) {
            snprintf(key, sizeof(key), "%" PRId64, row->message.id);
            json_ktime(j, key, time_ms);
        }
    }
    json_end_object(j);
}

int http_page(const struct page_listing *l, struct buf *out)
{
    size_t start = out->len, count = l->page->count;
    struct page_texts texts = {.count = 0};
    struct json_out j;
    int err;

    buf_init(&texts.text, PAGE_TEXTS_MAX_BYTES);
    err = write_texts(l->page->rows, count < l->limit ? count : l->limit, &texts);
    if (err == 0) {
        json_out_init(&j, out);
        json_begin_object(&j);
        put_results(&j, l, &texts);
        put_next(&j, l, next_from(l, &texts));
        json_ki64(&j, "seq", (int64_t)l->page->last_seq);
        put_times(&j, l, &texts, false);
        put_times(&j, l, &texts, true);
        json_end_object(&j);
        err = finish(&j, start);
    }
    buf_done(&texts.text);
    return err;
}
