/* SPDX-License-Identifier: MIT */
/* Parses the address of a Redis. Resolves nothing. Called by the Redis link and settings checks. */
#include "common/redis_url.h"

#include "common/bytes.h"

#define REDIS_PORT_DEFAULT 6379u

/* Splits `text` at the first `c`; without one, everything is before it. */
static bool split(struct bytes text, char c, struct bytes *out_before, struct bytes *out_after)
{
    const char *at = text.len > 0 ? memchr(text.ptr, c, text.len) : NULL;

    *out_before = at ? bytes_of(text.ptr, (size_t)(at - text.ptr)) : text;
    *out_after = at ? bytes_skip(text, (size_t)(at - text.ptr) + 1) : BYTES_NONE;
    return at != NULL;
}

static int parse_number(struct bytes text, uint32_t max, uint32_t *out_number)
{
    uint32_t n = 0;

    if (text.len == 0) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return ERR_SYNTAX;
        }
        n = n * 10 + (uint32_t)(text.ptr[i] - '0');
        if (n > max) {
            return ERR_RANGE;
        }
    }
    *out_number = n;
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decode %XX into `out`, which has room for `max` bytes and a NUL. */
static int percent_decode(struct bytes text, char *out, size_t max)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return ERR_SYNTAX;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0') {
            return ERR_SYNTAX;
        }
        if (len == max) {
            return ERR_LIMIT;
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return 0;
}

/* Copy a name as it is: printable and without blanks. */
static int copy_plain(struct bytes text, char *out, size_t max)
{
    if (text.len == 0) {
        return ERR_SYNTAX;
    }
    if (text.len > max) {
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f) {
            return ERR_SYNTAX;
        }
    }
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return 0;
}

static int parse_unix(struct bytes rest, struct redis_url *out)
{
    struct bytes path, query;
    int err;

    out->is_unix = true;
    if (split(rest, '?', &path, &query)) {
        if (!bytes_has_prefix(query, BYTES_LIT("db="))) {
            return ERR_SYNTAX;
        }
        err = parse_number(bytes_skip(query, 3), REDIS_URL_DB_MAX, &out->db);
        if (err != 0) {
            return err;
        }
    }
    if (path.len == 0 || path.ptr[0] != '/') {
        return ERR_SYNTAX;
    }
    return copy_plain(path, out->host, REDIS_URL_PATH_MAX);
}

/* "[user]:password" */
static int parse_login(struct bytes login, struct redis_url *out)
{
    struct bytes user, password;
    int err;

    if (!split(login, ':', &user, &password)) {
        return ERR_SYNTAX;
    }
    err = percent_decode(user, out->user, REDIS_URL_PART_MAX);
    return err != 0 ? err : percent_decode(password, out->password, REDIS_URL_PART_MAX);
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static int parse_host(struct bytes text, struct redis_url *out)
{
    struct bytes host, port, rest;
    uint32_t number = REDIS_PORT_DEFAULT;
    bool has_port;
    int err;

    if (text.len > 0 && text.ptr[0] == '[') {
        if (!split(bytes_skip(text, 1), ']', &host, &rest)) {
            return ERR_SYNTAX;
        }
        has_port = split(rest, ':', &text, &port);
        if (text.len > 0) {
            return ERR_SYNTAX;
        }
    } else {
        has_port = split(text, ':', &host, &port);
    }
    if (has_port) {
        err = parse_number(port, UINT16_MAX, &number);
        if (err != 0) {
            return err;
        }
        if (number == 0) {
            return ERR_RANGE;
        }
    }
    out->port = (uint16_t)number;
    return copy_plain(host, out->host, REDIS_URL_PART_MAX);
}

static int parse_tcp(struct bytes rest, struct redis_url *out)
{
    const char *at = rest.len > 0 ? memrchr(rest.ptr, '@', rest.len) : NULL;
    struct bytes host, db;
    int err = 0;

    if (at) {
        size_t len = (size_t)(at - rest.ptr);

        err = parse_login(bytes_of(rest.ptr, len), out);
        rest = bytes_skip(rest, len + 1);
    }
    if (err == 0 && split(rest, '/', &host, &db) && db.len > 0) {
        err = parse_number(db, REDIS_URL_DB_MAX, &out->db);
    }
    return err != 0 ? err : parse_host(host, out);
}

int redis_url_parse(const char *text, struct redis_url *out)
{
    struct redis_url url = {.port = REDIS_PORT_DEFAULT};
    struct bytes all = bytes_str(text);
    int err = ERR_SYNTAX;

    if (bytes_has_prefix(all, BYTES_LIT("redis://"))) {
        err = parse_tcp(bytes_skip(all, 8), &url);
    } else if (bytes_has_prefix(all, BYTES_LIT("unix://"))) {
        err = parse_unix(bytes_skip(all, 7), &url);
    }
    if (err == 0) {
        *out = url;
    }
    return err;
}
