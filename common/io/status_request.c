/* SPDX-License-Identifier: MIT */
/* What the metrics port says: reads the head of a request, writes an answer. No sockets. Called by
 * status_http.c, and status_http_body() by daemons that serve the same pages elsewhere. */
#include "common/io/status_request.h"

#include "common/io/status_http.h"
#include "common/metrics.h"

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

/* The part before the next blank; moves *rest behind the blank. None if there is no blank. */
static struct bytes next_word(struct bytes *rest)
{
    const char *blank = rest->len > 0 ? memchr(rest->ptr, ' ', rest->len) : NULL;
    struct bytes word = BYTES_NONE;

    if (blank) {
        word = bytes_of(rest->ptr, (size_t)(blank - rest->ptr));
        *rest = bytes_skip(*rest, word.len + 1);
    }
    return word;
}

int status_request_parse(struct bytes in, struct status_request *out)
{
    const char *end = in.len > 0 ? memmem(in.ptr, in.len, "\r\n\r\n", 4) : NULL;
    const char *line_end = end ? memmem(in.ptr, in.len, "\r\n", 2) : NULL;
    struct bytes line, method, target;
    const char *query;

    if (!line_end) {
        return ERR_SHORT;
    }
    line = bytes_of(in.ptr, (size_t)(line_end - in.ptr));
    method = next_word(&line);
    target = next_word(&line);
    *out = (struct status_request){.status = 400};
    if (method.len == 0 || target.len == 0 || target.ptr[0] != '/' ||
        !(bytes_eq_str(line, "HTTP/1.1") || bytes_eq_str(line, "HTTP/1.0"))) {
        return 0;
    }
    query = memchr(target.ptr, '?', target.len);
    out->path = query ? bytes_of(target.ptr, (size_t)(query - target.ptr)) : target;
    out->status = bytes_eq_str(method, "GET") ? 0 : 405;
    return 0;
}

int status_http_body(const struct health *health, struct bytes path, struct buf *out_body,
                     const char **out_type)
{
    int status = 200;
    int err;

    *out_type = "application/json";
    if (bytes_eq_str(path, "/metrics")) {
        *out_type = "text/plain; version=0.0.4; charset=utf-8";
        health_publish(health);
        err = metrics_render(out_body);
    } else if (bytes_eq_str(path, "/healthz")) {
        /* That the loop answers is the proof. */
        err = buf_append(out_body, BYTES_LIT("{\"status\":\"alive\"}"));
    } else if (bytes_eq_str(path, "/readyz")) {
        status = health_is_ready(health) ? 200 : 503;
        err = health_json(health, out_body);
    } else {
        *out_type = "text/plain; charset=utf-8";
        status = 404;
        err = buf_append(out_body, BYTES_LIT("not found\n"));
    }
    return err == 0 ? status : 500;
}

int status_answer(const struct health *health, const struct status_request *request,
                  struct buf *out)
{
    const char *type = "text/plain; charset=utf-8";
    int status = request->status;
    struct buf body;
    int err = 0;

    buf_init(&body, STATUS_ANSWER_MAX / 2);
    if (status == 0) {
        status = status_http_body(health, request->path, &body, &type);
    } else {
        err = buf_printf(&body, "%s\n", reason(status));
    }
    if (err == 0) {
        err = buf_printf(out,
                         "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                         "Cache-Control: no-store\r\n%sConnection: close\r\n\r\n",
                         status, reason(status), type, body.len,
                         status == 405 ? "Allow: GET\r\n" : "");
    }
    if (err == 0) {
        err = buf_append(out, buf_bytes(&body));
    }
    buf_done(&body);
    return err;
}
