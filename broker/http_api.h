/* SPDX-License-Identifier: MIT */
#pragma once
/* The HTTP API as texts: which route a request means, what its body says, what an answer looks
 * like. Pure. Field errors and their words are those of Django REST framework, whose clients
 * read them. */
#include <stdbool.h>
#include <stdint.h>
#include "broker/store.h"
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

/*    enum           method  path                  metrics label */
#define ROUTE_LIST(X)                                                                              \
    X(TOKEN, "POST", "/api/token/", "token")                                                       \
    X(TOKEN_REFRESH, "POST", "/api/token/refresh/", "token_refresh")                               \
    X(TOKEN_VERIFY, "POST", "/api/token/verify/", "token_verify")                                  \
    X(USER_ME, "GET", "/api/users/me/", "user_me")                                                 \
    X(CHANNELS, "GET", "/api/channels/", "channels")                                               \
    X(CHANNEL_CREATE, "POST", "/api/channels/", "channel_create")                                  \
    X(MEMBER_ADD, "POST", "/api/channels/<id>/members/", "member_add")                             \
    X(MEMBER_REMOVE, "DELETE", "/api/channels/<id>/members/", "member_remove")                     \
    X(MESSAGES, "GET", "/api/channels/<id>/messages/", "messages")                                 \
    X(SEARCH, "GET", "/api/channels/<id>/search/", "search")                                       \
    X(TOKEN_BLACKLIST, "POST", "/api/token/blacklist/", "token_blacklist")                         \
    X(LOGIN, "POST", "/api/login/", "login")                                                       \
    X(LOGOUT, "POST", "/api/logout/", "logout")                                                    \
    X(NOTIFICATIONS, "GET", "/api/notifications/", "notifications")                                \
    X(NOTIFY, "POST", "/api/notifications/", "notify")                                             \
    X(PREFERENCES, "GET", "/api/notifications/preferences/", "preferences")                        \
    X(PREFERENCES_SET, "PATCH", "/api/notifications/preferences/", "preferences_set")              \
    X(DEVICES, "GET", "/api/notifications/devices/", "devices")                                    \
    X(DEVICE_ADD, "POST", "/api/notifications/devices/", "device_add")                             \
    X(DEVICE_REMOVE, "DELETE", "/api/notifications/devices/", "device_remove")                     \
    X(PUSH_TEST, "POST", "/api/notifications/devices/test_notification/", "push_test")             \
    X(VAPID_KEY, "GET", "/api/notifications/vapid-key/", "vapid_key")                              \
    X(USAGE, "GET", "/api/websocket/metrics/", "usage")                                            \
    X(USAGE_HISTORY, "GET", "/api/websocket/metrics/history/", "usage_history")                    \
    X(UPLOAD, "POST", "/api/uploads/", "upload")                                                   \
    X(MEDIA, "GET", "/media/attachments/<id>/<name>", "media")

enum http_route {
    ROUTE_NONE = 0,
#define ROUTE_ENUM(name, method, path, label) ROUTE_##name,
    ROUTE_LIST(ROUTE_ENUM)
#undef ROUTE_ENUM
        ROUTE_COUNT
};

#define HTTP_ALLOW_MAX_BYTES 48u

struct http_match {
    enum http_route route;            /* ROUTE_NONE: 405 when the path is known, else 404 */
    int64_t id;                       /* the number in the path; 0 when it has none */
    struct bytes name;                /* what stands for "<name>", as it came; a view */
    char allow[HTTP_ALLOW_MAX_BYTES]; /* the methods of the path; "" when it is not known */
};

/* The route of a method and a path. Paths are exact but for "<id>" in the table, which stands for
 * an id in digits, and "<name>" behind it for anything without a slash; GET answers HEAD, too (the
 * gateway leaves out the body). */
struct http_match http_route_find(struct bytes method, struct bytes path);
const char *http_route_label(enum http_route route); /* "none" for ROUTE_NONE */
/* "application/json", with or without parameters, in any case of letters. */
bool http_type_is_json(struct bytes content_type);

/* ---- what came ---- */

