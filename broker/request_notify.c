/* SPDX-License-Identifier: MIT */
/* POST /api/notifications/: another service has something to tell to people. The key decides, not
 * a user; what is accepted goes into the stream "notify", whose rules are those of notice.h.
 *
 *   service key -> fields -> XADD -> 202 with how many people it is for
 *       401         400      503 when Redis is away */

#include <strings.h>

#include "broker/notice.h"
#include "broker/openssl.h"
#include "broker/request_api.h"
#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "proto/json_out.h"
#include "proto/stream_keys.h"
#include "proto/utf8.h"

#define SCHEME "Api-Key "
#define ANSWER_MAX_BYTES 64u
#define IDS_TEXT_MAX (HTTP_IDS_MAX * 17u)

enum notify_field { USERS, TITLE, MESSAGE, CATEGORY, URL, FIELD_COUNT };

/* In the same time whatever was tried; the length of the key may be known. The name of the scheme
 * is case-insensitive (RFC 9110 §11.1). */
static bool has_key(const char *service_key, struct bytes authorization)
{
    const struct bytes scheme = BYTES_LIT(SCHEME), key = bytes_str(service_key);
    struct bytes given = bytes_skip(authorization, scheme.len);

    return key.len > 0 && authorization.len > scheme.len &&
           strncasecmp(authorization.ptr, scheme.ptr, scheme.len) == 0 && given.len == key.len &&
           CRYPTO_memcmp(given.ptr, key.ptr, key.len) == 0;
}

/* A right key is never refused because of wrong ones; they are only made visible. */
static bool check_key(const struct request *req, const struct up_http *http)
{
    static struct log_limit limit = {.per_minute = 6};
    bool is_right = has_key(req->owner->deps.conf->service_key, http->cred.authorization);

    metric_add_label(req->owner->metrics.auth, is_right ? "service_key_ok" : "service_key_wrong",
                     1);
    if (!is_right && log_limit_pass(&limit, clock_mono_ms())) {
        log_warn("service_key_refused", LOG_BYTES("address", http->address));
    }
    return is_right;
}

static void on_added(void *arg, int err, const struct redis_value *v)
{
    struct request *req = step_end(arg);
    struct http_answer answer = {.status = 202};
    struct json_out j;
    struct buf body;

    if (!req) {
        return;
    }
    if (err != 0) {
        log_warn("notify_not_added", LOG_BYTES("reply", redis_value_bytes(v)), LOG_ERR(err));
        request_http_unavailable(req);
        return;
    }
    buf_init(&body, ANSWER_MAX_BYTES);
    json_out_init(&j, &body);
    json_begin_object(&j);
    json_ki64(&j, "accepted", (int64_t)req->api->accepted);
    json_end_object(&j);
    answer.body = buf_bytes(&body);
    request_http_answer(req, &answer);
    buf_done(&body);
}

/* Each once. */
static int put_ids(const struct http_field *f, struct buf *out, size_t *out_count)
{
    int err = 0;

    *out_count = 0;
    for (size_t i = 0; i < f->id_count && err == 0; i++) {
        bool is_new = true;
        for (size_t k = 0; k < i && is_new; k++) {
            is_new = f->ids[k] != f->ids[i];
        }
        if (is_new) {
            err = (*out_count)++ > 0 ? buf_append_char(out, ',') : 0;
            err = err ? err : buf_append_i64(out, f->ids[i]);
        }
    }
    return err;
}

static void add(struct request *req, const struct http_field *fields)
{
    struct stream_key key = key_notify(req->owner->deps.conf->redis_prefix);
    struct step *step = NULL;
    struct buf ids;
    int err;

    buf_init(&ids, IDS_TEXT_MAX);
    req->api = mem_zalloc(sizeof(*req->api));
    err = req->api ? put_ids(&fields[USERS], &ids, &req->api->accepted) : ERR_NOMEM;
    step = err == 0 ? step_begin(req) : NULL;
    if (step) {
        const struct bytes argv[] = {BYTES_LIT("XADD"),
                                     stream_key_bytes(&key),
                                     BYTES_LIT("*"),
                                     BYTES_LIT("user_ids"),
                                     buf_bytes(&ids),
                                     BYTES_LIT("title"),
                                     http_field_bytes(&fields[TITLE]),
                                     BYTES_LIT("message"),
                                     http_field_bytes(&fields[MESSAGE]),
                                     BYTES_LIT("category"),
                                     http_field_bytes(&fields[CATEGORY]),
                                     BYTES_LIT("url"),
                                     http_field_bytes(&fields[URL])};
        err = redis_link_command(req->owner->deps.redis, argv, sizeof(argv) / sizeof(argv[0]),
                                 on_added, step);
    }
    buf_done(&ids);
    if (!step || err != 0) {
        step_end(step);
        request_http_unavailable(req);
    }
}

