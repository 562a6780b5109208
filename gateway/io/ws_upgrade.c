/* SPDX-License-Identifier: MIT */
/* From a good upgrade request to an open WebSocket: asks policy, gives the socket and a canonical
 * request to libwebsockets, follows its handshake callbacks. The whole handshake happens inside
 * lws_adopt_socket_vhost_readbuf(), so there is never a half-open one in libwebsockets.
 *
 * permessage-deflate is negotiated only. The extension that is registered here accepts its name and
 * then does nothing, so libwebsockets lets RSV1 pass and leaves every payload as it is; inflating
 * is assembly's, deflating the topic's. The library's own extension is unusable on a server
 * in 4.1.6: it swaps the two no_context_takeover parameters, and dies under load. */
#include "common/io/clock.h"
#include "common/log.h"
#include "gateway/io/recv_tap.h"
#include "gateway/io/ws_private.h"

#define EXTENSION_LINE "\r\nSec-WebSocket-Extensions: " WS_EXTENSION "\r\n"
#define PARAMS_MAX 128u

/* All its work is to be there: 0 for every reason means "payload as it is". */
static int extension_callback(struct lws_context *lws, const struct lws_extension *ext,
                              struct lws *wsi, enum lws_extension_callback_reasons reason,
                              void *user, void *in, size_t len)
{
    static const struct lws_ext_options no_options[] = {{NULL, EXTARG_NONE}};

    (void)lws;
    (void)ext;
    (void)wsi;
    (void)len;
    if (reason == LWS_EXT_CB_CONSTRUCT) {
        *(void **)user = NULL;
        *(const struct lws_ext_options **)in = no_options; /* read uninitialised otherwise */
    }
    return 0;
}

const struct lws_extension ws_extensions[] = {
    {WS_EXTENSION, extension_callback, WS_EXTENSION},
    {NULL, NULL, NULL},
};

/* libwebsockets has written the bare name: put our parameters behind it.
 *
 *   …\r\nSec-WebSocket-Extensions: permessage-deflate\r\n|    args->p is where the bar stands */
static int add_deflate_params(struct ws_conn *c, struct lws_process_html_args *args)
{
    const size_t line_len = sizeof(EXTENSION_LINE) - 1;
    struct buf params;
    int err;

    if (memcmp(args->p - line_len, EXTENSION_LINE, line_len) != 0) {
        return -1; /* another libwebsockets: better no connection than a wrong answer */
    }
    buf_init(&params, PARAMS_MAX);
    err = ws_handshake_deflate_params(&c->port->adopting_handshake->deflate, &params);
    if (err == 0) {
        err = buf_append(&params, BYTES_LIT("\r\n"));
    }
    if (err == 0 && (size_t)args->max_len < params.len) {
        err = ERR_FULL;
    }
    if (err == 0) {
        memcpy(args->p - 2, params.data, params.len);
        args->p += params.len - 2;
        args->max_len -= (int)params.len - 2;
        c->has_deflate = true;
        c->window_bits = c->port->adopting_handshake->deflate.server_window_bits;
    }
    buf_done(&params);
    return err != 0 ? -1 : 0;
}

int ws_upgrade_callback(struct ws_conn *c, enum lws_callback_reasons reason, void *in)
{
    bool wants_deflate =
        c->port->adopting == c && c->port->adopting_handshake->deflate.is_acceptable;

    if (c->port->adopting != c) {
        return -1; /* an open connection does no second handshake */
    }
    if (reason == LWS_CALLBACK_CONFIRM_EXTENSION_OKAY) {
        return wants_deflate ? 0 : 1;
    }
    if (reason == LWS_CALLBACK_ADD_HEADERS) {
        return wants_deflate ? add_deflate_params(c, in) : 0;
    }
    if (reason == LWS_CALLBACK_ESTABLISHED) {
        c->is_open = true;
        c->is_paused = true;
        (void)lws_rx_flow_control(c->wsi, 0);
    }
    return 0;
}

/* lws_adopt_socket_vhost_readbuf() logs "calling service" as an error, for every connection. */
static void adopt_quietly(struct ws_port *p, int fd, struct bytes request)
{
    lws_set_log_level(0, NULL);
    (void)lws_adopt_socket_vhost_readbuf(p->vhost, fd, request.ptr, request.len);
    lws_set_log_level(LLL_ERR | LLL_WARN, NULL);
}

/* Hand the descriptor over. NULL: it is closed. */
static struct ws_conn *adopt(struct http_conn *h, const struct ws_handshake *handshake)
{
    struct ws_port *p = h->port;
    struct ws_conn *c = ws_conn_new(p, h->fd, h->address);
    struct buf request;
    int err;

    buf_init(&request, WS_CANONICAL_MAX);
    err = c ? ws_handshake_canonical(handshake, &request) : ERR_NOMEM;
    if (err == 0) {
        err = recv_tap_install(h->fd, ws_conn_read, c);
    }
    if (err != 0) {
        goto out;
    }
    loop_fd_free(h->watch); /* before another library watches the same descriptor */
    h->watch = NULL;
    h->fd = -1;
    p->adopting = c;
    p->adopting_handshake = handshake;
    adopt_quietly(p, c->fd, buf_bytes(&request));
    if (!c->is_open && c->wsi) {
        ws_conn_kill(c);
    }
    p->adopting = NULL;
    p->adopting_handshake = NULL;
    if (!c->is_open || !c->wsi) {
        static struct log_limit limit = {6, 0, 0, 0};

        recv_tap_remove(c->fd);
        err = ERR_STATE;
        if (log_limit_pass(&limit, clock_mono_ms())) {
            log_warn("ws_handshake_failed");
        }
    }
out:
    buf_done(&request);
    if (err != 0 && c) {
        ws_conn_free(c);
        c = NULL;
    }
    return c;
}

void ws_upgrade(struct http_conn *h, const struct http_head *head)
{
    struct ws_port *p = h->port;
    struct ws_refusal refusal = {0};
    struct ws_handshake handshake;
    struct ws_request request;
    struct ws_conn *c;
    int status = ws_handshake_check(head, p->conf.want_deflate, &handshake);

    if (status != 0) {
        ws_http_refuse_status(h, status);
        return;
    }
    ws_http_fill_request(h, head, &request);
    request.is_upgrade = true;
    p->events.on_upgrade(p->arg, &request, &refusal);
    if (refusal.status != 0) {
        ws_http_refuse(h, &refusal);
        return;
    }
    c = adopt(h, &handshake);
    if (!c && h->fd >= 0) {
        ws_http_refuse_status(h, 503);
        return;
    }
    if (c) {
        ws_conn_opened(c);
        c->session = p->events.on_open(p->arg, c, &request);
        if (!c->session) {
            ws_conn_kill(c);
        }
    }
    ws_http_drop(h);
}
