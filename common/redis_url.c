/* SPDX-License-Identifier: MIT */
/* Parses the address of a Redis. Resolves nothing. Called by the Redis link and settings checks. */
#include "common/redis_url.h"

#include "common/bytes.h"
#include "common/mem.h"

#define REDIS_PORT_DEFAULT 6379u
#define SENTINEL_PORT_DEFAULT 26379u

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
static int parse_host(struct bytes text, uint32_t port_default, char *out_host, uint16_t *out_port)
{
    struct bytes host, port, rest;
    uint32_t number = port_default;
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
    *out_port = (uint16_t)number;
    return copy_plain(host, out_host, REDIS_URL_PART_MAX);
}

/* Takes the login off the front, if there is one. */
static int take_login(struct bytes *rest, struct redis_url *out)
{
    const char *at = rest->len > 0 ? memrchr(rest->ptr, '@', rest->len) : NULL;
    size_t len;
    int err;

    if (!at) {
        return 0;
    }
    len = (size_t)(at - rest->ptr);
    if (out->seeds.topology != REDIS_ALONE && memchr(rest->ptr, '@', len)) {
        return ERR_SYNTAX; /* each seed with a login? It is the same for all */
    }
    err = parse_login(bytes_of(rest->ptr, len), out);
    *rest = bytes_skip(*rest, len + 1);
    return err;
}

static int parse_database(struct bytes text, struct redis_url *out)
{
    return text.len > 0 ? parse_number(text, REDIS_URL_DB_MAX, &out->db) : 0;
}

/* "ca_file=…" and "sentinel_password=…", each where it has a meaning. */
static int parse_option(struct bytes option, struct redis_url *out)
{
    struct bytes key, value;

    (void)split(option, '=', &key, &value);
    if (out->is_tls && bytes_eq_str(key, "ca_file")) {
        return percent_decode(value, out->ca_file, REDIS_URL_PART_MAX);
    }
    if (out->seeds.topology == REDIS_SENTINEL && bytes_eq_str(key, "sentinel_password")) {
        return percent_decode(value, out->seeds.password, REDIS_URL_PART_MAX);
    }
    return ERR_SYNTAX;
}

/* Takes "?option&option" off the end, and the login off the front. */
static int take_options_and_login(struct bytes *rest, struct redis_url *out)
{
    struct bytes options, option;
    bool has_options = out->is_tls || out->seeds.topology != REDIS_ALONE;
    bool is_more = has_options && split(*rest, '?', rest, &options);
    int err = 0;

    while (err == 0 && is_more) {
        is_more = split(options, '&', &option, &options);
        err = parse_option(option, out);
    }
    return err != 0 ? err : take_login(rest, out);
}

static int parse_alone(struct bytes rest, struct redis_url *out)
{
    struct bytes host, db;
    int err = take_options_and_login(&rest, out);

    (void)split(rest, '/', &host, &db);
    if (err == 0) {
        err = parse_database(db, out);
    }
    return err != 0 ? err : parse_host(host, REDIS_PORT_DEFAULT, out->host, &out->port);
}

static int parse_seeds(struct bytes list, uint32_t port_default, struct redis_seeds *out)
{
    bool is_more = true;
    struct bytes item;
    int err = 0;

    while (err == 0 && is_more) {
        if (out->count == REDIS_SEEDS_MAX) {
            return ERR_LIMIT;
        }
        is_more = split(list, ',', &item, &list);
        err = parse_host(item, port_default, out->at[out->count].host, &out->at[out->count].port);
        out->count++;
    }
    return err;
}

static int parse_sentinel(struct bytes rest, struct redis_url *out)
{
    struct bytes hosts, service, db;
    int err = take_options_and_login(&rest, out);

    (void)split(rest, '/', &hosts, &rest);
    (void)split(rest, '/', &service, &db);
    if (err == 0) {
        err = parse_seeds(hosts, SENTINEL_PORT_DEFAULT, &out->seeds);
    }
    if (err == 0) {
        err = copy_plain(service, out->seeds.service, REDIS_URL_PART_MAX);
    }
    return err != 0 ? err : parse_database(db, out);
}

