/* SPDX-License-Identifier: MIT */
/* What all requests about uploads have in common: their work, names for what is new, answers.
 * Called by request_upload.c, request_chunk.c and request_upload_http.c. */
#include "broker/request_upload.h"

#include <inttypes.h>
#include <stdio.h>

#include "broker/channel_name.h"
#include "broker/openssl.h"
#include "broker/upload_finish.h"
#include "common/io/clock.h"
#include "common/mem.h"
#include "proto/encoding.h"
#include "proto/server_msg.h"
#include "proto/stream_keys.h"

#define BASE36 "0123456789abcdefghijklmnopqrstuvwxyz"
#define BASE62 "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static void put(char *out, size_t cap, struct bytes text)
{
    size_t len = text.len < cap ? text.len : cap - 1;

    if (len > 0) {
        memcpy(out, text.ptr, len);
    }
    out[len] = '\0';
}

int64_t upload_channel(struct bytes topic)
{
    int64_t id = 0;

    return bytes_has_prefix(topic, BYTES_LIT("chat:")) &&
                   channel_number_parse(bytes_skip(topic, 5), &id) == 0
               ? id
               : 0;
}

struct upload_work *upload_work_new(const struct requests *r, const struct up_upload *u)
{
    struct upload_work *w = mem_zalloc(sizeof(*w));

    if (!w) {
        return NULL;
    }
    w->received_us = u->received_us;
    w->action = u->action;
    w->is_http = u->is_http;
    w->is_posted = u->is_posted;
    w->user_id = u->actor.user_id;
    w->is_staff = u->actor.is_staff;
    w->channel_id = u->channel_id;
    w->file_size = u->file_size;
    w->partition = partition_of(u->topic, r->deps.conf->partitions);
    w->chunk_index = u->chunk_index;
    w->chunk_bytes = u->chunk_bytes;
    w->blob = u->blob;
    put(w->upload_id, sizeof(w->upload_id), u->upload_id);
    put(w->client_id, sizeof(w->client_id), u->client_id);
    put(w->username, sizeof(w->username), u->actor.username);
    put(w->avatar, sizeof(w->avatar), u->actor.avatar);
    put(w->topic, sizeof(w->topic), u->topic);
    buf_init(&w->file_name, FILE_NAME_GIVEN_MAX_BYTES);
    buf_init(&w->file_type, FILE_TYPE_MAX_BYTES);
    return w;
}

void upload_work_free(struct files *f, struct upload_work *w)
{
    if (!w) {
        return;
    }
    if (w->has_turn) {
        files_leave(f);
    }
    mem_free(w->data);
    buf_done(&w->file_name);
    buf_done(&w->file_type);
    mem_free(w);
}

void upload_make_id(const struct request *req, uint64_t frame_no, char out[UPLOAD_ID_MAX_BYTES + 1])
{
    const struct broker_conf *conf = req->owner->deps.conf;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char text[GATEWAY_NAME_MAX + 64];
    int len = snprintf(text, sizeof(text), "upload:%.*s/%" PRIu64 "/%" PRIu64,
                       BYTES_FMT(request_gateway(req)), req->conn, frame_no);

    HMAC(EVP_sha256(), conf->secret_key, (int)strlen(conf->secret_key), (unsigned char *)text,
         (size_t)len, digest, NULL);
    number_digits(bytes_of((char *)digest, 16), BASE62, out, UPLOAD_ID_BYTES);
}

void upload_make_storage_name(char out[STORAGE_NAME_BYTES + 1])
{
    char number[32];

    clock_random(number, sizeof(number));
    number_digits(bytes_of(number, sizeof(number)), BASE36, out, STORAGE_NAME_BYTES);
}

/* A request of HTTP is told from a socket by the sign. */
struct upload_by upload_by(const struct request *req)
{
    bool is_http = req->upload->is_http;

    return (struct upload_by){.upload_id = bytes_str(req->upload->upload_id),
                              .user_id = req->upload->user_id,
                              .gateway = request_gateway(req),
                              .conn = is_http ? (uint64_t) - (int64_t)req->conn : req->conn};
}

/* ---- answers ---- */

void upload_reply(struct request *req, struct bytes json)
{
    struct down_item item = {.kind = DOWN_REPLY};

    if (req->upload->is_http) {
        item.kind = DOWN_ACK;
        item.ack.frame_no = req->frame_no;
        item.ack.received_us = req->upload->received_us;
    } else {
        item.reply.frame_no = req->frame_no;
        item.reply.received_us = req->upload->received_us;
        item.reply.json = json;
    }
    request_answer(req, &item);
}

static uint32_t status_of(enum client_code code)
{
    switch (code) {
    case CODE_PERMISSION_DENIED:
        return 403;
    case CODE_CHANNEL_NOT_FOUND:
        return 404;
    case CODE_MESSAGE_TOO_LARGE:
        return 413;
    case CODE_RATE_LIMIT_EXCEEDED:
        return 429;
    case CODE_SERVICE_UNAVAILABLE:
        return 503;
    case CODE_INTERNAL_ERROR:
        return 500;
    case CODE_NONE:
    case CODE_AUTHENTICATION_FAILED:
    case CODE_INVALID_MESSAGE:
    case CODE_COUNT:
        break;
    }
    return 400;
}

void upload_fail(struct request *req, enum client_code code, const char *sentence)
{
    struct buf json;

    /* The answer ends the whole request, though this may be a repeat whose first one is answered
     * already. The gateway sends a piece again that is not answered, and knows when to give up. */
    if (req->upload && req->upload->is_http && req->upload->action == UPLOAD_CHUNK &&
        code == CODE_SERVICE_UNAVAILABLE) {
        request_drop(req);
        return;
    }
    if (req->upload && req->upload->is_http) {
        request_http_fail(req, status_of(code), sentence ? sentence : code_sentence(code),
                          code_name(code));
        return;
    }
    buf_init(&json, REPLY_MAX_BYTES);
    if (server_error(code, sentence, bytes_str(req->upload->client_id), &json) != 0) {
        buf_reset(&json);
    }
    upload_reply(req, json.len > 0
                          ? buf_bytes(&json)
                          : BYTES_LIT("{\"type\":\"error\",\"error\":\"Something went wrong "
                                      "on our side.\",\"code\":\"INTERNAL_ERROR\"}"));
    buf_done(&json);
}

void upload_fail_verdict(struct request *req, enum upload_verdict verdict)
{
    switch (verdict) {
    case UPLOAD_UNKNOWN:
        upload_fail(req, CODE_INVALID_MESSAGE, "There is no such upload.");
        return;
    case UPLOAD_FOREIGN:
    case UPLOAD_NO_ACCESS:
        upload_fail(req, CODE_PERMISSION_DENIED, NULL);
        return;
    case UPLOAD_NO_CHANNEL:
        upload_fail(req, CODE_CHANNEL_NOT_FOUND, NULL);
        return;
    case UPLOAD_TOO_MANY:
        upload_fail(req, CODE_INVALID_MESSAGE, "Too many uploads are open.");
        return;
    case UPLOAD_CONFLICT:
        upload_fail(req, CODE_INVALID_MESSAGE, "This does not fit the upload as it is.");
        return;
    case UPLOAD_OK:
    case UPLOAD_REPEAT:
        break;
    }
    upload_fail(req, CODE_INTERNAL_ERROR, NULL);
}

void upload_fail_store(struct request *req, int err, const char *query)
{
    request_store_error(err, query);
    upload_fail(req, CODE_SERVICE_UNAVAILABLE, NULL);
}
