/* SPDX-License-Identifier: MIT */
/* JWTs: checked by libjwt, written here. Called by auth for sockets and by the token API; it
 * knows neither users nor revocation.
 *
 * libjwt 1.10 has traps, each of which is closed here: it takes the algorithm from the token's
 * header (an HS256 token "signed" with the public RSA key passes), so the one that it used is
 * compared with ours before anything else; its base64 decoder stops at the first foreign byte,
 * and recursion and alloca follow the token's length, so shape and length are checked first; its
 * jwt_get_grant_int gives 0 without an error for a claim of another type, so claims are read from
 * the JSON. Its encoder sorts the keys, and SimpleJWT does not: therefore tokens are written and
 * signed without it. */
#include "broker/jwt_token.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include <jansson.h>
#include <jwt.h>

#include "proto/encoding.h"
#include "broker/openssl.h"
#include "broker/jwt_keys.h"

#define TIME_MAX_S (UINT64_MAX / 1000)

static const jwt_alg_t library_algorithms[] = {
    [TOKEN_HS256] = JWT_ALG_HS256,
    [TOKEN_RS256] = JWT_ALG_RS256,
};
static const char *const headers[] = {
    [TOKEN_HS256] = "{\"typ\":\"JWT\",\"alg\":\"HS256\"}",
    [TOKEN_RS256] = "{\"typ\":\"JWT\",\"alg\":\"RS256\"}",
};
static const char *const type_names[] = {
    [TOKEN_ACCESS] = "access",
    [TOKEN_REFRESH] = "refresh",
};