#define HTTP_PROBLEM_LIST(X)                                                                       \
    X(MISSING, "This field is required.")                                                          \
    X(NULL, "This field may not be null.")                                                         \
    X(BLANK, "This field may not be blank.")                                                       \
    X(TYPE, "Not a valid string.")                                                                 \
    X(NUL_CHARACTER, "Null characters are not allowed.")                                           \
    X(BOOLEAN, "Must be a valid boolean.")                                                         \
    X(INTEGER, "A valid integer is required.")                                                     \
    X(ID_LIST, "Expected a list of ids.")                                                          \
    X(RANGE, "This value is out of range.")                                                        \
    X(TOO_LONG, "This value is too long.")                                                         \
    X(PATTERN, "This value does not match the required pattern.")                                  \
    X(NO_USER, "This user does not exist.")                                                        \
    X(FLAG_MAP, "Expected an object of booleans.")                                                 \
    X(TIME, "Time has wrong format. Use HH:MM.")                                                   \
    X(CHOICE, "This is not a valid choice.")                                                       \
    X(TIME_ZONE, "This time zone does not exist.")                                                 \
    X(SUBSCRIPTION, "This is not a valid push subscription.")

enum http_problem {
    HTTP_FINE = 0,
#define HTTP_PROBLEM_ENUM(name, sentence) HTTP_##name,
    HTTP_PROBLEM_LIST(HTTP_PROBLEM_ENUM)
#undef HTTP_PROBLEM_ENUM
};

/* Maps of flags are given as the JSON text of an object, times as "HH:MM". */
enum http_field_type { HTTP_TEXT, HTTP_FLAG, HTTP_ID, HTTP_IDS, HTTP_FLAGS, HTTP_CLOCK };

#define HTTP_IDS_MAX 500u      /* of one list */
#define HTTP_FLAGS_MAX 100u    /* of one map */
#define HTTP_FLAG_NAME_MAX 64u /* bytes of a flag's name: letters, digits, '-', '_', '.' */

/* A field of the body. The caller sets name, type and the first two flags, and zeroes the rest. */
struct http_field {
    const char *name;
    enum http_field_type type;
    bool is_trimmed;  /* white space around the text does not count */
    bool is_optional; /* may be missing or null: then it stays as the caller set it */
    bool is_given;    /* read: it is there */
    bool is_null;     /* read: as null */
    enum http_problem problem;
    char *value; /* text: NUL-terminated, owned; NULL with a problem */
    size_t len;
    bool flag;
    int64_t id;
    int64_t *ids; /* list: owned; NULL when it is empty */
    size_t id_count;
};

static inline struct bytes http_field_bytes(const struct http_field *f)
{
    return (struct bytes){f->value, f->len};
}

/* Read the fields of a JSON object; an empty body is {}. Unknown keys are ignored.
 * Owns: the values, until http_fields_done.
 * Errors: ERR_SYNTAX (not JSON), ERR_UTF8, ERR_DEPTH, ERR_TYPE (not an object), ERR_NOMEM: no
 * field has a value. ERR_MISSING: at least one field has a problem. */
NODISCARD int http_fields_read(struct bytes body, struct http_field *fields, size_t count);
/* Wipes the values, passwords and tokens among them, and frees them. */
void http_fields_done(struct http_field *fields, size_t count);

/* ---- what goes back ---- */

#define HTTP_DETAIL_MAX_BYTES 1024u /* with a complaint for each of ten fields */
#define HTTP_HEADERS_MAX_BYTES 256u

struct http_answer {
    uint32_t status;
    const char *allow;       /* 405: the methods; else NULL */
    uint32_t retry_after_s;  /* 0 = no such header */
    struct bytes set_cookie; /* empty = no such header; see session_cookie.h */
    struct bytes body;       /* JSON */
};

/* The further header lines of an answer, each with its CR LF: Cache-Control always, Allow,
 * Retry-After, Set-Cookie, and on 401 WWW-Authenticate (RFC 9110 §11.6.1 wants it). */
NODISCARD int http_answer_headers(const struct http_answer *answer, struct buf *out);

/* {"detail":…,"code":…} */
NODISCARD int http_detail(const char *detail, const char *code, struct buf *out);
/* What goes before the complaints: nothing, as Django's login routes have it, or what all errors
 * have. */
enum http_problems_form { HTTP_PROBLEMS_ALONE, HTTP_PROBLEMS_WITH_DETAIL };
/* {"detail":…,"code":"invalid","<field>":["<sentence>"],…} of the fields that have a problem. */
NODISCARD int http_field_problems(enum http_problems_form form, const struct http_field *fields,
                                  size_t count, struct buf *out);
/* {"id","username","is_staff","avatar"} */
NODISCARD int http_user(const struct user_row *user, struct buf *out);
/* {"access":…,"refresh":…}; an empty refresh is left out. */
NODISCARD int http_tokens(struct bytes access, struct bytes refresh, struct buf *out);
