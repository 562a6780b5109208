/* SPDX-License-Identifier: MIT */
/* GET /media/attachments/<id>/<name>: the file of an attachment, or with ?thumbnail=1 its small
 * picture. The answer tells the gateway what to pull (request_pull.c), or the client where to go.
 * Whoever may not see it is told what everybody is told of what is not there. Called by
 * request_http.c.
 *
 *   who -> attachment -> ranges, conditions -> 200, 206, 302, 304, 416 | 404 */
#include <stdio.h>

#include "broker/http_file.h"
#include "broker/http_query.h"
#include "broker/storage_key.h"
#include "broker/request_files.h"
#include "broker/request_upload.h"
#include "common/mem.h"

#define CONDITION_MAX_BYTES 512u /* of a header: ours have 66, a list of some fits */
#define LINK_SECONDS 300u        /* begun in that time; a download itself may take longer */
#define LINK_HEADERS_MAX 4000u   /* what a gateway takes */

struct media_work {
    int64_t id;
    bool is_thumbnail;
    bool is_head;    /* answered here: the storage's addresses are good for GET only */
    struct buf name; /* decoded */
    struct buf range, if_range, if_none_match;
};

void request_media_done(struct request *req)
{
    struct media_work *w = req->media;

    if (w) {
        buf_done(&w->name);
        buf_done(&w->range);
        buf_done(&w->if_range);
        buf_done(&w->if_none_match);
        mem_free(w);
        req->media = NULL;
    }
}

static void refuse(struct request *req)
{
    request_http_fail(req, 404, "Not found.", "not_found");
}

static void answer(struct request *req, const struct http_file_answer *a, struct bytes type,
                   struct bytes headers, const char *key)
{
    struct down_item item = {.kind = DOWN_HTTP};
    struct buf body;
    char status[8];

    item.http.status = a->status;
    item.http.content_type = type;
    item.http.headers = headers;
    if (a->bytes > 0) {
        item.http.ref = bytes_str(key);
        item.http.ref_offset = a->offset;
        item.http.ref_bytes = a->bytes;
    }
    buf_init(&body, HTTP_DETAIL_MAX_BYTES);
    if (a->status == 416 && http_detail("The file has no such range.", "invalid", &body) == 0) {
        item.http.content_type = BYTES_LIT("application/json");
        item.http.body = buf_bytes(&body);
    }
    snprintf(status, sizeof(status), "%u", a->status);
    metric_add_label(req->owner->metrics.http_status, status, 1);
    request_answer(req, &item);
    buf_done(&body);
}

/* To the storage itself, if it has addresses and this one fits. */
static bool redirect(struct request *req, const struct http_file *file, const char *key)
{
    const struct http_file_answer found = {.status = 302};
    struct files *f = req->owner->deps.files;
    struct storage_link link = {.expires_s = LINK_SECONDS, .content_type = file->type};
    struct buf disposition, headers;
    int err;

    if (f->conf->storage != STORAGE_S3 || f->conf->s3_downloads != S3_REDIRECT) {
        return false;
    }
    buf_init(&disposition, HTTP_FILE_HEADERS_MAX_BYTES);
    buf_init(&headers, LINK_HEADERS_MAX);
    err = http_file_disposition(file, &disposition);
    link.disposition = buf_bytes(&disposition);
    err = err ? err
              : buf_append(&headers, BYTES_LIT("Cache-Control: private, no-store\r\nLocation: "));
    err = err ? err : storage_link(f->storage, key, &link, &headers);
    err = err ? err : buf_append(&headers, BYTES_LIT("\r\n"));
    if (err == 0) {
        answer(req, &found, file->type, buf_bytes(&headers), key);
    }
    buf_done(&disposition);
    buf_done(&headers);
    return err == 0;
}

