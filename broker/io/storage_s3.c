/* SPDX-License-Identifier: MIT */
/* Objects in a bucket of an S3-compatible server, under our own keys; addressed by path, because
 * a bucket's own host name needs DNS and certificates that small servers lack. Called by storage.c;
 * one request is s3_call.c. */
#include <curl/curl.h>
#include <stdio.h>

#include "broker/io/s3_client.h"
#include "broker/io/storage_impl.h"
#include "broker/openssl.h"
#include "common/io/clock.h"
#include "common/mem.h"

#define DEFAULT_REGION "us-east-1"
#define REGION_MAX_BYTES 64u
#define BUCKET_MIN_BYTES 3u /* the protocol's own bounds */
#define BUCKET_MAX_BYTES 63u
#define CREDENTIAL_MAX_BYTES 200u

struct storage_s3 {
    struct storage base;
    struct s3_client client;
    bool has_curl;
};

static struct s3_client *client_of(struct storage *s)
{
    return &((struct storage_s3 *)s)->client;
}

/* ---- objects ---- */

static int put(struct storage *s, const char *key, const struct s3_body *body)
{
    const struct s3_request request = {.method = S3_PUT, .key = key, .body = *body};
    struct s3_answer answer;
    int err = s3_call(client_of(s), &request, &answer);

    s3_answer_done(&answer);
    return err == ERR_NOT_FOUND ? ERR_UNAVAILABLE : err; /* the bucket is */
}

static int s3_put(struct storage *s, const char *key, struct bytes data, bool is_staged)
{
    (void)is_staged; /* what is there is durable */
    return put(s, key, &S3_BODY_DATA(data));
}

static int s3_put_file(struct storage *s, const char *key, int fd, uint64_t size)
{
    if (size > (uint64_t)S3_PARTS_MAX * S3_PART_BYTES) {
        return ERR_LIMIT;
    }
    if (size > S3_PART_BYTES) {
        return s3_multipart_put(client_of(s), key, fd, size);
    }
    return put(s, key, &(struct s3_body){.fd = fd, .size = size});
}

/* Does the object reach to `offset`? */
static int reaches(struct storage *s, const char *key, uint64_t offset)
{
    const struct s3_request request = {
        .method = S3_HEAD, .key = key, .body = S3_BODY_DATA(BYTES_NONE)};
    struct s3_answer answer;
    int err = s3_call(client_of(s), &request, &answer);

    if (err == 0 && answer.length < offset) {
        err = ERR_SHORT;
    }
    s3_answer_done(&answer);
    return err;
}

static int s3_get(struct storage *s, const char *key, uint64_t offset, size_t len, struct buf *out)
{
    const struct s3_request request = {.method = S3_GET,
                                       .key = key,
                                       .body = S3_BODY_DATA(BYTES_NONE),
                                       .range_offset = offset,
                                       .range_len = len,
                                       .object = out};
    struct s3_answer answer;
    char *room;
    int err;

    if (len == 0) {
        return reaches(s, key, offset);
    }
    err = buf_reserve(out, len, &room);
    if (err) {
        return err;
    }
    err = s3_call(client_of(s), &request, &answer);
    if (err == 0 && answer.status != 206 && offset > 0) {
        out->len -= len; /* the server knows no ranges: it gave the beginning */
        err = ERR_IO;
    }
    s3_answer_done(&answer);
    return err;
}

static int s3_delete(struct storage *s, const char *key)
{
    const struct s3_request request = {
        .method = S3_DELETE, .key = key, .body = S3_BODY_DATA(BYTES_NONE)};
    struct s3_answer answer;
    int err = s3_call(client_of(s), &request, &answer);

    s3_answer_done(&answer);
    return err == ERR_NOT_FOUND ? 0 : err;
}

static int s3_link(struct storage *s, const char *key, const struct storage_link *link,
                   struct buf *out_url)
{
    const struct s3_client *c = client_of(s);
    const struct s3_credentials credentials = {c->region, c->access_key, c->secret_key};
    struct buf path, url;
    int err;

    buf_init(&path, BUCKET_MAX_BYTES + STORAGE_KEY_MAX + 2);
    buf_init(&url, STORAGE_URL_MAX_BYTES);
    err = buf_printf(&path, "/%s/%s", c->bucket, key);
    if (err == 0) {
        err = s3_presign(&credentials,
                         &(struct s3_presign){.base = c->public_base,
                                              .path = buf_bytes(&path),
                                              .content_type = link->content_type,
                                              .disposition = link->disposition,
                                              .now_s = clock_wall_ms() / 1000,
                                              .expires_s = link->expires_s},
                         &url);
        err = err == ERR_FULL ? ERR_LIMIT : err;
    }
    err = err ? err : buf_append(out_url, buf_bytes(&url));
    buf_done(&path);
    buf_done(&url);
    return err;
}

