/* SPDX-License-Identifier: MIT */
/* Django's signed session data, read and written. Called by auth for cookie sockets and by the
 * login API; it knows no database and no clock.
 *
 *     [.]<base64url of the JSON, deflated after a '.'>:<base62 of the time>:<base64url of the MAC>
 *        '------------------------- signed -------------------------------' */
#include "broker/django_session.h"

#include <inttypes.h>

#include <jansson.h>
#include <zlib.h>

#include "proto/encoding.h"
#include "broker/openssl.h"
#include "proto/limits.h"

#define SIGNER_SALT                                                                                \
    "django.contrib.sessions.SessionStore"                                                         \
    "signer"
#define AUTH_HASH_SALT "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash"
#define BASE36 "abcdefghijklmnopqrstuvwxyz0123456789"
#define BASE62 "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define BASE62_TIME_DIGITS 11u /* of a 64-bit number */

/* django.utils.crypto.salted_hmac: the MAC's key is the hash of salt and secret. */
static int salted_hmac(const char *salt, struct bytes secret, struct bytes value,
                       unsigned char out_mac[SHA256_DIGEST_LENGTH])
{
    unsigned char key[SHA256_DIGEST_LENGTH];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int err = ERR_NOMEM;

    if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 ||
        EVP_DigestUpdate(ctx, salt, strlen(salt)) != 1 ||
        EVP_DigestUpdate(ctx, secret.ptr, secret.len) != 1 ||
        EVP_DigestFinal_ex(ctx, key, NULL) != 1) {
        goto out;
    }
    if (HMAC(EVP_sha256(), key, sizeof(key), (const unsigned char *)value.ptr, value.len, out_mac,
             NULL) != NULL) {
        err = 0;
    }
out:
    OPENSSL_cleanse(key, sizeof(key));
    EVP_MD_CTX_free(ctx);
    return err;
}

static int append_signature(struct bytes value, struct bytes secret, struct buf *out)
{
    unsigned char mac[SHA256_DIGEST_LENGTH];
    int err = salted_hmac(SIGNER_SALT, secret, value, mac);

    return err != 0 ? err : base64_encode(BASE64_URL, bytes_of(mac, sizeof(mac)), out);
}

/* Split at the last ':'. */
static int split_last(struct bytes text, struct bytes *out_before, struct bytes *out_after)
{
    const char *colon = text.len > 0 ? memrchr(text.ptr, ':', text.len) : NULL;

    if (colon == NULL) {
        return ERR_SYNTAX;
    }
    *out_before = bytes_of(text.ptr, (size_t)(colon - text.ptr));
    *out_after = bytes_skip(text, out_before->len + 1);
    return 0;
}

/* Check the signature and give what was signed, without the time. */
static int unsign(struct bytes data, struct bytes secret, struct bytes *out_value)
{
    struct bytes signed_part, signature, value, timestamp;
    struct buf wanted;
    int err = split_last(data, &signed_part, &signature);

    if (err != 0) {
        return err;
    }
    buf_init(&wanted, SHA256_DIGEST_LENGTH * 2);
    err = append_signature(signed_part, secret, &wanted);
    if (err == 0 && (signature.len != wanted.len ||
                     CRYPTO_memcmp(signature.ptr, wanted.data, wanted.len) != 0)) {
        err = ERR_DENIED;
    }
    buf_done(&wanted);
    if (err == 0) {
        err = split_last(signed_part, &value, &timestamp);
    }
    if (err == 0) {
        *out_value = value;
    }
    return err;
}

/* Append the inflated form of `in`. Errors: ERR_LIMIT (out->max), ERR_SYNTAX, ERR_NOMEM. */
static int inflate_into(struct bytes in, struct buf *out)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in.ptr, .avail_in = (uInt)in.len};
    int status = Z_OK;
    int err = 0;

    if (inflateInit(&z) != Z_OK) {
        return ERR_NOMEM;
    }
    while (status == Z_OK && err == 0) {
        size_t size = out->max - out->len < 16384 ? out->max - out->len : 16384;
        char *room;
        err = size == 0 ? ERR_LIMIT : buf_reserve(out, size, &room);
        if (err != 0) {
            break;
        }
        z.next_out = (Bytef *)room;
        z.avail_out = (uInt)size;
        status = inflate(&z, Z_NO_FLUSH);
        buf_commit(out, size - z.avail_out);
    }
    inflateEnd(&z);
    if (err != 0) {
        return err;
    }
    return status == Z_STREAM_END ? 0 : status == Z_MEM_ERROR ? ERR_NOMEM : ERR_SYNTAX;
}

/* Append the JSON text of a signed value. */
static int unpack(struct bytes value, struct buf *out_json)
{
    struct buf packed;
    int err;

    if (value.len == 0 || value.ptr[0] != '.') {
        return base64_decode(BASE64_URL, value, out_json);
    }
    buf_init(&packed, SESSION_DATA_MAX_BYTES);
    err = base64_decode(BASE64_URL, bytes_skip(value, 1), &packed);
    if (err == 0) {
        err = inflate_into(buf_bytes(&packed), out_json);
    }
    buf_done(&packed);
    return err;
}

static struct bytes string_member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return bytes_of(json_string_value(value), json_string_length(value));
}