static bool is_base64url(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* header.payload.signature, none of them empty */
static bool has_token_shape(struct bytes token)
{
    size_t dots = 0;

    for (size_t i = 0; i < token.len; i++) {
        if (is_base64url(token.ptr[i])) {
            continue;
        }
        bool ends_part = token.ptr[i] == '.' && i > 0 && token.ptr[i - 1] != '.';
        if (!ends_part || ++dots > 2) {
            return false;
        }
    }
    return dots == 2 && token.ptr[token.len - 1] != '.';
}

/* The algorithm's name exactly (the library folds its case), and no extension that the token says
 * must be understood (RFC 7515 section 4.1.11). */
static bool header_is_plain(jwt_t *jwt, const struct token_keys *keys)
{
    const char *alg = jwt_get_header(jwt, "alg");
    char *critical = jwt_get_headers_json(jwt, "crit");
    bool is_plain = alg != NULL && critical == NULL &&
                    strcmp(alg, keys->algorithm == TOKEN_HS256 ? "HS256" : "RS256") == 0;

    free(critical); /* libjwt's: from malloc */
    return is_plain;
}

/* Check the signature, then give the claims as JSON, which the caller frees by json_decref. */
static int verified_claims(const struct token_keys *keys, struct bytes token, json_t **out_claims)
{
    char text[TOKEN_MAX_BYTES + 1];
    jwt_t *jwt = NULL;
    char *claims_text = NULL;

    memcpy(text, token.ptr, token.len);
    text[token.len] = '\0';
    int failed =
        jwt_decode(&jwt, text, (const unsigned char *)keys->verify_key, (int)keys->verify_key_len);
    ERR_clear_error(); /* a bad RSA signature leaves its story in OpenSSL's queue */
    if (failed != 0) {
        return failed == ENOMEM ? ERR_NOMEM : ERR_DENIED;
    }
    int err = ERR_DENIED;
    if (jwt_get_alg(jwt) != library_algorithms[keys->algorithm] || !header_is_plain(jwt, keys)) {
        goto out;
    }
    err = ERR_NOMEM;
    claims_text = jwt_get_grants_json(jwt, NULL);
    json_t *claims = claims_text != NULL ? json_loads(claims_text, 0, NULL) : NULL;
    if (claims == NULL) {
        goto out;
    }
    *out_claims = claims;
    err = 0;
out:
    free(claims_text); /* libjwt's: from malloc */
    jwt_free(jwt);
    return err;
}

static int read_time(const json_t *claims, const char *name, uint64_t *out_s)
{
    const json_t *value = json_object_get(claims, name);

    if (value == NULL) {
        return ERR_MISSING;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > TIME_MAX_S) {
        return ERR_RANGE;
    }
    *out_s = (uint64_t)json_integer_value(value);
    return 0;
}

/* SimpleJWT wrote the id as an integer up to 5.3 and writes it as a string now. */
static int read_user_id(const json_t *claims, int64_t *out_id)
{
    const json_t *value = json_object_get(claims, "user_id");
    int64_t id = 0;

    if (value == NULL) {
        return ERR_MISSING;
    }
    if (json_is_integer(value)) {
        id = json_integer_value(value);
    } else if (json_is_string(value)) {
        id = decimal_id(bytes_of(json_string_value(value), json_string_length(value)));
    }
    if (id < 1 || id > ID_MAX) {
        return ERR_RANGE;
    }
    *out_id = id;
    return 0;
}

static int read_type(const json_t *claims, enum token_type *out_type)
{
    const char *name = json_string_value(json_object_get(claims, "token_type"));

    if (name == NULL) {
        return ERR_MISSING;
    }
    for (enum token_type type = TOKEN_ACCESS; type <= TOKEN_REFRESH; type++) {
        if (strcmp(name, type_names[type]) == 0) {
            *out_type = type;
            return 0;
        }
    }
    return ERR_TYPE; /* SimpleJWT has more: sliding tokens open nothing here */
}

static bool is_jti(struct bytes jti)
{
    for (size_t i = 0; i < jti.len; i++) {
        if (!is_base64url(jti.ptr[i])) {
            return false;
        }
    }
    return jti.len > 0 && jti.len <= TOKEN_JTI_MAX;
}

static int read_name(const json_t *claims, const char *claim, char out_name[TOKEN_JTI_MAX + 1])
{
    const json_t *value = json_object_get(claims, claim);

    if (value == NULL) {
        return ERR_MISSING;
    }
    struct bytes name = bytes_of(json_string_value(value), json_string_length(value));
    if (!is_jti(name)) {
        return ERR_RANGE;
    }
    memcpy(out_name, name.ptr, name.len);
    out_name[name.len] = '\0';
    return 0;
}

static int read_claims(const json_t *json, enum token_type want, uint64_t wall_ms,
                       struct token_claims *out)
{
    struct token_claims claims = {0};
    int err = read_time(json, "exp", &claims.expires_at_s);

    if (err != 0) {
        return err;
    }
    if (claims.expires_at_s * 1000 <= wall_ms) {
        return ERR_TIMEOUT;
    }
    uint64_t not_before_s = 0;
    err = read_time(json, "nbf", &not_before_s);
    if (err != 0 && err != ERR_MISSING) {
        return err;
    }
    if (not_before_s * 1000 > wall_ms) {
        return ERR_RANGE;
    }
    err = read_time(json, "iat", &claims.issued_at_s);
    if (err != 0 && err != ERR_MISSING) { /* SimpleJWT always writes it and never asks for it */
        return err;
    }
    if (claims.issued_at_s * 1000 > wall_ms) {
        return ERR_RANGE;
    }
    if ((err = read_type(json, &claims.type)) != 0 ||
        (err = read_name(json, "jti", claims.jti)) != 0 ||
        (err = read_user_id(json, &claims.user_id)) != 0) {
        return err;
    }
    err = read_name(json, "sid", claims.sid);
    if (err != 0 && err != ERR_MISSING) {
        return err;
    }
    if (want != TOKEN_ANY && claims.type != want) {
        return ERR_TYPE;
    }
    *out = claims;
    return 0;
}

int token_verify(const struct token_keys *keys, struct bytes token, enum token_type want,
                 uint64_t wall_ms, struct token_claims *out_claims)
{
    json_t *json = NULL;

    if (token.len > TOKEN_MAX_BYTES) {
        return ERR_LIMIT;
    }
    if (!has_token_shape(token)) {
        return ERR_SYNTAX;
    }
    int err = verified_claims(keys, token, &json);
    if (err != 0) {
        return err;
    }
    err = read_claims(json, want, wall_ms, out_claims);
    json_decref(json);
    return err;
}

/* header.payload */
static int append_signed_part(const struct token_keys *keys, const struct token_claims *claims,
                              struct buf *out)
{
    struct buf json;
    int err;

    buf_init(&json, TOKEN_MAX_BYTES);
    err = buf_printf(&json,
                     "{\"token_type\":\"%s\",\"exp\":%" PRIu64 ",\"iat\":%" PRIu64
                     ",\"jti\":\"%s\",\"user_id\":%" PRId64,
                     type_names[claims->type], claims->expires_at_s, claims->issued_at_s,
                     claims->jti, claims->user_id);
    if (err == 0 && claims->sid[0] != '\0') {
        err = buf_printf(&json, ",\"sid\":\"%s\"", claims->sid);
    }
    if (err == 0) {
        err = buf_append_char(&json, '}');
    }
    if (err == 0) {
        err = base64_encode(BASE64_URL, bytes_str(headers[keys->algorithm]), out);
    }
    if (err == 0) {
        err = buf_append_char(out, '.');
    }
    if (err == 0) {
        err = base64_encode(BASE64_URL, buf_bytes(&json), out);
    }
    buf_done(&json);
    return err;
}

/* .signature, of all that stands in `out` from `begin` on */
static int append_signature(const struct token_keys *keys, size_t begin, struct buf *out)
{
    struct buf signature;
    int err;

    buf_init(&signature, TOKEN_MAX_BYTES);
    err = token_sign(keys, bytes_skip(buf_bytes(out), begin), &signature);
    if (err == 0) {
        err = buf_append_char(out, '.');
    }
    if (err == 0) {
        err = buf_append(out, buf_bytes(&signature));
    }
    buf_done(&signature);
    return err;
}

static struct bytes name_of(const char name[TOKEN_JTI_MAX + 1])
{
    return bytes_of(name, strnlen(name, TOKEN_JTI_MAX + 1));
}

static bool is_valid(const struct token_claims *claims)
{
    return (claims->sid[0] == '\0' || is_jti(name_of(claims->sid))) &&
           (claims->type == TOKEN_ACCESS || claims->type == TOKEN_REFRESH) &&
           claims->user_id >= 1 && claims->user_id <= ID_MAX &&
           claims->expires_at_s <= TIME_MAX_S && claims->issued_at_s <= TIME_MAX_S &&
           is_jti(name_of(claims->jti));
}

struct bytes token_family(const struct token_claims *claims)
{
    if (claims->sid[0] != '\0') {
        return bytes_str(claims->sid);
    }
    return claims->type == TOKEN_REFRESH ? bytes_str(claims->jti) : BYTES_NONE;
}

int token_issue(const struct token_keys *keys, const struct token_claims *claims, struct buf *out)
{
    size_t begin = out->len;

    if (!is_valid(claims)) {
        return ERR_RANGE;
    }
    int err = append_signed_part(keys, claims, out);
    if (err == 0) {
        err = append_signature(keys, begin, out);
    }
    if (err != 0) {
        out->len = begin;
    }
    return err;
}

void token_set_jti(struct token_claims *claims, const unsigned char random[TOKEN_RANDOM_BYTES])
{
    hex_encode(random, TOKEN_RANDOM_BYTES, claims->jti);
}
