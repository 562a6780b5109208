/* SPDX-License-Identifier: MIT */
/* Ordinary HTTP on the clients' port: health and metrics are answered here, /api/ and files go to a
 * broker and back (their bytes: http_upload.c, http_download.c), the web application comes from
 * memory (web_files.c), everything else is 404. Knows no
 * credentials: their bytes travel as they came. */
#include "common/io/clock.h"
#include "gateway/gateway_glue.h"
#include "proto/limits.h"
#include "proto/stream_keys.h"

#define API "/api/"
#define FILES "/media/attachments/"
#define UPLOADS "/api/uploads/"

struct answer {
    int status;
    const char *code, *detail, *headers;
};

static const struct answer BAD_HOST = {400, "INVALID_MESSAGE", "This host is not served here.", ""};
static const struct answer FORGED = {403, "PERMISSION_DENIED",
                                     "This origin may not send such requests.", ""};
static const struct answer NOT_FOUND = {404, "not_found", "There is nothing here.", ""};
static const struct answer BAD_METHOD = {405, "method_not_allowed", "Only GET is served here.",
                                         "Allow: GET, HEAD\r\n"};
static const struct answer SOCKET_METHOD = {405, "method_not_allowed", "A socket is opened by GET.",
                                            "Allow: GET\r\n"};
static const struct answer TOO_LARGE = {413, "MESSAGE_TOO_LARGE", "The file is too large.", ""};
static const struct answer TOO_LONG = {414, "INVALID_MESSAGE", "The address is too long.", ""};
static const struct answer LONG_HEADER = {431, "INVALID_MESSAGE",
                                          "A header of the request is too long.", ""};
static const struct answer UNAVAILABLE = {
    503, "SERVICE_UNAVAILABLE", "The service is unavailable at the moment.", "Retry-After: 1\r\n"};

/* A client that has gone needs no answer: nothing to do about that. */
static void reply(struct gateway *g, uint64_t request, const struct answer *a)
{
    struct buf *json = &g->json;
    int err;

    buf_reset(json);
    err = buf_printf(json, "{\"detail\":\"%s\",\"code\":\"%s\"}", a->detail, a->code);
    err = ws_http_reply(g->port, request, a->status, BYTES_LIT("application/json"),
                        bytes_str(a->headers), err == 0 ? buf_bytes(json) : BYTES_LIT("{}"));
    (void)err;
}

static bool is_status_path(struct bytes path)
{
    return bytes_eq_str(path, "/metrics") || bytes_eq_str(path, "/healthz") ||
           bytes_eq_str(path, "/readyz");
}

static void reply_status(struct gateway *g, uint64_t request, const struct ws_request *req)
{
    const char *type = "text/plain";
    int status, ignored;

    if (!bytes_eq_str(req->method, "GET") && !bytes_eq_str(req->method, "HEAD")) {
        reply(g, request, &BAD_METHOD);
        return;
    }
    gateway_on_scrape(g);
    buf_reset(&g->json);
    status = status_http_body(&g->health, req->path, &g->json, &type);
    ignored = ws_http_reply(g->port, request, status, bytes_str(type), BYTES_LIT(""),
                            buf_bytes(&g->json));
    (void)ignored;
}

/* The web application, if it is served here and this is a file of it. */
static bool reply_web(struct gateway *g, uint64_t request, const struct ws_request *req)
{
    const struct web_request wanted = {req->path, req->accept_encoding, req->if_none_match};
    struct web_answer answer;
    struct buf headers;
    bool is_found;
    int ignored;

    if (!g->web) {
        return false;
    }
    buf_init(&headers, WEB_HEADERS_MAX_BYTES);
    is_found = web_files_answer(g->web, &wanted, bytes_str(g->conf->web_connect_sources), &answer,
                                &headers) == 0;
    if (is_found && !bytes_eq_str(req->method, "GET") && !bytes_eq_str(req->method, "HEAD")) {
        reply(g, request, &BAD_METHOD);
    } else if (is_found) {
        ignored = ws_http_reply(g->port, request, answer.status, answer.type, buf_bytes(&headers),
                                answer.body);
        (void)ignored;
    }
    buf_done(&headers);
    return is_found;
}

static bool has_long_header(const struct ws_request *req)
{
    return req->authorization.len > HEADER_VALUE_MAX_BYTES ||
           req->cookie.len > HEADER_VALUE_MAX_BYTES ||
           req->content_type.len > HEADER_VALUE_MAX_BYTES ||
           req->range.len > HEADER_VALUE_MAX_BYTES || req->if_range.len > HEADER_VALUE_MAX_BYTES ||
           req->if_none_match.len > HEADER_VALUE_MAX_BYTES;
}