/* ---- start and end ---- */

static void wipe(char *text)
{
    if (text) {
        OPENSSL_cleanse(text, strlen(text));
        mem_free(text);
    }
}

static void s3_free(struct storage *s)
{
    struct s3_client *c = client_of(s);

    while (c->idle_count > 0) {
        curl_easy_cleanup(c->idle[--c->idle_count]);
    }
    (void)pthread_mutex_destroy(&c->mutex);
    mem_free(c->bucket);
    mem_free(c->region);
    mem_free(c->access_key);
    wipe(c->secret_key);
    mem_free(c->ca_file);
    mem_free(c->provider);
    if (((struct storage_s3 *)s)->has_curl) {
        curl_global_cleanup();
    }
    mem_free(s);
}

static const struct storage_ops s3_ops = {
    .put = s3_put,
    .put_file = s3_put_file,
    .get = s3_get,
    .del = s3_delete,
    .link = s3_link,
    .free = s3_free,
};

static const char *or_default(const char *text, const char *other)
{
    return text && text[0] ? text : other;
}

/* Is it `min` to `max` bytes, all of them in `allowed` (NULL: visible ASCII)? */
static bool is_word(const char *text, size_t min, size_t max, const char *allowed)
{
    size_t len = text ? strlen(text) : 0;

    for (size_t i = 0; i < len; i++) {
        if (allowed ? !strchr(allowed, text[i]) : text[i] <= ' ' || text[i] >= 0x7F) {
            return false;
        }
    }
    return len >= min && len <= max;
}

static int check_conf(const struct storage_conf *conf)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-._";
    bool is_ok =
        is_word(conf->s3_bucket, BUCKET_MIN_BYTES, BUCKET_MAX_BYTES, letters) &&
        conf->s3_bucket[0] != '.' &&
        is_word(or_default(conf->s3_region, DEFAULT_REGION), 1, REGION_MAX_BYTES, letters) &&
        is_word(conf->s3_access_key, 1, CREDENTIAL_MAX_BYTES, NULL) &&
        is_word(conf->s3_secret_key, 1, CREDENTIAL_MAX_BYTES, NULL);

    return is_ok ? 0 : ERR_SYNTAX;
}

static int set_conf(struct s3_client *c, const struct storage_conf *conf)
{
    char provider[REGION_MAX_BYTES + sizeof("aws:amz::s3")];
    int err = check_conf(conf);

    err = err ? err : s3_base(conf->s3_url, c->base);
    err = err ? err : s3_base(or_default(conf->s3_public_url, conf->s3_url), c->public_base);
    if (err) {
        return err == ERR_LIMIT ? ERR_SYNTAX : err;
    }
    c->bucket = mem_dup_str(bytes_str(conf->s3_bucket));
    c->region = mem_dup_str(bytes_str(or_default(conf->s3_region, DEFAULT_REGION)));
    c->access_key = mem_dup_str(bytes_str(conf->s3_access_key));
    c->secret_key = mem_dup_str(bytes_str(conf->s3_secret_key));
    if (!c->bucket || !c->region || !c->access_key || !c->secret_key) {
        return ERR_NOMEM;
    }
    if (or_default(conf->s3_ca_file, NULL)) {
        c->ca_file = mem_dup_str(bytes_str(conf->s3_ca_file));
        if (!c->ca_file) {
            return ERR_NOMEM;
        }
    }
    (void)snprintf(provider, sizeof(provider), "aws:amz:%s:s3", c->region);
    c->provider = mem_dup_str(bytes_str(provider));
    return c->provider ? 0 : ERR_NOMEM;
}

struct storage *storage_s3_new(const struct storage_conf *conf, int *out_err)
{
    struct storage_s3 *s = mem_zalloc(sizeof(*s));
    int err = s ? 0 : ERR_NOMEM;

    if (s) {
        s->base.ops = &s3_ops;
        (void)pthread_mutex_init(&s->client.mutex, NULL);
        s->has_curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
        err = !s->has_curl ? ERR_NOMEM : set_conf(&s->client, conf);
    }
    if (err) {
        if (s) {
            s3_free(&s->base);
        }
        *out_err = err;
        return NULL;
    }
    return &s->base;
}
