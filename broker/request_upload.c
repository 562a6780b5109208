/* SPDX-License-Identifier: MIT */
/* upload_file and cancel_upload of sockets. Called by requests.c.
 *
 *   START   rules -> access -> upload_start  -> upload_started
 *                           -> upload_resume -> upload_started, and upload_complete if it is
 *   CHUNK   request_chunk.c
 *   CANCEL  upload_cancel -> upload_cancelled                 else an error frame as the REPLY */
#include "broker/request_upload.h"

#include <jansson.h>

#include "broker/request_files.h"

/* After a query was submitted: on an error the step is taken back and the request answered. */
static void submitted(struct request *req, struct step *step, int err, const char *query)
{
    if (err) {
        step_end(step);
        upload_fail_store(req, err, query);
    }
}

/* ---- cancel ---- */

static void on_cancelled(void *arg, int err, enum upload_verdict verdict)
{
    struct request *req = step_end(arg);
    struct buf json;

    if (!req) {
        return;
    }
    if (err) {
        upload_fail_store(req, err, "upload_cancel");
    } else if (verdict != UPLOAD_OK) {
        upload_fail_verdict(req, verdict);
    } else {
        buf_init(&json, REPLY_MAX_BYTES);
        if (server_upload_cancelled(bytes_str(req->upload->upload_id), &json) == 0) {
            upload_reply(req, buf_bytes(&json));
        } else {
            upload_fail(req, CODE_SERVICE_UNAVAILABLE, NULL);
        }
        buf_done(&json);
    }
}

static void cancel(struct request *req)
{
    const struct upload_by by = upload_by(req);
    struct step *step = step_begin(req);
    int err =
        step ? store_upload_cancel(req->owner->deps.store, &by, on_cancelled, step) : ERR_NOMEM;

    submitted(req, step, err, "upload_cancel");
}

/* ---- start ---- */

static void answer_started(struct request *req, const uint32_t *received, size_t count)
{
    const struct upload_started s = {.upload_id = bytes_str(req->upload->upload_id),
                                     .chunk_size = UPLOAD_CHUNK_ADVICE,
                                     .received = received,
                                     .received_count = count};
    struct buf json;

    buf_init(&json, REPLY_MAX_BYTES);
    if (server_upload_started(&s, &json) == 0) {
        upload_reply(req, buf_bytes(&json));
    } else {
        upload_fail(req, CODE_SERVICE_UNAVAILABLE, NULL);
    }
    buf_done(&json);
}

static void on_started(void *arg, int err, enum upload_verdict verdict)
{
    struct request *req = step_end(arg);

    if (!req) {
        return;
    }
    if (err) {
        upload_fail_store(req, err, "upload_start");
    } else if (verdict != UPLOAD_OK) {
        upload_fail_verdict(req, verdict);
    } else {
        answer_started(req, NULL, 0);
    }
}

static void start_new(struct request *req)
{
    struct upload_work *w = req->upload;
    char storage_name[STORAGE_NAME_BYTES + 1];
    struct step *step = step_begin(req);
    int err = ERR_NOMEM;

    upload_make_id(req, req->frame_no, w->upload_id);
    upload_make_storage_name(storage_name);
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
    submitted(req, step, err, "upload_start");
}

/* ---- resume ---- */

/* The answer, then the end that the uploader has missed. */
static void on_attachment(void *arg, int err, const struct attachment_row *row)
{
    struct request *req = step_end(arg);
    struct down_item item = {.kind = DOWN_SEND};
    struct buf json;

    if (!req) {
        return;
    }
    buf_init(&json, REPLY_MAX_BYTES);
    if (err == 0 && row) {
        const struct attachment a = {row->id, row->file_size, row->file_name, row->file_type,
                                     row->sha256};
        err = server_upload_complete(bytes_str(req->upload->upload_id), &a, &json);
    }
    item.conn = req->conn;
    item.send.json = buf_bytes(&json);
    if (err == 0 && row) {
        err = egress_item(req->owner->deps.egress, request_gateway(req), &item);
    }
    buf_done(&json);
    (void)err; /* it is there by history, too */
    request_drop(req);
}

static void tell_complete(struct request *req)
{
    struct step *step = step_begin(req);
    int err = step ? store_attachment(req->owner->deps.store, req->upload->attachment_id,
                                      req->upload->user_id, on_attachment, step)
                   : ERR_NOMEM;

    if (err) {
        step_end(step);
        request_drop(req);
    }
}