/* No database: a cluster has one. */
static int parse_cluster(struct bytes rest, struct redis_url *out)
{
    struct bytes hosts, nothing;
    int err = take_options_and_login(&rest, out);

    (void)split(rest, '/', &hosts, &nothing);
    err = err == 0 && nothing.len > 0 ? ERR_SYNTAX : err;
    if (err == 0) {
        err = parse_seeds(hosts, REDIS_PORT_DEFAULT, &out->seeds);
    }
    memcpy(out->seeds.user, out->user, sizeof(out->seeds.user));
    memcpy(out->seeds.password, out->password, sizeof(out->seeds.password));
    return err;
}

int redis_url_set_address(struct redis_url *url, struct bytes host, struct bytes port)
{
    uint32_t number = 0;
    int err = parse_number(port, UINT16_MAX, &number);

    if (err == 0 && number == 0) {
        err = ERR_RANGE;
    }
    if (err == 0) {
        err = copy_plain(host, url->host, REDIS_URL_PART_MAX);
    }
    if (err == 0) {
        url->port = (uint16_t)number;
    }
    return err;
}

int redis_url_parse(const char *text, struct redis_url *out)
{
    static const struct {
        const char *scheme;
        bool is_tls;
        enum redis_topology topology;
        int (*parse)(struct bytes rest, struct redis_url *out);
    } forms[] = {
        {"redis://", false, REDIS_ALONE, parse_alone},
        {"rediss://", true, REDIS_ALONE, parse_alone},
        {"redis+sentinel://", false, REDIS_SENTINEL, parse_sentinel},
        {"rediss+sentinel://", true, REDIS_SENTINEL, parse_sentinel},
        {"redis+cluster://", false, REDIS_CLUSTER, parse_cluster},
        {"rediss+cluster://", true, REDIS_CLUSTER, parse_cluster},
        {"unix://", false, REDIS_ALONE, parse_unix},
    };
    struct redis_url url = {.port = REDIS_PORT_DEFAULT};
    struct bytes all = bytes_str(text);
    int err = ERR_SYNTAX;

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct bytes scheme = bytes_str(forms[i].scheme);

        if (bytes_has_prefix(all, scheme)) {
            url.is_tls = forms[i].is_tls;
            url.seeds.topology = forms[i].topology;
            err = forms[i].parse(bytes_skip(all, scheme.len), &url);
        }
    }
    if (err == 0) {
        *out = url;
    }
    return err;
}

int redis_url_check(const char *text)
{
    struct redis_url url;

    if (redis_url_parse(text, &url) != 0) {
        return ERR_SYNTAX;
    }
    return url.is_tls && !KIBRAY_REDIS_TLS ? ERR_MISSING : 0;
}

const char *redis_url_problem(int err)
{
    return err == ERR_MISSING
               ? "REDIS_URL asks for TLS, which this build's hiredis does not have."
               : "REDIS_URL is no redis://, rediss://, unix://, redis+sentinel:// or "
                 "redis+cluster:// address.";
}

static bool is_cluster(const char *text)
{
    struct redis_url url;

    return redis_url_parse(text, &url) == 0 && url.seeds.topology == REDIS_CLUSTER;
}

const char *redis_prefix_problem(const char *url, const char *prefix)
{
    struct bytes text = bytes_str(prefix);
    size_t braces = is_cluster(url) ? 2 : 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c <= ' ' || c > '~' || c == '{' || c == '}') {
            return "REDIS_PREFIX has blanks, braces or non-ASCII.";
        }
    }
    if (text.len + braces > REDIS_PREFIX_MAX) {
        return "REDIS_PREFIX is longer than 32 bytes, or 30 in a Redis Cluster.";
    }
    if (braces > 0 && text.len == 0) {
        return "REDIS_PREFIX is empty; in a Redis Cluster it keeps all keys in one slot.";
    }
    return NULL;
}

int redis_prefix_fit(const char *url, char **prefix)
{
    char braced[REDIS_PREFIX_MAX];
    size_t len = bytes_str(*prefix).len;
    char *copy;

    if (!is_cluster(url) || len + 2 > sizeof(braced)) {
        return 0;
    }
    braced[0] = '{';
    memcpy(braced + 1, *prefix, len);
    braced[len + 1] = '}';
    copy = mem_dup_str(bytes_of(braced, len + 2));
    if (!copy) {
        return ERR_NOMEM;
    }
    mem_free(*prefix);
    *prefix = copy;
    return 0;
}
