/* SPDX-License-Identifier: MIT */
/* The frames about uploads, keys in the order of PROTOCOL.md, and attachments as messages have
 * them. Called by the broker. */
#include "proto/server_upload.h"

#include <inttypes.h>

#include "proto/limits.h"

/* Of a name: each byte percent-encoded, and what is around it. */
#define URL_MAX_BYTES (64u + 3u * FILE_NAME_GIVEN_MAX_BYTES)

static struct json_out begin(const char *type, struct bytes upload_id, struct buf *out)
{
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    json_kstr(&j, "type", bytes_str(type));
    json_kstr(&j, "upload_id", upload_id);
    return j;
}

static int finish(struct json_out *j, size_t start)
{
    json_end_object(j);
    if (j->err) {
        j->out->len = start;
    }
    return j->err;
}

/* Those that stand for themselves in a path: RFC 3986 §2.3. */
static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

int attachment_url(int64_t id, struct bytes file_name, struct buf *out)
{
    size_t start = out->len;
    int err = buf_printf(out, "/media/attachments/%" PRId64 "/", id);

    for (size_t i = 0; err == 0 && i < file_name.len; i++) {
        char c = file_name.ptr[i];
        err = is_unreserved(c) ? buf_append_char(out, c)
                               : buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
    if (err) {
        out->len = start;
    }
    return err;
}

void server_put_attachment(struct json_out *j, const struct attachment *a)
{
    struct buf url;
    int err;

    buf_init(&url, URL_MAX_BYTES);
    err = attachment_url(a->id, a->file_name, &url);
    json_begin_object(j);
    json_ki64(j, "id", a->id);
    json_kstr(j, "file_name", a->file_name);
    json_ki64(j, "file_size", a->file_size);
    json_kstr(j, "file_type", a->file_type);
    json_kstr(j, "url", buf_bytes(&url));
    if (a->sha256.len > 0) {
        json_kstr(j, "sha256", a->sha256);
    }
    json_end_object(j);
    j->err = j->err ? j->err : err;
    buf_done(&url);
}

int server_upload_started(const struct upload_started *s, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("upload_started", s->upload_id, out);

    json_ki64(&j, "chunk_size", s->chunk_size);
    json_key(&j, "received");
    json_begin_array(&j);
    for (size_t i = 0; i < s->received_count; i++) {
        json_i64(&j, s->received[i]);
    }
    json_end_array(&j);
    return finish(&j, start);
}

int server_upload_progress(const struct upload_progress *p, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("upload_progress", p->upload_id, out);

    json_ki64(&j, "chunk_index", p->chunk_index);
    json_ki64(&j, "received", p->received);
    json_ki64(&j, "total", p->total);
    json_ki64(&j, "progress", p->total > 0 ? p->received * 100 / p->total : 0);
    return finish(&j, start);
}

int server_upload_complete(struct bytes upload_id, const struct attachment *a, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("upload_complete", upload_id, out);

    json_key(&j, "attachment");
    server_put_attachment(&j, a);
    return finish(&j, start);
}

int server_upload_cancelled(struct bytes upload_id, struct buf *out)
{
    size_t start = out->len;
    struct json_out j = begin("upload_cancelled", upload_id, out);

    return finish(&j, start);
}

int server_upload_failed(enum client_code code, const char *sentence, struct bytes upload_id,
                         struct buf *out)
{
    size_t start = out->len;
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    json_kstr(&j, "type", BYTES_LIT("error"));
    json_kstr(&j, "error", bytes_str(sentence));
    json_kstr(&j, "code", bytes_str(code_name(code)));
    json_kstr(&j, "upload_id", upload_id);
    return finish(&j, start);
}