/* The reply goes out; the request lives on when there is more to tell. */
static void answer_resumed(struct request *req, const uint32_t *received, size_t count)
{
    const struct upload_started s = {.upload_id = bytes_str(req->upload->upload_id),
                                     .chunk_size = UPLOAD_CHUNK_ADVICE,
                                     .received = received,
                                     .received_count = count};
    struct down_item item = {.kind = DOWN_REPLY, .conn = req->conn};
    struct buf json;
    int err;

    if (req->upload->attachment_id == 0) {
        answer_started(req, received, count);
        return;
    }
    buf_init(&json, REPLY_MAX_BYTES);
    err = server_upload_started(&s, &json);
    item.reply.frame_no = req->frame_no;
    item.reply.received_us = req->upload->received_us;
    item.reply.json = buf_bytes(&json);
    if (err == 0) {
        err = egress_item(req->owner->deps.egress, request_gateway(req), &item);
    }
    buf_done(&json);
    if (err == 0) {
        tell_complete(req);
    } else {
        upload_fail(req, CODE_SERVICE_UNAVAILABLE, NULL);
    }
}

static void on_resumed(void *arg, int err, const struct resumed_upload *resumed)
{
    struct request *req = step_end(arg);
    uint32_t received[UPLOAD_CHUNKS_MAX];
    size_t count = 0;
    json_t *list;

    if (!req) {
        return;
    }
    if (err || resumed->verdict != UPLOAD_OK) {
        if (err) {
            upload_fail_store(req, err, "upload_resume");
        } else {
            upload_fail_verdict(req, resumed->verdict);
        }
        return;
    }
    list = json_loadb(resumed->chunks.ptr, resumed->chunks.len, 0, NULL);
    for (; count < json_array_size(list) && count < UPLOAD_CHUNKS_MAX; count++) {
        received[count] = (uint32_t)json_integer_value(json_array_get(list, count));
    }
    json_decref(list);
    req->upload->attachment_id = resumed->attachment_id;
    answer_resumed(req, received, count);
}

static void resume(struct request *req)
{
    const struct upload_by by = upload_by(req);
    struct step *step = step_begin(req);
    int err = step ? store_upload_resume(req->owner->deps.store, &by, req->upload->channel_id,
                                         req->upload->file_size, on_resumed, step)
                   : ERR_NOMEM;

    submitted(req, step, err, "upload_resume");
}

static void begin(struct request *req)
{
    if (req->upload->upload_id[0] == '\0') {
        start_new(req);
    } else {
        resume(req);
    }
}

/* ---- another channel than the socket's ---- */

static void on_other_channel(void *arg, int err, const struct channel_row *channel)
{
    struct request *req = step_end(arg);

    if (!req) {
        return;
    }
    if (err) {
        upload_fail_store(req, err, "channel_by_id");
    } else if (!channel) {
        upload_fail(req, CODE_CHANNEL_NOT_FOUND, NULL);
    } else if (channel->is_private && !channel->is_member) {
        upload_fail(req, CODE_PERMISSION_DENIED, NULL);
    } else {
        upload_fail(req, CODE_INVALID_MESSAGE, "This socket is of another channel.");
    }
}

static void refuse_other_channel(struct request *req)
{
    struct step *step = step_begin(req);
    int err = step ? store_channel_by_id(req->owner->deps.store, req->upload->channel_id,
                                         req->upload->user_id, on_other_channel, step)
                   : ERR_NOMEM;

    submitted(req, step, err, "channel_by_id");
}

static void start(struct request *req, const struct up_upload *u)
{
    const struct broker_conf *conf = req->owner->deps.conf;
    const struct upload_rules rules = {.allowed_types = conf->upload_allowed_types,
                                       .size_max = conf->upload_max_bytes,
                                       .sanitize_mode = (enum sanitize_mode)conf->sanitize_mode};
    struct upload_judgement j = upload_judge(&rules, u->file_name, u->file_type, u->file_size,
                                             &req->upload->file_name, &req->upload->file_type);

    if (upload_channel(u->topic) != u->channel_id) {
        refuse_other_channel(req);
    } else if (j.code != CODE_NONE) {
        upload_fail(req, j.code, j.sentence);
    } else {
        begin(req);
    }
}

void request_upload_start(struct request *req, const struct up_upload *upload)
{
    req->upload = upload_work_new(req->owner, upload);
    if (!req->upload) {
        request_drop(req); /* the gateway answers when the time is up */
        return;
    }
    switch (upload->action) {
    case UPLOAD_START:
        start(req, upload);
        return;
    case UPLOAD_CHUNK:
        request_chunk_start(req);
        return;
    case UPLOAD_CANCEL:
        cancel(req);
        return;
    }
}

void request_upload_refuse(struct request *req, const struct up_upload *upload)
{
    req->upload = upload_work_new(req->owner, upload);
    if (req->upload) {
        upload_fail(req, CODE_SERVICE_UNAVAILABLE, NULL);
    }
}

void request_upload_done(struct request *req)
{
    upload_work_free(req->owner->deps.files, req->upload);
    req->upload = NULL;
}