static int ask_broker(struct gateway *g, uint64_t request, const struct ws_request *req,
                      struct bytes body)
{
    const struct inflight_entry entry = {.kind = INFLIGHT_HTTP, .conn = request};
    const struct up_envelope env = {
        .kind = UP_HTTP,
        .conn = request,
        .http = {.method = req->method,
                 .path = req->path,
                 .query = req->query,
                 .body = body,
                 .content_type = req->content_type,
                 .address = req->address,
                 .range = req->range,
                 .if_range = req->if_range,
                 .if_none_match = req->if_none_match,
                 .body_bytes = body.len < req->body_bytes ? req->body_bytes : 0,
                 .cred = {.authorization = req->authorization, .cookie = req->cookie}}};
    int err = inflight_add(g->inflight, &entry, NULL, clock_mono_ms());

    if (err != 0) {
        return err;
    }
    err = gateway_send_up(g, partition_of_id(request, g->conf->partitions), UPLINK_ONCE, &env);
    if (err != 0) {
        http_front_on_gone(g, request);
    }
    return err;
}

bool http_front_is_streamed(void *arg, const struct ws_request *req)
{
    (void)arg;
    return bytes_eq_str(req->path, UPLOADS) && bytes_eq_str(req->method, "POST");
}

/* A body that is not here yet is an upload's. */
static void forward(struct gateway *g, uint64_t request, const struct ws_request *req,
                    struct bytes body)
{
    int err = body.len < req->body_bytes ? http_upload_begin(g, request, req->body_bytes) : 0;

    if (err == 0) {
        err = ask_broker(g, request, req, body);
    }
    if (err != 0) {
        http_upload_end(g, request);
        reply(g, request, err == ERR_LIMIT ? &TOO_LARGE : &UNAVAILABLE);
    }
}

void http_front_on_request(void *arg, uint64_t request, const struct ws_request *req,
                           struct bytes body)
{
    struct gateway *g = arg;

    if (is_status_path(req->path)) {
        reply_status(g, request, req);
    } else if (!handshake_is_host_allowed(g->conf->allowed_hosts, req->host)) {
        reply(g, request, &BAD_HOST);
    } else if (!bytes_has_prefix(req->path, BYTES_LIT(API)) &&
               !bytes_has_prefix(req->path, BYTES_LIT(FILES))) {
        if (!bytes_eq_str(req->method, "GET") && handshake_is_socket(&g->policy, req->path)) {
            reply(g, request, &SOCKET_METHOD);
        } else if (!reply_web(g, request, req)) {
            reply(g, request, &NOT_FOUND);
        }
    } else if (req->path.len > HTTP_PATH_MAX_BYTES || req->query.len > HTTP_PATH_MAX_BYTES) {
        reply(g, request, &TOO_LONG);
    } else if (has_long_header(req)) {
        reply(g, request, &LONG_HEADER);
    } else if (req->method.len > HTTP_METHOD_MAX_BYTES) {
        reply(g, request, &BAD_METHOD);
    } else if (handshake_is_forged(&g->policy, req)) {
        reply(g, request, &FORGED);
    } else {
        forward(g, request, req, body);
    }
}

void http_front_on_gone(void *arg, uint64_t request)
{
    struct gateway *g = arg;
    struct inflight_entry ignored;

    inflight_take(g->inflight, INFLIGHT_HTTP, request, 0, &ignored);
    http_upload_end(g, request);
    http_download_end(g, request);
}

void http_front_answer(struct gateway *g, const struct down_item *item)
{
    const struct down_http *http = &item->http;
    struct inflight_entry entry;
    bool is_upload = http_upload_end(g, item->conn);
    int ignored;

    if (!inflight_take(g->inflight, INFLIGHT_HTTP, item->conn, 0, &entry) && !is_upload) {
        return;
    }
    if (http->ref.len > 0) {
        http_download_begin(g, item->conn, http);
    } else {
        ignored = ws_http_reply(g->port, item->conn, (int)http->status, http->content_type,
                                http->headers, http->body);
        (void)ignored; /* the client may have gone */
    }
}

void http_front_wait_over(struct gateway *g, uint64_t request)
{
    http_upload_end(g, request);
    reply(g, request, &UNAVAILABLE);
}

void http_front_tick(struct gateway *g, uint64_t now_ms)
{
    http_download_tick(g, now_ms);
    http_upload_tick(g, now_ms);
}

uint32_t http_front_transfers(const struct gateway *g)
{
    return http_download_count(g) + http_upload_count(g);
}
