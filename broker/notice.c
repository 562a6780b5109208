/* SPDX-License-Identifier: MIT */
/* Reads what the stream "notify" says. Called by notify_watch, its rules also by the HTTP route. */
#include "broker/notice.h"

#include <inttypes.h>
#include <stdio.h>

#include "proto/utf8.h"

struct reading {
    notice_field_fn *field;
    const void *arg;
    enum sanitize_mode mode;
    struct buf *kept;
    int err; /* sticky */
};

/* Texts are kept one behind the other while the buffer may still move: as places. */
struct place {
    size_t start, len;
};

static int read_number(struct bytes text, int64_t *out)
{
    int64_t n = 0;

    if (text.len == 0 || text.len > 16) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return ERR_SYNTAX;
        }
        n = n * 10 + (text.ptr[i] - '0');
    }
    *out = n;
    return n <= (int64_t)ID_MAX ? 0 : ERR_SYNTAX;
}

int notice_ids(struct bytes text, size_t max, struct buf *out)
{
    char id_bytes[8];
    int err = 0;

    for (size_t count = 0; text.len > 0 && err == 0; count++) {
        const char *comma = memchr(text.ptr, ',', text.len);
        struct bytes one = bytes_of(text.ptr, comma ? (size_t)(comma - text.ptr) : text.len);
        int64_t id = 0;

        err = count < max ? read_number(one, &id) : ERR_LIMIT;
        err = err == 0 && id == 0 ? ERR_SYNTAX : err;
        if (err == 0) {
            notify_user_put(id_bytes, id);
            err = buf_append(out, bytes_of(id_bytes, sizeof(id_bytes)));
        }
        text = bytes_skip(text, one.len + 1);
    }
    return err;
}

bool notice_is_category(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '_' && c != '-') {
            return false;
        }
    }
    return text.len > 0 && text.len <= NOTIFY_CATEGORY_MAX_BYTES;
}

bool notice_is_url(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == '\x7f' || text.ptr[i] == '\\') {
            return false;
        }
    }
    if (text.len > NOTIFY_URL_MAX_BYTES) {
        return false;
    }
    return (bytes_has_prefix(text, BYTES_LIT("/")) && !bytes_has_prefix(text, BYTES_LIT("//"))) ||
           bytes_has_prefix(text, BYTES_LIT("http://")) ||
           bytes_has_prefix(text, BYTES_LIT("https://"));
}

static struct bytes get(struct reading *r, const char *name)
{
    return r->field(r->arg, name);
}

static struct place keep(struct reading *r, struct bytes text)
{
    struct place p = {r->kept->len, text.len};

    r->err = r->err ? r->err : buf_append(r->kept, text);
    return p;
}

static struct place keep_text(struct reading *r, const char *name, size_t max_characters,
                              size_t max_bytes)
{
    struct bytes text = get(r, name);
    struct place p = {r->kept->len, 0};
    size_t characters = 0;

    if (r->err) {
        return p;
    }
    r->err = text.len <= max_bytes ? sanitize_text(r->mode, text, r->kept, &characters) : ERR_LIMIT;
    p.len = r->kept->len - p.start;
    if (r->err == 0 && (characters > max_characters || p.len > max_bytes)) {
        r->err = ERR_LIMIT;
    }
    return p;
}

static struct place keep_ids(struct reading *r, const char *name)
{
    struct place p = {r->kept->len, 0};

    r->err = r->err ? r->err : notice_ids(get(r, name), NOTIFY_USERS_MAX, r->kept);
    p.len = r->kept->len - p.start;
    return p;
}

static struct bytes at(const struct reading *r, struct place p)
{
    return bytes_of(r->kept->data + p.start, p.len);
}

static int64_t number(struct reading *r, const char *name)
{
    int64_t n = 0;
    int err = read_number(get(r, name), &n);

    r->err = r->err ? r->err : err;
    return n;
}

static void read_chat(struct reading *r, struct notice *out)
{
    struct place names, here;
    char url[32];

    out->is_chat = true;
    out->chat.channel_id = number(r, "channel");
    out->chat.message_id = number(r, "message_id");
    out->chat.author_id = number(r, "author");
    out->chat.at_ms = (uint64_t)number(r, "at");
    out->chat.has_members = bytes_eq_str(get(r, "members"), "1");
    names = keep(r, get(r, "names"));
    here = keep_ids(r, "here");
    snprintf(url, sizeof(url), "/chat/%" PRId64, out->chat.channel_id);
    struct place link = keep(r, bytes_str(url));
    if (r->err == 0) {
        out->chat.names = at(r, names);
        out->chat.here = at(r, here);
        out->url = at(r, link);
        r->err = utf8_check(out->chat.names);
    }
    out->title = BYTES_LIT(NOTICE_CHAT_TITLE);
    out->message = BYTES_LIT(NOTICE_CHAT_MESSAGE);
    out->category = BYTES_LIT(NOTICE_CHAT_CATEGORY);
}

static void read_service(struct reading *r, struct notice *out)
{
    struct bytes given = get(r, "category"), link = get(r, "url");
    struct place users = keep_ids(r, "user_ids");
    struct place title = keep_text(r, "title", NOTICE_TITLE_MAX, NOTIFY_TITLE_MAX_BYTES);
    struct place message = keep_text(r, "message", NOTICE_MESSAGE_MAX, NOTIFY_MESSAGE_MAX_BYTES);
    struct place category = keep(r, given.len > 0 ? given : BYTES_LIT(NOTICE_CATEGORY));
    struct place url = keep(r, link);

    if (r->err) {
        return;
    }
    out->users = at(r, users);
    out->title = at(r, title);
    out->message = at(r, message);
    out->category = at(r, category);
    out->url = at(r, url);
    if (users.len == 0 || title.len == 0) {
        r->err = ERR_MISSING;
    } else if (!notice_is_category(out->category) || (link.len > 0 && !notice_is_url(link))) {
        r->err = ERR_SYNTAX;
    } else {
        r->err = utf8_check(link);
    }
}

int notice_read(notice_field_fn *field, const void *arg, enum sanitize_mode mode, struct buf *kept,
                struct notice *out)
{
    struct reading r = {field, arg, mode, kept, 0};

    *out = (struct notice){0};
    buf_reset(kept);
    if (get(&r, "channel").len > 0) {
        read_chat(&r, out);
    } else {
        read_service(&r, out);
    }
    return r.err;
}
