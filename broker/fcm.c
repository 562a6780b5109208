/* SPDX-License-Identifier: MIT */
/* What is said to Google: assertion and message. What Google says is in fcm_answer.c. Called by
 * push_fcm.c; the account is read at start-up. */
#include "broker/fcm.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "broker/jws.h"
#include "common/mem.h"
#include "proto/json_out.h"

#define SCOPE "https://www.googleapis.com/auth/firebase.messaging"
#define ASSERTION_LIFETIME_S 3600u /* the most that Google takes */
#define GRANT "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="

struct fcm_account {
    char *email, *project, *token_uri;
    EVP_PKEY *key;
};

/* ---- the account ---- */

static int read_text(const json_t *json, const char *name, char **out)
{
    const json_t *value = json_object_get(json, name);

    if (json_string_length(value) == 0) { /* 0 also of what is no string */
        return ERR_MISSING;
    }
    *out = mem_dup_str(bytes_of(json_string_value(value), json_string_length(value)));
    return *out ? 0 : ERR_NOMEM;
}

/* It becomes a part of an address: letters, digits, dashes; of old ones colons and dots, too. */
static bool is_project(const char *name)
{
    return name[strspn(
               name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:")] == '\0';
}

static int read_account(const json_t *json, struct fcm_account *a)
{
    const json_t *pem = json_object_get(json, "private_key");
    int err = read_text(json, "client_email", &a->email);

    if (err == 0) {
        err = read_text(json, "project_id", &a->project);
    }
    if (err == 0) {
        err = read_text(json, "token_uri", &a->token_uri);
    }
    if (err == 0 && (!is_project(a->project) || strncmp(a->token_uri, "https://", 8) != 0)) {
        err = ERR_RANGE;
    }
    if (err == 0 && !json_is_string(pem)) {
        err = ERR_MISSING;
    }
    return err != 0
               ? err
               : jws_key_read(JWS_RS256, bytes_of(json_string_value(pem), json_string_length(pem)),
                              &a->key);
}

/* jansson gives no writable view of a string, but the memory is its own heap block. */
static void wipe_key(const json_t *json)
{
    const json_t *pem = json_object_get(json, "private_key");

    if (json_is_string(pem)) {
        OPENSSL_cleanse((char *)(uintptr_t)json_string_value(pem), json_string_length(pem));
    }
}

int fcm_account_read(struct bytes json, struct fcm_account **out)
{
    json_t *root = json_loadb(json.ptr ? json.ptr : "", json.len, 0, NULL);
    struct fcm_account *a = json_is_object(root) ? mem_zalloc(sizeof(*a)) : NULL;
    int err = json_is_object(root) ? ERR_NOMEM : ERR_SYNTAX;

    if (a) {
        err = read_account(root, a);
    }
    wipe_key(root);
    json_decref(root);
    if (err != 0) {
        fcm_account_free(a);
        return err;
    }
    *out = a;
    return 0;
}

void fcm_account_free(struct fcm_account *a)
{
    if (a) {
        mem_free(a->email);
        mem_free(a->project);
        mem_free(a->token_uri);
        EVP_PKEY_free(a->key);
        mem_free(a);
    }
}

const char *fcm_token_uri(const struct fcm_account *a)
{
    return a->token_uri;
}

int fcm_send_url(const struct fcm_account *a, const char *base, struct buf *out)
{
    return buf_printf(out, "%s/v1/projects/%s/messages:send", base, a->project);
}

/* ---- the assertion ---- */

static int put_claims(const struct fcm_account *a, uint64_t wall_s, struct buf *out)
{
    struct json_out j;

    json_out_init(&j, out);
    json_begin_object(&j);
    json_kstr(&j, "iss", bytes_str(a->email));
    json_kstr(&j, "scope", BYTES_LIT(SCOPE));
    json_kstr(&j, "aud", bytes_str(a->token_uri));
    json_ki64(&j, "iat", (int64_t)wall_s);
    json_ki64(&j, "exp", (int64_t)(wall_s + ASSERTION_LIFETIME_S));
    json_end_object(&j);
    return j.err;
}

int fcm_grant(const struct fcm_account *a, uint64_t wall_s, struct buf *out)
{
    size_t start = out->len;
    struct buf claims;
    int err;

    buf_init(&claims, JWS_MAX_BYTES);
    err = put_claims(a, wall_s, &claims);
    if (err == 0) {
        err = buf_append(out, BYTES_LIT(GRANT));
    }
    if (err == 0) {
        err = jws_sign(JWS_RS256, a->key, buf_bytes(&claims), out);
    }
    buf_done(&claims);
    if (err != 0) {
        out->len = start;
    }
    return err;
}

/* ---- the message ---- */

static void put_data(struct json_out *j, const struct push_message *m)
{
    char id[24];

    (void)snprintf(id, sizeof(id), "%" PRId64, m->notification_id);
    json_key(j, "data"); /* its values have to be strings */
    json_begin_object(j);
    json_kstr(j, "notification_id", bytes_str(id));
    json_kstr(j, "category", m->category);
    json_kstr(j, "url", m->url);
    json_end_object(j);
}

/* What the three kinds of devices replace an older push by, and for how long it is worth trying. */
static void put_platforms(struct json_out *j, const char *collapse_key, uint64_t wall_s)
{
    char text[32];

    json_key(j, "android");
    json_begin_object(j);
    json_kstr(j, "collapse_key", bytes_str(collapse_key));
    json_kstr(j, "priority", BYTES_LIT("high"));
    (void)snprintf(text, sizeof(text), "%us", PUSH_TTL_S);
    json_kstr(j, "ttl", bytes_str(text));
    json_key(j, "notification"); /* the collapse key counts until it is shown, the tag after that */
    json_begin_object(j);
    json_kstr(j, "tag", bytes_str(collapse_key));
    json_end_object(j);
    json_end_object(j);

    json_key(j, "apns");
    json_begin_object(j);
    json_key(j, "headers");
    json_begin_object(j);
    json_kstr(j, "apns-collapse-id", bytes_str(collapse_key));
    (void)snprintf(text, sizeof(text), "%" PRIu64, wall_s + PUSH_TTL_S);
    json_kstr(j, "apns-expiration", bytes_str(text));
    json_end_object(j);
    json_end_object(j);

    json_key(j, "webpush");
    json_begin_object(j);
    json_key(j, "headers");
    json_begin_object(j);
    json_kstr(j, "Topic", bytes_str(collapse_key));
    (void)snprintf(text, sizeof(text), "%u", PUSH_TTL_S);
    json_kstr(j, "TTL", bytes_str(text));
    json_kstr(j, "Urgency", BYTES_LIT("high"));
    json_end_object(j);
    json_end_object(j);
}

int fcm_message(const struct push_message *message, uint64_t wall_s, struct buf *out)
{
    struct push_message m = push_message_cut(message);
    char collapse_key[PUSH_COLLAPSE_MAX];
    size_t start = out->len;
    struct json_out j;

    push_collapse_key(&m, collapse_key);
    json_out_init(&j, out);
    json_begin_object(&j);
    json_key(&j, "message");
    json_begin_object(&j);
    json_kstr(&j, "token", m.token);
    json_key(&j, "notification");
    json_begin_object(&j);
    json_kstr(&j, "title", m.title);
    json_kstr(&j, "body", m.body);
    json_end_object(&j);
    put_data(&j, &m);
    put_platforms(&j, collapse_key, wall_s);
    json_end_object(&j);
    json_end_object(&j);
    if (j.err != 0) {
        out->len = start;
    }
    return j.err;
}
