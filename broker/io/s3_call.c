/* SPDX-License-Identifier: MIT */
/* One request to an S3 server by libcurl, which signs it: the hash of the body is given to it as a
 * header, the query as it has to be signed. Handles, and with them connections, are kept for the
 * next request. Called by storage_s3.c and s3_multipart.c. */
#include <curl/curl.h>
#include <stdio.h>

#include "broker/io/s3_client.h"
#include "broker/io/storage.h"

#define CONNECT_TIMEOUT_MS 5000L
/* A server that moves nothing for so long is away. The end of an upload takes some time, too. */
#define SILENCE_MAX_S 30L
#define SILENCE_BYTES_PER_S 1L
#define TOTAL_TIMEOUT_MS 300000L /* 8 MiB at 28 KiB/s, or 64 MiB at 220 KiB/s */
#define URL_MAX_BYTES 4096u      /* base, bucket, key; an upload's id may be long */

struct call {
    const struct s3_request *request;
    struct s3_answer *answer;
    CURL *easy;
    struct curl_slist *headers;
    uint64_t sent; /* of the body */
    size_t taken;  /* of the object */
    int err;       /* of a callback */
};

/* ---- callbacks ---- */

static int on_object(struct call *t, struct bytes data)
{
    if (data.len > t->request->range_len - t->taken) {
        return ERR_IO; /* more than was asked for */
    }
    t->taken += data.len;
    return buf_append(t->request->object, data);
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct call *t = arg;
    struct bytes piece = bytes_of(data, size * count);
    long status = 0;

    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (t->request->object && status >= 200 && status < 300) {
        t->err = on_object(t, piece);
    } else {
        t->err = buf_append(&t->answer->text, piece);
        t->err = t->err == ERR_FULL ? ERR_IO : t->err;
    }
    return t->err ? 0 : piece.len;
}

static size_t on_read(char *to, size_t size, size_t count, void *arg)
{
    struct call *t = arg;
    size_t got = 0;

    t->err = s3_body_read(&t->request->body, t->sent, to, size * count, &got);
    if (t->err) {
        return CURL_READFUNC_ABORT;
    }
    t->sent += got;
    return got;
}

/* libcurl sends a body again, on a new connection. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct call *t = arg;

    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > t->request->body.size) {
        return CURL_SEEKFUNC_FAIL;
    }
    t->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    static const char name[] = "etag:";
    struct call *t = arg;
    struct bytes value;

    if (size * count > sizeof(name) && strncasecmp(data, name, sizeof(name) - 1) == 0) {
        value = bytes_skip(bytes_of(data, size * count), sizeof(name) - 1);
        while (value.len > 0 && value.ptr[0] == ' ') {
            value = bytes_skip(value, 1);
        }
        while (value.len > 0 && (unsigned char)value.ptr[value.len - 1] <= ' ') {
            value.len--;
        }
        (void)snprintf(t->answer->etag, sizeof(t->answer->etag), "%.*s", BYTES_FMT(value));
    }
    return size * count;
}

/* ---- options ---- */

#define SET(option, value) (curl_easy_setopt(t->easy, (option), (value)) == CURLE_OK)

static bool add_header(struct call *t, const char *line)
{
    struct curl_slist *list = curl_slist_append(t->headers, line);

    if (list) {
        t->headers = list;
    }
    return list != NULL;
}

static int set_headers(struct call *t)
{
    const struct s3_request *r = t->request;
    char hash[S3_HASH_LEN + 1], line[128];
    int err = s3_body_hash(&r->body, hash);
    bool is_ok;

    if (err) {
        return err;
    }
    (void)snprintf(line, sizeof(line), "X-Amz-Content-Sha256: %s", hash);
    is_ok = add_header(t, line);
    if (r->method == S3_PUT || r->method == S3_POST) {
        is_ok = is_ok && add_header(t, "Content-Type: application/octet-stream");
    }
    return is_ok && SET(CURLOPT_HTTPHEADER, t->headers) ? 0 : ERR_NOMEM;
}

static bool set_url(const struct s3_client *c, struct call *t)
{
    const struct s3_request *r = t->request;
    char url[URL_MAX_BYTES];
    int len = snprintf(url, sizeof(url), "%s/%s/%s%s%s", c->base, c->bucket, r->key,
                       r->query ? "?" : "", r->query ? r->query : "");

    return len > 0 && (size_t)len < sizeof(url) && SET(CURLOPT_URL, url);
}

static bool set_connection(const struct s3_client *c, struct call *t)
{
    bool is_ok = SET(CURLOPT_PROTOCOLS_STR, "http,https") && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
                 SET(CURLOPT_PROXY, "") && SET(CURLOPT_NOSIGNAL, 1L) &&
                 SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
                 SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
                 SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
                 SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS) &&
                 SET(CURLOPT_LOW_SPEED_LIMIT, SILENCE_BYTES_PER_S) &&
                 SET(CURLOPT_LOW_SPEED_TIME, SILENCE_MAX_S) &&
                 SET(CURLOPT_TIMEOUT_MS, TOTAL_TIMEOUT_MS) && SET(CURLOPT_AWS_SIGV4, c->provider) &&
                 SET(CURLOPT_USERNAME, c->access_key) && SET(CURLOPT_PASSWORD, c->secret_key);

    if (is_ok && c->ca_file) {
        is_ok = SET(CURLOPT_CAINFO, c->ca_file) && SET(CURLOPT_CAPATH, NULL);
    }
    return is_ok;
}