static int read_session(struct bytes text, struct django_session *out_session)
{
    json_error_t where;
    json_t *json = json_loadb(text.ptr, text.len, JSON_ALLOW_NUL, &where);
    int err = ERR_SYNTAX;

    if (json == NULL && json_error_code(&where) == json_error_out_of_memory) {
        return ERR_NOMEM;
    }
    if (!json_is_object(json)) {
        goto out;
    }
    struct bytes id = string_member(json, "_auth_user_id");
    struct bytes hash = string_member(json, "_auth_user_hash");
    int64_t user_id = decimal_id(id);
    err = ERR_MISSING;
    if (id.ptr == NULL || hash.ptr == NULL) {
        goto out;
    }
    err = ERR_RANGE;
    if (user_id == 0 || hash.len != SESSION_AUTH_HASH_BYTES) {
        goto out;
    }
    out_session->user_id = user_id;
    memcpy(out_session->auth_hash, hash.ptr, hash.len);
    out_session->auth_hash[hash.len] = '\0';
    err = 0;
out:
    json_decref(json);
    return err;
}

int django_session_decode(struct bytes data, struct bytes secret_key,
                          struct django_session *out_session)
{
    struct bytes value;
    struct buf json;
    int err;

    if (data.len > SESSION_DATA_MAX_BYTES) {
        return ERR_LIMIT;
    }
    err = unsign(data, secret_key, &value);
    if (err != 0) {
        return err;
    }
    buf_init(&json, SESSION_JSON_MAX_BYTES);
    err = unpack(value, &json);
    if (err == 0) {
        err = read_session(buf_bytes(&json), out_session);
    }
    buf_done(&json);
    return err;
}

/* Append the value as django.core.signing.dumps(compress=True) has it: deflated when shorter. */
static int pack(struct bytes json, struct buf *out)
{
    Bytef packed[1024];
    uLongf size = sizeof(packed);
    int status = compress(packed, &size, (const Bytef *)json.ptr, (uLong)json.len);

    if (status != Z_OK || size >= json.len - 1) {
        return base64_encode(BASE64_URL, json, out);
    }
    int err = buf_append_char(out, '.');
    return err != 0 ? err : base64_encode(BASE64_URL, bytes_of(packed, size), out);
}

static int append_time(uint64_t wall_s, struct buf *out)
{
    unsigned char number[8];
    char digits[BASE62_TIME_DIGITS + 1];

    for (size_t i = 0; i < sizeof(number); i++) {
        number[i] = (unsigned char)(wall_s >> (56 - 8 * i));
    }
    number_digits(bytes_of(number, sizeof(number)), BASE62, digits, BASE62_TIME_DIGITS);
    return buf_append(out, bytes_str(digits + strspn(digits, "0")));
}

static int append_value(const struct django_session *session, struct buf *out)
{
    struct buf json;
    int err;

    buf_init(&json, 512);
    err = buf_printf(&json,
                     "{\"_auth_user_id\":\"%" PRId64 "\","
                     "\"_auth_user_backend\":\"django.contrib.auth.backends.ModelBackend\","
                     "\"_auth_user_hash\":\"%s\"}",
                     session->user_id, session->auth_hash);
    if (err == 0) {
        err = pack(buf_bytes(&json), out);
    }
    buf_done(&json);
    return err;
}

/* `out` has the value alone from `begin` on; time and signature follow. */
static int append_time_and_signature(struct bytes secret, uint64_t wall_ms, size_t begin,
                                     struct buf *out)
{
    struct buf signature;
    int err;

    buf_init(&signature, SHA256_DIGEST_LENGTH * 2);
    err = buf_append_char(out, ':');
    if (err == 0) {
        err = append_time(wall_ms / 1000, out);
    }
    if (err == 0) {
        err = append_signature(bytes_skip(buf_bytes(out), begin), secret, &signature);
    }
    if (err == 0) {
        err = buf_append_char(out, ':');
    }
    if (err == 0) {
        err = buf_append(out, buf_bytes(&signature));
    }
    buf_done(&signature);
    return err;
}

int django_session_encode(const struct django_session *session, struct bytes secret_key,
                          uint64_t wall_ms, struct buf *out)
{
    size_t begin = out->len;

    if (session->user_id < 1 || session->user_id > ID_MAX ||
        strspn(session->auth_hash, "0123456789abcdef") != SESSION_AUTH_HASH_BYTES) {
        return ERR_RANGE;
    }
    int err = append_value(session, out);
    if (err == 0) {
        err = append_time_and_signature(secret_key, wall_ms, begin, out);
    }
    if (err != 0) {
        out->len = begin;
    }
    return err;
}

int django_session_auth_hash(struct bytes password_hash, struct bytes secret_key,
                             char out_hash[SESSION_AUTH_HASH_BYTES + 1])
{
    unsigned char mac[SHA256_DIGEST_LENGTH];
    int err = salted_hmac(AUTH_HASH_SALT, secret_key, password_hash, mac);

    if (err == 0) {
        hex_encode(mac, sizeof(mac), out_hash);
    }
    return err;
}

bool django_session_is_for(const struct django_session *session, struct bytes password_hash,
                           struct bytes secret_key)
{
    char wanted[SESSION_AUTH_HASH_BYTES + 1];

    return django_session_auth_hash(password_hash, secret_key, wanted) == 0 &&
           CRYPTO_memcmp(session->auth_hash, wanted, SESSION_AUTH_HASH_BYTES) == 0;
}

void django_session_key(const unsigned char random[SESSION_KEY_RANDOM_BYTES],
                        char out_key[SESSION_KEY_BYTES + 1])
{
    number_digits(bytes_of(random, SESSION_KEY_RANDOM_BYTES), BASE36, out_key, SESSION_KEY_BYTES);
}
