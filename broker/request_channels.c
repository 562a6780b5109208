/* SPDX-License-Identifier: MIT */
/* The routes about people and channels: oneself, the channels one may enter, new channels, and who
 * is in them. Called by request_http.c; what they have in common is in request_api.c. */
#include "broker/request_api.h"

#include "broker/channel_name.h"
#include "broker/http_listing.h"

/* ---- GET /api/users/me/ ---- */

static void on_profile(void *arg, int err, const struct profile_row *profile)
{
    struct request *req = step_end(arg);
    struct buf body;

    if (!request_api_goes_on(req, err, "profile")) {
        return;
    }
    if (!profile) { /* deleted a moment ago */
        request_api_refuse(req, 401, CODE_AUTHENTICATION_FAILED);
        return;
    }
    buf_init(&body, HTTP_REPLY_MAX_BYTES);
    err = http_profile(profile, &body);
    request_api_answer(req, 200, err, &body);
}

static void me_run(struct request *req)
{
    struct step *step = step_begin(req);
    int err = ERR_NOMEM;

    if (step) {
        err = store_profile(req->owner->deps.store, req->api->user_id, on_profile, step);
    }
    request_api_submitted(req, step, err, "profile");
}

void request_user_me(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, BYTES_NONE, me_run);
}

/* ---- GET /api/channels/ ---- */

static void on_channels(void *arg, int err, const struct listed_channel *channels, size_t count)
{
    struct request *req = step_end(arg);
    struct buf body;

    if (!request_api_goes_on(req, err, "channels")) {
        return;
    }
    buf_init(&body, HTTP_REPLY_MAX_BYTES);
    err = http_channels(channels, count, &body);
    request_api_answer(req, 200, err, &body);
}

static void channels_run(struct request *req)
{
    struct step *step = step_begin(req);
    int err = ERR_NOMEM;

    if (step) {
        err = store_channels(req->owner->deps.store, req->api->user_id, on_channels, step);
    }
    request_api_submitted(req, step, err, "channels");
}

void request_channels(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, BYTES_NONE, channels_run);
}

/* ---- POST /api/channels/ ---- */

enum create_field { CREATE_NAME, CREATE_PRIVATE, CREATE_MEMBERS, CREATE_FIELD_COUNT };

static void answer_made(struct request *req, const struct made_channel *made)
{
    const struct http_field *fields = req->api->fields;
    struct listed_channel channel = {
        .id = made->id,
        .name = http_field_bytes(&fields[CREATE_NAME]),
        .kind = BYTES_LIT("group"),
        .role = BYTES_LIT("owner"),
        .members = fields[CREATE_PRIVATE].flag ? made->members : BYTES_NONE,
        .is_private = fields[CREATE_PRIVATE].flag,
    };
    struct buf body;
    int err;

    buf_init(&body, HTTP_REPLY_MAX_BYTES);
    err = http_channel(&channel, &body);
    request_api_answer(req, 201, err, &body);
}

static void on_made(void *arg, int err, const struct made_channel *made)
{
    struct request *req = step_end(arg);

    if (!request_api_is_known(req, err, "create_channel")) {
        return;
    }
    if (made->unknown_user != 0) {
        request_api_refuse_field(req, CREATE_MEMBERS, HTTP_NO_USER);
    } else if (made->id == 0) {
        request_http_fail(req, 409, "There is a channel of this name already.", "conflict");
    } else {
        answer_made(req, made);
    }
}

static void create(struct request *req)
{
    const struct http_field *fields = req->api->fields;
    struct new_channel channel = {.name = http_field_bytes(&fields[CREATE_NAME]),
                                  .is_private = fields[CREATE_PRIVATE].flag,
                                  .creator_id = req->api->user_id,
                                  .members = fields[CREATE_MEMBERS].ids,
                                  .member_count = fields[CREATE_MEMBERS].id_count};
    struct step *step = step_begin(req);
    int err = ERR_NOMEM;

    if (step) {
        err = store_create_channel(req->owner->deps.store, &channel, on_made, step);
    }
    request_api_submitted(req, step, err, "create_channel");
}

static void create_run(struct request *req)
{
    static const struct http_field fields[CREATE_FIELD_COUNT] = {
        [CREATE_NAME] = {.name = "name", .is_trimmed = true},
        [CREATE_PRIVATE] = {.name = "is_private", .type = HTTP_FLAG, .is_optional = true},
        [CREATE_MEMBERS] = {.name = "members", .type = HTTP_IDS, .is_optional = true}};
    int err;

    if (!req->api->is_staff) {
        request_api_refuse(req, 403, CODE_PERMISSION_DENIED);
        return;
    }
    if (!request_api_fields(req, fields, CREATE_FIELD_COUNT)) {
        return;
    }
    err = channel_name_check(http_field_bytes(&req->api->fields[CREATE_NAME]));
    if (err != 0) {
        request_api_refuse_field(req, CREATE_NAME, err == ERR_LIMIT ? HTTP_TOO_LONG : HTTP_PATTERN);
    } else {
        create(req);
    }
}

void request_channel_create(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, http->body, create_run);
}

/* ---- POST and DELETE /api/channels/<id>/members/ ---- */

static void on_member(void *arg, int err, enum member_verdict verdict)
{
    struct request *req = step_end(arg);
    struct http_answer done = {.status = 204};

    if (!request_api_is_known(req, err, "set_member")) {
        return;
    }
    switch (verdict) {
    case MEMBER_DONE:
        request_http_answer(req, &done);
        break;
    case MEMBER_NO_CHANNEL:
        request_api_refuse(req, 404, CODE_CHANNEL_NOT_FOUND);
        break;
    case MEMBER_DENIED:
        request_api_refuse(req, 403, CODE_PERMISSION_DENIED);
        break;
    case MEMBER_NO_USER:
        request_api_refuse_field(req, 0, HTTP_NO_USER);
        break;
    }
}

static void set_member(struct request *req, bool is_in)
{
    static const struct http_field user_id = {.name = "user_id", .type = HTTP_ID};
    struct member_change change = {.channel_id = req->path_id,
                                   .actor_id = req->api->user_id,
                                   .actor_is_staff = req->api->is_staff,
                                   .is_in = is_in};
    struct step *step;
    int err = ERR_NOMEM;

    if (!request_api_fields(req, &user_id, 1)) {
        return;
    }
    change.user_id = req->api->fields[0].id;
    step = step_begin(req);
    if (step) {
        err = store_set_member(req->owner->deps.store, &change, on_member, step);
    }
    request_api_submitted(req, step, err, "set_member");
}

static void add_run(struct request *req)
{
    set_member(req, true);
}

static void remove_run(struct request *req)
{
    set_member(req, false);
}

void request_member_add(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, http->body, add_run);
}

void request_member_remove(struct request *req, const struct up_http *http)
{
    request_api_start(req, http, http->body, remove_run);
}
