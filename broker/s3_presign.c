/* SPDX-License-Identifier: MIT */
/* AWS Signature Version 4 in a query. The query is built once, sorted as it is signed, and is the
 * URL's, too:
 *
 *      query                    X-Amz-Algorithm … response-content-type
 *      canonical request        GET, path, query, host, UNSIGNED-PAYLOAD
 *      text to sign             algorithm, time, scope, SHA-256 of the request
 *      key                      HMAC over day, region, "s3", "aws4_request"
 *      URL                      base, path, query, signature
 *
 * Called by storage_s3.c. */
#include "broker/s3_presign.h"

#include <time.h>

#include "proto/encoding.h"
#include "broker/openssl.h"

/* The longest path and query, both escaped; more than any URL that a server takes. */
#define CANONICAL_MAX_BYTES 32768u
#define SCOPE_MAX_BYTES 256u
#define DAY_LEN 8u /* of "20130524T000000Z" */
#define ALGORITHM "AWS4-HMAC-SHA256"

struct signing {
    const struct s3_credentials *c;
    const struct s3_presign *request;
    char time[sizeof("20130524T000000Z")];
    struct buf scope, path, query;
    char signature[2 * SHA256_DIGEST_LENGTH + 1];
};

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == ':' || c == '[' || c == ']';
}

int s3_base(const char *url, char out[S3_BASE_MAX_BYTES])
{
    size_t len = url ? strlen(url) : 0, host;
    const char *own_port;
    char text[S3_BASE_MAX_BYTES];

    if (len >= sizeof(text)) {
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)(url[i] >= 'A' && url[i] <= 'Z' ? url[i] - 'A' + 'a' : url[i]);
    }
    text[len] = '\0';
    host = strncmp(text, "https://", 8) == 0 ? 8 : strncmp(text, "http://", 7) == 0 ? 7 : 0;
    own_port = host == 8 ? ":443" : ":80";
    len -= host > 0 && len > host && text[len - 1] == '/';
    if (host == 0 || len == host) {
        return ERR_SYNTAX;
    }
    for (size_t i = host; i < len; i++) {
        if (!is_host_char(text[i])) {
            return ERR_SYNTAX;
        }
    }
    text[len] = '\0';
    if (len - host > strlen(own_port) && strcmp(text + len - strlen(own_port), own_port) == 0) {
        text[len - strlen(own_port)] = '\0';
    }
    memcpy(out, text, strlen(text) + 1);
    return 0;
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

int s3_escape(struct bytes text, bool keeps_slash, struct buf *out)
{
    size_t before = out->len;
    int err = 0;

    for (size_t i = 0; i < text.len && err == 0; i++) {
        char c = text.ptr[i];

        err = is_unreserved(c) || (keeps_slash && c == '/')
                  ? buf_append_char(out, c)
                  : buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
    if (err) {
        out->len = before;
    }
    return err;
}

static bool hmac(const void *key, size_t key_len, struct bytes text,
                 unsigned char out[SHA256_DIGEST_LENGTH])
{
    return HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text.ptr, text.len, out,
                NULL) != NULL;
}

/* The key of a day, a region and a service. */
static int derive_key(const struct signing *s, unsigned char out[SHA256_DIGEST_LENGTH])
{
    struct buf secret;
    int err;
    bool is_ok;

    buf_init(&secret, SCOPE_MAX_BYTES);
    err = buf_printf(&secret, "AWS4%s", s->c->secret_key);
    if (err == 0) {
        is_ok = hmac(secret.data, secret.len, bytes_of(s->time, DAY_LEN), out) &&
                hmac(out, SHA256_DIGEST_LENGTH, bytes_str(s->c->region), out) &&
                hmac(out, SHA256_DIGEST_LENGTH, BYTES_LIT("s3"), out) &&
                hmac(out, SHA256_DIGEST_LENGTH, BYTES_LIT("aws4_request"), out);
        err = is_ok ? 0 : ERR_NOMEM;
    }
    if (secret.data) {
        OPENSSL_cleanse(secret.data, secret.cap);
    }
    buf_done(&secret);
    return err;
}

