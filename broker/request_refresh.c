/* SPDX-License-Identifier: MIT */
/* A newer access token for a socket that is open already: it must be good, and the same user's.
 * Called by requests.c.
 *
 *   token -> active user -> the socket's? -> REFRESHED         else an error frame as the REPLY */
#include "broker/requests_impl.h"

#include "proto/server_msg.h"

#define REPLY_MAX_BYTES (512u + 6u * CLIENT_ID_MAX_BYTES) /* each byte of it escaped */

static void refuse(struct request *req, enum client_code code)
{
    const struct refresh_work *w = &req->work.refresh;
    struct down_item item = {.kind = DOWN_REPLY};
    struct buf json;

    buf_init(&json, REPLY_MAX_BYTES);
    item.reply.frame_no = req->frame_no;
    item.reply.received_us = w->received_us;
    if (server_error(code, NULL, bytes_of(w->client_id, w->client_id_len), &json) == 0) {
        item.reply.json = buf_bytes(&json);
    } else { /* without memory: the frame must be answered all the same */
        item.reply.json =
            BYTES_LIT("{\"type\":\"error\",\"error\":\"Something went wrong on our side."
                      "\",\"code\":\"INTERNAL_ERROR\"}");
    }
    metric_add_label(req->owner->metrics.refreshed, code_name(code), 1);
    request_answer(req, &item);
    buf_done(&json);
}

static void on_user(struct request *req, int err, const struct user_row *user)
{
    struct down_item item = {.kind = DOWN_REFRESHED};

    if (err != 0 || user->id != req->work.refresh.user_id) {
        refuse(req, err == 0 || err == ERR_DENIED ? CODE_AUTHENTICATION_FAILED
                                                  : CODE_SERVICE_UNAVAILABLE);
        return;
    }
    item.refreshed.frame_no = req->frame_no;
    item.refreshed.received_us = req->work.refresh.received_us;
    item.refreshed.login = req->login;
    item.refreshed.expires_s = req->expires_s;
    metric_add_label(req->owner->metrics.refreshed, "REFRESHED", 1);
    request_answer(req, &item);
}

static void take(struct request *req, const struct up_refresh *refresh)
{
    struct refresh_work *w = &req->work.refresh;

    w->received_us = refresh->received_us;
    w->user_id = refresh->user_id;
    w->client_id_len = refresh->client_id.len;
    if (refresh->client_id.len > 0) {
        memcpy(w->client_id, refresh->client_id.ptr, refresh->client_id.len);
    }
}

void request_refresh_refuse(struct request *req, const struct up_refresh *refresh,
                            enum client_code code)
{
    take(req, refresh);
    refuse(req, code);
}

void request_refresh_start(struct request *req, const struct up_refresh *refresh)
{
    take(req, refresh);
    request_authenticate_token(req, refresh->token, on_user);
}
