/* SPDX-License-Identifier: MIT */
/* Finds the credential of a request among its headers. Called for every opening and API request;
 * whether the credential is good is decided by jwt_token.c or django_session.c. */
#include "broker/http_auth.h"

#include <stdbool.h>
#include <strings.h>

#define BEARER_SCHEME "bearer"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct bytes trim(struct bytes text)
{
    while (text.len > 0 && is_blank(text.ptr[0])) {
        text = bytes_skip(text, 1);
    }
    while (text.len > 0 && is_blank(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* Take off what stands before the next `separator`, which goes too, and trim it. */
static struct bytes take_item(struct bytes *list, char separator)
{
    const char *end = list->len > 0 ? memchr(list->ptr, separator, list->len) : NULL;
    size_t len = end != NULL ? (size_t)(end - list->ptr) : list->len;
    struct bytes item = bytes_of(list->ptr, len);

    *list = bytes_skip(*list, len + 1);
    return trim(item);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Percent-decode in place. */
static int percent_decode(struct http_credential *c)
{
    size_t len = 0;

    for (size_t i = 0; i < c->len; i++) {
        char byte = c->value[i];
        if (byte == '%') {
            int high = i + 1 < c->len ? hex_value(c->value[i + 1]) : -1;
            int low = i + 2 < c->len ? hex_value(c->value[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return ERR_SYNTAX;
            }
            byte = (char)(unsigned char)(high << 4 | low);
            i += 2;
        }
        c->value[len++] = byte;
    }
    c->len = len;
    return 0;
}

static int set_token(struct bytes token, struct http_credential *out)
{
    if (token.len > sizeof(out->value)) {
        return ERR_LIMIT;
    }
    out->kind = HTTP_CREDENTIAL_TOKEN;
    out->len = token.len;
    if (token.len > 0) {
        memcpy(out->value, token.ptr, token.len);
    }
    return 0;
}

/* The header "Bearer <token>"; the name of the scheme is case-insensitive (RFC 9110 §11.1). */
static int from_authorization(struct bytes header, struct http_credential *out)
{
    struct bytes text = trim(header);
    struct bytes token = text;
    struct bytes scheme = take_item(&token, ' ');

    if (scheme.len != strlen(BEARER_SCHEME) ||
        strncasecmp(scheme.ptr, BEARER_SCHEME, scheme.len) != 0) {
        return 0;
    }
    token = trim(token);
    if (token.len > 0 && memchr(token.ptr, ' ', token.len) != NULL) {
        return ERR_SYNTAX;
    }
    return set_token(token, out);
}

static int from_query(struct bytes value, struct http_credential *out)
{
    int err = set_token(value, out);

    return err != 0 ? err : percent_decode(out);
}

/* The header "bearer, <token>": the token is the protocol after "bearer". Names of protocols are
 * compared as they are (RFC 6455 §1.9). */
static int from_subprotocol(struct bytes header, struct http_credential *out)
{
    while (header.len > 0) {
        if (bytes_eq_str(take_item(&header, ','), BEARER_SCHEME)) {
            return set_token(take_item(&header, ','), out);
        }
    }
    return 0;
}

static bool is_session_key(struct bytes key)
{
    for (size_t i = 0; i < key.len; i++) {
        char lower = (char)(key.ptr[i] | 0x20);
        bool is_digit = key.ptr[i] >= '0' && key.ptr[i] <= '9';
        if (!is_digit && !(lower >= 'a' && lower <= 'z')) {
            return false;
        }
    }
    return key.len >= SESSION_COOKIE_MIN_BYTES && key.len <= SESSION_COOKIE_MAX_BYTES;
}

/* As in Django, the last of several cookies of the name counts. */
static void from_cookie(struct bytes header, struct http_credential *out)
{
    struct bytes key = BYTES_NONE;

    while (header.len > 0) {
        struct bytes value = take_item(&header, ';');
        struct bytes name = take_item(&value, '=');
        if (bytes_eq_str(name, SESSION_COOKIE_NAME)) {
            key = trim(value);
        }
    }
    if (key.len >= 2 && key.ptr[0] == '"' && key.ptr[key.len - 1] == '"') {
        key = bytes_of(key.ptr + 1, key.len - 2);
    }
    if (is_session_key(key)) {
        out->kind = HTTP_CREDENTIAL_SESSION;
        out->len = key.len;
        memcpy(out->value, key.ptr, key.len);
    }
}

/* Let `other` be the credential, unless a different token is already there. */
static int merge(const struct http_credential *other, struct http_credential *found)
{
    if (other->kind == HTTP_CREDENTIAL_NONE) {
        return 0;
    }
    if (found->kind == HTTP_CREDENTIAL_NONE) {
        return set_token(http_credential_value(other), found);
    }
    return bytes_eq(http_credential_value(other), http_credential_value(found)) ? 0 : ERR_CONFLICT;
}

int http_auth_find(const struct credentials *given, struct http_credential *out_found)
{
    struct http_credential found = {.kind = HTTP_CREDENTIAL_NONE};
    struct http_credential other = {.kind = HTTP_CREDENTIAL_NONE};
    int err = from_authorization(given->authorization, &found);

    if (err == 0 && given->has_query_token) {
        err = from_query(given->query_token, &other);
    }
    if (err == 0) {
        err = merge(&other, &found);
    }
    if (err != 0) {
        return err;
    }
    other.kind = HTTP_CREDENTIAL_NONE;
    err = from_subprotocol(given->subprotocol, &other);
    if (err == 0) {
        err = merge(&other, &found);
    }
    if (err != 0) {
        return err;
    }
    if (found.kind == HTTP_CREDENTIAL_NONE) {
        from_cookie(given->cookie, &found);
    }
    *out_found = found;
    return 0;
}
