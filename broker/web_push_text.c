/* SPDX-License-Identifier: MIT */
/* The parts of web push that are texts: the subscription, the message before it is encrypted, the
 * answer, VAPID. Called by push_web.c, and for new devices by request_devices.c. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "proto/encoding.h"
#include "broker/jws.h"
#include "broker/web_push.h"
#include "proto/json_out.h"

#define SCHEME "https://"

/* ---- the subscription ---- */

/* scheme://host[:port] of an address that begins with https. */
static struct bytes origin_of(struct bytes endpoint)
{
    size_t len = sizeof(SCHEME) - 1;

    while (len < endpoint.len && !strchr("/?#", endpoint.ptr[len])) {
        len++;
    }
    return bytes_of(endpoint.ptr, len);
}

static bool is_endpoint(struct bytes text)
{
    struct bytes origin;

    if (!bytes_has_prefix(text, BYTES_LIT(SCHEME))) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~' || strchr("\"\\<>^`{|}", text.ptr[i])) {
            return false;
        }
    }
    origin = bytes_skip(origin_of(text), sizeof(SCHEME) - 1);
    return origin.len > 0 && origin.ptr[0] != ':' && !memchr(origin.ptr, '@', origin.len);
}

/* Browsers write base64url without padding; some libraries the standard form. */
static int read_bytes(const json_t *keys, const char *name, unsigned char *out, size_t len)
{
    const json_t *value = json_object_get(keys, name);
    struct bytes text = bytes_of(json_string_value(value), json_string_length(value));
    struct buf bytes;
    int err;

    if (!json_is_string(value)) {
        return ERR_MISSING;
    }
    buf_init(&bytes, len + 8); /* the decoder may want more room than it fills */
    err = base64_decode(BASE64_URL, text, &bytes);
    if (err == ERR_SYNTAX) {
        err = base64_decode(BASE64_STANDARD, text, &bytes);
    }
    if (err == 0 && bytes.len == len) {
        memcpy(out, bytes.data, len);
    } else if (err != ERR_NOMEM) {
        err = ERR_RANGE;
    }
    buf_done(&bytes);
    return err;
}

static bool is_on_curve(const unsigned char *point)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *p = group ? EC_POINT_new(group) : NULL;
    bool is_ok = p && point[0] == POINT_CONVERSION_UNCOMPRESSED &&
                 EC_POINT_oct2point(group, p, point, WEB_PUSH_POINT_BYTES, NULL) == 1;

    EC_POINT_free(p);
    EC_GROUP_free(group);
    ERR_clear_error();
    return is_ok;
}

static int read_subscription(const json_t *root, struct web_push_subscription *out)
{
    const json_t *endpoint = json_object_get(root, "endpoint"),
                 *keys = json_object_get(root, "keys");
    struct bytes text = bytes_of(json_string_value(endpoint), json_string_length(endpoint));
    int err;

    if (!json_is_string(endpoint)) {
        return ERR_MISSING;
    }
    if (text.len > WEB_PUSH_ENDPOINT_MAX_BYTES) {
        return ERR_LIMIT;
    }
    if (!is_endpoint(text)) {
        return ERR_RANGE;
    }
    memcpy(out->endpoint, text.ptr, text.len);
    out->endpoint[text.len] = '\0';
    err = read_bytes(keys, "auth", out->auth, sizeof(out->auth));
    if (err == 0) {
        err = read_bytes(keys, "p256dh", out->key, sizeof(out->key));
    }
    return err == 0 && !is_on_curve(out->key) ? ERR_RANGE : err;
}

int web_push_read(struct bytes json, struct web_push_subscription *out)
{
    json_t *root = json_loadb(json.ptr ? json.ptr : "", json.len, 0, NULL);
    struct web_push_subscription subscription;
    int err = root ? read_subscription(root, &subscription) : ERR_SYNTAX;

    json_decref(root);
    if (err == 0) {
        *out = subscription;
    }
    return err;
}

/* ---- the message ---- */

int web_push_text(const struct push_message *message, struct buf *out)
{
    struct push_message m = push_message_cut(message);
    char text[PUSH_COLLAPSE_MAX];
    size_t start = out->len;
    struct json_out j;

    push_collapse_key(&m, text);
    json_out_init(&j, out);
    json_begin_object(&j);
    json_kstr(&j, "title", m.title);
    json_kstr(&j, "body", m.body);
    json_kstr(&j, "tag", bytes_str(text));
    json_key(&j, "data");
    json_begin_object(&j);
    (void)snprintf(text, sizeof(text), "%" PRId64, m.notification_id);
    json_kstr(&j, "notification_id", bytes_str(text));
    json_kstr(&j, "category", m.category);
    json_kstr(&j, "url", m.url);
    json_end_object(&j);
    json_end_object(&j);
    if (j.err != 0) {
        out->len = start;
    }
    return j.err;
}

void web_push_outcome(uint32_t status, uint32_t retry_after_s, struct push_outcome *out)
{
    enum push_verdict verdict = PUSH_POISON;
    char reason[16];

    if (status >= 200 && status < 300) {
        verdict = PUSH_SENT;
    } else if (status == 404 || status == 410) {
        verdict = PUSH_GONE;
    } else if (status == 429 || status >= 500) {
        verdict = PUSH_RETRY;
    }
    (void)snprintf(reason, sizeof(reason), "HTTP %u", status);
    push_outcome_set(out, verdict, bytes_str(reason));
    out->retry_after_s = retry_after_s;
}

/* ---- VAPID ---- */

int vapid_public_key(const EVP_PKEY *key, struct buf *out)
{
    unsigned char point[WEB_PUSH_POINT_BYTES];
    size_t len;

    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len) !=
            1 ||
        len != sizeof(point)) {
        ERR_clear_error();
        return ERR_REMOTE;
    }
    return base64_encode(BASE64_URL, bytes_of(point, len), out);
}

static int put_claims(const char *subject, const char *endpoint, uint64_t wall_s, struct buf *out)
{
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    json_kstr(&j, "aud", origin_of(bytes_str(endpoint)));
    json_ki64(&j, "exp", (int64_t)(wall_s + VAPID_LIFETIME_S));
    json_kstr(&j, "sub", bytes_str(subject));
    json_end_object(&j);
    return j.err;
}

int vapid_authorization(EVP_PKEY *key, const char *subject, const char *endpoint, uint64_t wall_s,
                        struct buf *out)
{
    size_t start = out->len;
    struct buf claims;
    int err;

    buf_init(&claims, JWS_MAX_BYTES);
    err = put_claims(subject, endpoint, wall_s, &claims);
    if (err == 0) {
        err = buf_append(out, BYTES_LIT("vapid t="));
    }
    if (err == 0) {
        err = jws_sign(JWS_ES256, key, buf_bytes(&claims), out);
    }
    if (err == 0) {
        err = buf_append(out, BYTES_LIT(", k="));
    }
    if (err == 0) {
        err = vapid_public_key(key, out);
    }
    buf_done(&claims);
    if (err != 0) {
        out->len = start;
    }
    return err;
}
