/* SPDX-License-Identifier: MIT */
/* What Google answers: an access token, or what became of a message. The errors are those of the
 * reference of FCM's HTTP v1 API:
 *
 *   {"error":{"code","status","message","details":[{"@type":"…FcmError","errorCode"},
 *                                  {"@type":"…BadRequest","fieldViolations":[{"field"}]}]}} */
#include <jansson.h>
#include <stdio.h>

#include "broker/fcm.h"

#define QUOTA_WAIT_S 60u /* what Google recommends where it does not say how long */
#define LIFETIME_MAX_S 86400

/* ---- the access token ---- */

static bool is_visible(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p <= ' ' || *p > '~') {
            return false;
        }
    }
    return text[0] != '\0';
}

static int read_access(const json_t *root, struct buf *out, uint32_t *out_lifetime_s)
{
    const json_t *token = json_object_get(root, "access_token");
    const json_t *lifetime = json_object_get(root, "expires_in");
    int err;

    if (!json_is_string(token) || !json_is_integer(lifetime)) {
        return ERR_MISSING;
    }
    if (!is_visible(json_string_value(token)) || json_integer_value(lifetime) < 1 ||
        json_integer_value(lifetime) > LIFETIME_MAX_S) {
        return ERR_RANGE;
    }
    err = buf_append(out, bytes_str(json_string_value(token)));
    if (err == 0) {
        *out_lifetime_s = (uint32_t)json_integer_value(lifetime);
    }
    return err;
}

int fcm_access_read(struct bytes body, struct buf *out, uint32_t *out_lifetime_s)
{
    json_t *root = json_loadb(body.ptr ? body.ptr : "", body.len, 0, NULL);
    int err = root ? read_access(root, out, out_lifetime_s) : ERR_SYNTAX;

    json_decref(root);
    return err;
}

/* ---- a message ---- */

static bool is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

static const json_t *details_of(const json_t *root)
{
    return json_object_get(json_object_get(root, "error"), "details");
}

/* FCM's own name of the error; else the general one; "" when there is neither. */
static const char *error_code(const json_t *root)
{
    const char *status =
        json_string_value(json_object_get(json_object_get(root, "error"), "status"));
    size_t i;
    json_t *detail;

    json_array_foreach(details_of(root), i, detail)
    {
        const char *code = json_string_value(json_object_get(detail, "errorCode"));

        if (code) {
            return code;
        }
    }
    return status ? status : "";
}

/* Is it the token that is not good, and not the rest of the message? */
static bool blames_token(const json_t *root)
{
    const char *message =
        json_string_value(json_object_get(json_object_get(root, "error"), "message"));
    size_t i, k;
    json_t *detail, *violation;

    json_array_foreach(details_of(root), i, detail)
    {
        json_array_foreach(json_object_get(detail, "fieldViolations"), k, violation)
        {
            if (is_text(json_object_get(violation, "field"), "message.token")) {
                return true;
            }
        }
    }
    return message && strstr(message, "registration token") != NULL;
}

static enum push_verdict verdict_of(uint32_t status, const char *code, const json_t *root)
{
    if (status == 200) {
        return PUSH_SENT;
    }
    if (strcmp(code, "UNREGISTERED") == 0 || strcmp(code, "SENDER_ID_MISMATCH") == 0) {
        return PUSH_GONE;
    }
    if (status == 400) {
        bool is_token = strcmp(code, "INVALID_ARGUMENT") == 0 && blames_token(root);

        return is_token ? PUSH_GONE : PUSH_POISON;
    }
    return status == 429 || status >= 500 ? PUSH_RETRY : PUSH_POISON;
}

bool fcm_outcome(uint32_t status, struct bytes body, uint32_t retry_after_s,
                 struct push_outcome *out)
{
    json_t *root = status == 200 ? NULL : json_loadb(body.ptr ? body.ptr : "", body.len, 0, NULL);
    const char *code = error_code(root);
    /* Apple or a browser's service not taking Firebase's own credential is another matter. */
    bool is_refused = status == 401 && strcmp(code, "THIRD_PARTY_AUTH_ERROR") != 0;
    char number[16];

    push_outcome_set(out, is_refused ? PUSH_RETRY : verdict_of(status, code, root),
                     bytes_str(code));
    if (code[0] == '\0' && status != 200) {
        (void)snprintf(number, sizeof(number), "HTTP %u", status);
        push_outcome_set(out, out->verdict, bytes_str(number));
    }
    out->retry_after_s = status == 429 && retry_after_s == 0 ? QUOTA_WAIT_S : retry_after_s;
    json_decref(root);
    return is_refused;
}