static int add_parameter(struct buf *query, const char *name, struct bytes value)
{
    int err = buf_printf(query, "%s%s=", query->len ? "&" : "", name);

    return err ? err : s3_escape(value, false, query);
}

static int build_query(struct signing *s)
{
    const struct s3_presign *r = s->request;
    struct buf number, *q = &s->query;
    int err;

    buf_init(&number, SCOPE_MAX_BYTES);
    err = buf_printf(&number, "%s/%.*s", s->c->access_key, BYTES_FMT(buf_bytes(&s->scope)));
    err = err ? err : add_parameter(q, "X-Amz-Algorithm", BYTES_LIT(ALGORITHM));
    err = err ? err : add_parameter(q, "X-Amz-Credential", buf_bytes(&number));
    err = err ? err : add_parameter(q, "X-Amz-Date", bytes_str(s->time));
    buf_reset(&number);
    err = err ? err : buf_append_i64(&number, r->expires_s);
    err = err ? err : add_parameter(q, "X-Amz-Expires", buf_bytes(&number));
    err = err ? err : add_parameter(q, "X-Amz-SignedHeaders", BYTES_LIT("host"));
    if (err == 0 && r->disposition.len > 0) {
        err = add_parameter(q, "response-content-disposition", r->disposition);
    }
    if (err == 0 && r->content_type.len > 0) {
        err = add_parameter(q, "response-content-type", r->content_type);
    }
    buf_done(&number);
    return err;
}

static const char *host_of(const char *base)
{
    return strstr(base, "://") + strlen("://");
}

static int sign(struct signing *s)
{
    unsigned char digest[SHA256_DIGEST_LENGTH], key[SHA256_DIGEST_LENGTH];
    char hex[2 * SHA256_DIGEST_LENGTH + 1];
    struct buf text;
    int err;

    buf_init(&text, CANONICAL_MAX_BYTES);
    err = buf_printf(&text, "GET\n%.*s\n%.*s\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD",
                     BYTES_FMT(buf_bytes(&s->path)), BYTES_FMT(buf_bytes(&s->query)),
                     host_of(s->request->base));
    if (err == 0) {
        (void)SHA256((const unsigned char *)text.data, text.len, digest);
        hex_encode(digest, sizeof(digest), hex);
        buf_reset(&text);
        err = buf_printf(&text, ALGORITHM "\n%s\n%.*s\n%s", s->time,
                         BYTES_FMT(buf_bytes(&s->scope)), hex);
    }
    err = err ? err : derive_key(s, key);
    if (err == 0) {
        err = hmac(key, sizeof(key), buf_bytes(&text), digest) ? 0 : ERR_NOMEM;
        hex_encode(digest, sizeof(digest), s->signature);
        OPENSSL_cleanse(key, sizeof(key));
    }
    buf_done(&text);
    return err;
}

static int set_time(struct signing *s)
{
    time_t now = (time_t)s->request->now_s;
    struct tm tm;

    if (s->request->now_s > INT64_MAX / 2 || !gmtime_r(&now, &tm) ||
        strftime(s->time, sizeof(s->time), "%Y%m%dT%H%M%SZ", &tm) != sizeof(s->time) - 1) {
        return ERR_RANGE;
    }
    return buf_printf(&s->scope, "%.*s/%s/s3/aws4_request", (int)DAY_LEN, s->time, s->c->region);
}

int s3_presign(const struct s3_credentials *c, const struct s3_presign *request, struct buf *out)
{
    struct signing s = {.c = c, .request = request};
    int err;

    buf_init(&s.scope, SCOPE_MAX_BYTES);
    buf_init(&s.path, CANONICAL_MAX_BYTES);
    buf_init(&s.query, CANONICAL_MAX_BYTES);
    err = set_time(&s);
    err = err ? err : s3_escape(request->path, true, &s.path);
    err = err ? err : build_query(&s);
    err = err ? err : sign(&s);
    err = err ? err
              : buf_printf(out, "%s%.*s?%.*s&X-Amz-Signature=%s", request->base,
                           BYTES_FMT(buf_bytes(&s.path)), BYTES_FMT(buf_bytes(&s.query)),
                           s.signature);
    buf_done(&s.scope);
    buf_done(&s.path);
    buf_done(&s.query);
    return err;
}