static bool is_too_long(const struct http_field *f, size_t max_characters)
{
    return utf8_count(http_field_bytes(f)) > max_characters;
}

/* What the stream would refuse, is said here. */
static enum http_problem problem_of(enum notify_field field, const struct http_field *f)
{
    struct bytes text = http_field_bytes(f);

    switch (field) {
    case USERS:
        return f->id_count == 0 ? HTTP_MISSING : HTTP_FINE;
    case TITLE:
        return is_too_long(f, NOTICE_TITLE_MAX) ? HTTP_TOO_LONG : HTTP_FINE;
    case MESSAGE:
        return is_too_long(f, NOTICE_MESSAGE_MAX) ? HTTP_TOO_LONG : HTTP_FINE;
    case CATEGORY:
        return text.len == 0 || notice_is_category(text) ? HTTP_FINE : HTTP_PATTERN;
    case URL:
        return text.len == 0 || notice_is_url(text) ? HTTP_FINE : HTTP_PATTERN;
    case FIELD_COUNT:
        break;
    }
    return HTTP_FINE;
}

static struct bytes field_of(const void *arg, const char *name)
{
    const struct http_field *fields = arg;

    for (unsigned i = USERS + 1; i < FIELD_COUNT; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return http_field_bytes(&fields[i]);
        }
    }
    return strcmp(name, fields[USERS].name) == 0 ? BYTES_LIT("1")
                                                 : BYTES_NONE; /* were read as such */
}

/* Sanitising lengthens what looks like markup. */
static enum notify_field too_long(enum sanitize_mode mode, void *fields)
{
    struct buf kept;
    size_t characters = 0;
    int err;

    buf_init(&kept, NOTIFY_TITLE_MAX_BYTES);
    err = sanitize_text(mode, field_of(fields, "title"), &kept, &characters);
    buf_done(&kept);
    return err != 0 || characters > NOTICE_TITLE_MAX ? TITLE : MESSAGE;
}

/* What sanitising leaves must be a notification, too: nothing is accepted and dropped later. */
static bool is_fine_when_sanitised(const struct request *req, struct http_field *fields)
{
    enum sanitize_mode mode = (enum sanitize_mode)req->owner->deps.conf->sanitize_mode;
    struct notice ignored;
    struct buf kept;
    int err;

    buf_init(&kept, NOTICE_BYTES_MAX);
    err = notice_read(field_of, fields, mode, &kept, &ignored);
    buf_done(&kept);
    if (err == ERR_MISSING) {
        fields[TITLE].problem = HTTP_BLANK;
    } else if (err != 0) {
        fields[too_long(mode, fields)].problem = HTTP_TOO_LONG;
    }
    return err == 0;
}

void request_notify(struct request *req, const struct up_http *http)
{
    struct http_field fields[FIELD_COUNT] = {
        [USERS] = {.name = "user_ids", .type = HTTP_IDS},
        [TITLE] = {.name = "title", .is_trimmed = true},
        [MESSAGE] = {.name = "message", .is_trimmed = true},
        [CATEGORY] = {.name = "category", .is_trimmed = true, .is_optional = true},
        [URL] = {.name = "url", .is_trimmed = true, .is_optional = true}};
    bool is_fine = true;

    if (!check_key(req, http)) {
        request_api_refuse(req, 401, CODE_AUTHENTICATION_FAILED);
        return;
    }
    if (!request_http_fields(req, http, HTTP_PROBLEMS_WITH_DETAIL, fields, FIELD_COUNT)) {
        return;
    }
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        fields[i].problem = problem_of((enum notify_field)i, &fields[i]);
        is_fine = is_fine && fields[i].problem == HTTP_FINE;
    }
    is_fine = is_fine && is_fine_when_sanitised(req, fields);
    if (is_fine) {
        add(req, fields);
    } else {
        request_http_problems(req, HTTP_PROBLEMS_WITH_DETAIL, fields, FIELD_COUNT);
    }
    http_fields_done(fields, FIELD_COUNT);
}