static void answer_file(struct request *req, const struct http_file *file, const char *key)
{
    const struct media_work *w = req->media;
    /* RFC 9110 §14.2: of a HEAD no range is looked at. */
    const struct http_file_request wanted = {.range =
                                                 w->is_head ? BYTES_NONE : buf_bytes(&w->range),
                                             .if_range = buf_bytes(&w->if_range),
                                             .if_none_match = buf_bytes(&w->if_none_match)};
    struct http_file_answer a;
    struct buf headers;

    buf_init(&headers, HTTP_FILE_HEADERS_MAX_BYTES);
    if (http_file_answer(file, &wanted, &a, &headers) != 0) {
        request_http_unavailable(req);
    } else if (a.status == 304 || w->is_head || !redirect(req, file, key)) {
        answer(req, &a, file->type, buf_bytes(&headers), key);
    }
    buf_done(&headers);
}

static void on_attachment(void *arg, int err, const struct attachment_row *row)
{
    struct request *req = step_end(arg);
    char storage_name[STORAGE_NAME_BYTES + 16], key[STORAGE_KEY_MAX], etag[80];
    struct http_file file;

    if (!req) {
        return;
    }
    if (err) {
        request_store_error(err, "attachment");
        request_http_unavailable(req);
        return;
    }
    if (!row || !bytes_eq(row->file_name, buf_bytes(&req->media->name)) ||
        (req->media->is_thumbnail && row->thumbnail_bytes == 0)) {
        refuse(req);
        return;
    }
    snprintf(storage_name, sizeof(storage_name), "%.*s", BYTES_FMT(row->storage_name));
    storage_key_of_file(storage_name, req->media->is_thumbnail ? "thumb" : "data", key);
    snprintf(etag, sizeof(etag), "%s%.*s", req->media->is_thumbnail ? "t" : "",
             BYTES_FMT(row->sha256));
    file =
        (struct http_file){.name = row->file_name,
                           .type = req->media->is_thumbnail ? row->thumbnail_type : row->file_type,
                           .etag = bytes_str(etag),
                           .size = req->media->is_thumbnail ? (uint64_t)row->thumbnail_bytes
                                                            : (uint64_t)row->file_size};
    answer_file(req, &file, key);
}

static void on_user(struct request *req, int err, const struct user_row *user)
{
    struct step *step;

    if (err) {
        if (err == ERR_DENIED) {
            refuse(req);
        } else {
            request_http_unavailable(req);
        }
        return;
    }
    step = step_begin(req);
    err = step ? store_attachment(req->owner->deps.store, req->media->id, user->id, on_attachment,
                                  step)
               : ERR_NOMEM;
    if (err) {
        step_end(step);
        request_store_error(err, "attachment");
        request_http_unavailable(req);
    }
}

static bool wants_thumbnail(struct bytes query)
{
    struct buf text;
    bool is_wanted;

    buf_init(&text, 8);
    is_wanted =
        http_query_get(query, "thumbnail", &text) == 0 && bytes_eq_str(buf_bytes(&text), "1");
    buf_done(&text);
    return is_wanted;
}

/* A header that is too long is as good as none. */
static int keep(struct buf *out, struct bytes header)
{
    int err;

    buf_init(out, CONDITION_MAX_BYTES);
    err = buf_append(out, header);
    return err == ERR_FULL ? 0 : err;
}

void request_media(struct request *req, const struct up_http *http)
{
    struct media_work *w = mem_zalloc(sizeof(*w));
    int err = w ? 0 : ERR_NOMEM;

    req->media = w;
    if (w) {
        w->id = req->path_id;
        w->is_thumbnail = wants_thumbnail(http->query);
        w->is_head = bytes_eq_str(http->method, "HEAD");
        buf_init(&w->name, FILE_NAME_GIVEN_MAX_BYTES);
        err = http_path_decode(req->path_name, &w->name);
        err = err ? err : keep(&w->range, http->range);
        err = err ? err : keep(&w->if_range, http->if_range);
        err = err ? err : keep(&w->if_none_match, http->if_none_match);
    }
    if (err == ERR_NOMEM) {
        request_http_unavailable(req);
    } else if (err) {
        refuse(req);
    } else {
        request_authenticate(req, &http->cred, on_user);
    }
}