static bool set_method(struct call *t)
{
    const struct s3_request *r = t->request;
    char range[64];

    switch (r->method) {
    case S3_GET:
        (void)snprintf(range, sizeof(range), "%llu-%llu", (unsigned long long)r->range_offset,
                       (unsigned long long)(r->range_offset + r->range_len - 1));
        return SET(CURLOPT_HTTPGET, 1L) && SET(CURLOPT_RANGE, range);
    case S3_HEAD:
        return SET(CURLOPT_NOBODY, 1L);
    case S3_DELETE:
        return SET(CURLOPT_CUSTOMREQUEST, "DELETE");
    case S3_PUT:
        return SET(CURLOPT_UPLOAD, 1L) && SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body.size) &&
               SET(CURLOPT_READFUNCTION, on_read) && SET(CURLOPT_READDATA, t) &&
               SET(CURLOPT_SEEKFUNCTION, on_seek) && SET(CURLOPT_SEEKDATA, t);
    case S3_POST:
        return SET(CURLOPT_POST, 1L) &&
               SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.data.len) &&
               SET(CURLOPT_POSTFIELDS, r->body.data.len ? r->body.data.ptr : "");
    }
    return false;
}

static bool set_callbacks(struct call *t)
{
    return SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, t) &&
           SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, t);
}

/* ---- handles ---- */

static CURL *take_easy(struct s3_client *c)
{
    CURL *easy = NULL;

    pthread_mutex_lock(&c->mutex);
    if (c->idle_count > 0) {
        easy = c->idle[--c->idle_count];
    }
    pthread_mutex_unlock(&c->mutex);
    return easy ? easy : curl_easy_init();
}

static void give_easy(struct s3_client *c, CURL *easy)
{
    if (!easy) {
        return;
    }
    curl_easy_reset(easy); /* forgets everything but its connections */
    pthread_mutex_lock(&c->mutex);
    if (c->idle_count < S3_IDLE_MAX) {
        c->idle[c->idle_count++] = easy;
        easy = NULL;
    }
    pthread_mutex_unlock(&c->mutex);
    curl_easy_cleanup(easy);
}

/* ---- the call ---- */

static int curl_error(const struct call *t, CURLcode code)
{
    switch ((int)code) {
    case CURLE_OK:
        return 0;
    case CURLE_WRITE_ERROR:
    case CURLE_ABORTED_BY_CALLBACK:
        return t->err ? t->err : ERR_IO;
    case CURLE_OUT_OF_MEMORY:
        return ERR_NOMEM;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return ERR_REMOTE;
    default:
        return ERR_UNAVAILABLE;
    }
}

static bool is_worth_again(const struct s3_request *r, CURLcode code)
{
    bool is_connection = code == CURLE_COULDNT_CONNECT || code == CURLE_SEND_ERROR ||
                         code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
                         code == CURLE_PARTIAL_FILE;

    return is_connection && r->method != S3_POST;
}

static void forget_answer(struct call *t)
{
    if (t->request->object) {
        t->request->object->len -= t->taken;
    }
    buf_reset(&t->answer->text);
    t->taken = 0;
    t->sent = 0;
    t->err = 0;
}

static int perform(struct call *t)
{
    CURLcode code = curl_easy_perform(t->easy);
    curl_off_t length = 0;
    long status = 0;
    int err;

    if (is_worth_again(t->request, code)) {
        forget_answer(t);
        code = curl_easy_perform(t->easy);
    }
    err = curl_error(t, code);
    if (err == 0) {
        (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        (void)curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        t->answer->status = (int)status;
        t->answer->length = length > 0 ? (uint64_t)length : 0;
        err = s3_answer_error(t->answer);
    }
    if (err == 0 && t->request->object && t->taken < t->request->range_len) {
        err = ERR_SHORT;
    }
    if (err) {
        forget_answer(t);
    }
    return err;
}

int s3_call(struct s3_client *c, const struct s3_request *request, struct s3_answer *out)
{
    struct call call = {.request = request, .answer = out}, *t = &call;
    int err;

    *out = (struct s3_answer){.status = 0};
    buf_init(&out->text, S3_ERROR_BODY_MAX_BYTES);
    t->easy = take_easy(c);
    if (!t->easy) {
        return ERR_NOMEM;
    }
    err = set_headers(t);
    if (err == 0 && !(set_url(c, t) && set_connection(c, t) && set_method(t) && set_callbacks(t))) {
        err = ERR_NOMEM;
    }
    if (err == 0) {
        err = perform(t);
    }
    give_easy(c, t->easy);
    curl_slist_free_all(t->headers);
    return err;
}

void s3_answer_done(struct s3_answer *a)
{
    buf_done(&a->text);
}
