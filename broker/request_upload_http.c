/* SPDX-License-Identifier: MIT */
/* POST /api/uploads/?channel_id=&file_name=&post=: an upload whose bytes are the request's body,
 * its type and size the headers of those names. The gateway sends the body when it is wanted, as
 * chunks (request_chunk.c); the answer comes from upload_finish.c. Called by request_http.c.
 *
 *   rules -> who -> upload_start -> WANTED */
#include "broker/request_upload.h"

#include <inttypes.h>
#include <stdio.h>

#include "broker/http_query.h"
#include "common/mem.h"
#include "proto/encoding.h"

#define NUMBER_MAX_BYTES 20u

static void on_started(void *arg, int err, enum upload_verdict verdict)
{
    struct request *req = step_end(arg);
    struct down_item item = {.kind = DOWN_WANTED};

    if (!req) {
        return;
    }
    if (err) {
        upload_fail_store(req, err, "upload_start");
        return;
    }
    if (verdict != UPLOAD_OK) {
        upload_fail_verdict(req, verdict);
        return;
    }
    item.wanted.actor = (struct actor){.user_id = req->upload->user_id};
    item.wanted.topic = bytes_str(req->upload->topic);
    item.wanted.upload_id = bytes_str(req->upload->upload_id);
    request_answer(req, &item);
}

static void run(struct request *req)
{
    struct upload_work *w = req->upload;
    char storage_name[STORAGE_NAME_BYTES + 1];
    struct step *step = step_begin(req);
    int err = ERR_NOMEM;

    w->user_id = req->api->user_id;
    upload_make_id(req, 0, w->upload_id);
    upload_make_storage_name(storage_name);
    snprintf(w->topic, sizeof(w->topic), "chat:%" PRId64, w->channel_id);
    if (step) {
        const struct new_upload upload = {.by = upload_by(req),
                                          .channel_id = w->channel_id,
                                          .file_size = w->file_size,
                                          .file_name = buf_bytes(&w->file_name),
                                          .file_type = buf_bytes(&w->file_type),
                                          .storage_name = bytes_str(storage_name),
                                          .is_posted = w->is_posted,
                                          .open_max = req->owner->deps.conf->uploads_per_user};
        err = store_upload_start(req->owner->deps.store, &upload, on_started, step);
    }
    if (err) {
        step_end(step);
        upload_fail_store(req, err, "upload_start");
    }
}

static int64_t query_id(struct bytes query, const char *name)
{
    struct buf text;
    int64_t id;

    buf_init(&text, NUMBER_MAX_BYTES);
    id = http_query_get(query, name, &text) == 0 ? decimal_id(buf_bytes(&text)) : 0;
    buf_done(&text);
    return id;
}

static bool query_is_off(struct bytes query, const char *name)
{
    struct buf text;
    bool is_off;

    buf_init(&text, NUMBER_MAX_BYTES);
    is_off = http_query_get(query, name, &text) == 0 &&
             (bytes_eq_str(buf_bytes(&text), "0") || bytes_eq_str(buf_bytes(&text), "false"));
    buf_done(&text);
    return is_off;
}

static struct upload_judgement judge(struct request *req, const struct up_http *http)
{
    const struct broker_conf *conf = req->owner->deps.conf;
    const struct upload_rules rules = {.allowed_types = conf->upload_allowed_types,
                                       .size_max = conf->upload_max_bytes,
                                       .sanitize_mode = (enum sanitize_mode)conf->sanitize_mode};
    struct upload_judgement j = {CODE_INVALID_MESSAGE, "channel_id and file_name are needed."};
    struct buf name;

    buf_init(&name, FILE_NAME_GIVEN_MAX_BYTES);
    if (req->upload->channel_id != 0 && http_query_get(http->query, "file_name", &name) == 0) {
        j = upload_judge(&rules, buf_bytes(&name), http->content_type, req->upload->file_size,
                         &req->upload->file_name, &req->upload->file_type);
    }
    buf_done(&name);
    return j;
}

/* Why a file is not taken is told to those only who are somebody. */
static void judged(struct request *req)
{
    const struct upload_judgement j = req->upload->judgement;

    if (j.code == CODE_NONE) {
        run(req);
    } else {
        upload_fail(req, j.code, j.sentence);
    }
}

void request_upload_body(struct request *req, const struct up_http *http)
{
    const struct up_upload upload = {.is_http = true,
                                     .file_size = (int64_t)http->body_bytes,
                                     .channel_id = query_id(http->query, "channel_id"),
                                     .is_posted = !query_is_off(http->query, "post")};

    req->upload = upload_work_new(req->owner, &upload);
    if (!req->upload) {
        request_http_unavailable(req);
        return;
    }
    req->upload->judgement = judge(req, http);
    request_api_start(req, http, BYTES_NONE, judged);
}
