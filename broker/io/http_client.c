/* SPDX-License-Identifier: MIT */
/* libcurl's multi interface on the loop. curl says which descriptors and which time it waits for;
 * we tell it when they come, and then take what has ended:
 *
 *   http_client_post -> curl_multi_add_handle -> (descriptors, timer) -> curl_multi_socket_action
 *                                                                          -> take_finished -> fn
 *
 * Called by the push senders. Knows nothing of what it sends. */
#include "broker/io/http_client.h"

#include <utlist.h>

#include "broker/io/http_transfer.h"
#include "common/mem.h"

struct http_client {
    struct loop *loop;
    struct loop_timer *timer;
    CURLM *multi;
    char *ca_file;                /* owned; NULL = the system's */
    struct http_client_conf conf; /* with ca_file as it is here */
    struct transfer *transfers;
    uint32_t running;
    bool has_curl, is_closing;
};

/* ---- the loop ---- */

static void take_finished(struct http_client *c);

static void act(struct http_client *c, curl_socket_t fd, int events)
{
    int running;

    (void)curl_multi_socket_action(c->multi, fd, events, &running);
    take_finished(c);
}

static void on_time(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

struct watched {
    struct loop_fd *fd;
    struct http_client *client;
    curl_socket_t socket;
};

static void on_fd(void *arg, int events)
{
    const struct watched *w = arg;

    act(w->client, w->socket,
        ((events & LOOP_READ) != 0 ? CURL_CSELECT_IN : 0) |
            ((events & LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
}

static void unwatch(struct watched *w)
{
    if (w) {
        loop_fd_free(w->fd);
        mem_free(w);
    }
}

static struct watched *watch(struct http_client *c, curl_socket_t socket)
{
    struct watched *w = mem_zalloc(sizeof(*w));

    if (w) {
        w->client = c;
        w->socket = socket;
        w->fd = loop_fd_new(c->loop, socket, on_fd, w);
        (void)curl_multi_assign(c->multi, socket, w);
    }
    if (w && !w->fd) {
        mem_free(w);
        (void)curl_multi_assign(c->multi, socket, NULL);
        w = NULL;
    }
    return w;
}

/* curl's: wait for these events of a socket from now on. Without memory its deadline ends it. */
static int on_curl_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *socket_arg)
{
    struct http_client *c = arg;
    struct watched *w = socket_arg;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        (void)curl_multi_assign(c->multi, socket, NULL);
        unwatch(w);
        return 0;
    }
    if (!w) {
        w = watch(c, socket);
    }
    if (w) {
        loop_fd_set(w->fd, ((what & CURL_POLL_IN) != 0 ? LOOP_READ : 0) |
                               ((what & CURL_POLL_OUT) != 0 ? LOOP_WRITE : 0));
    }
    return 0;
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct http_client *c = arg;

    (void)multi;
    if (timeout_ms < 0) {
        loop_timer_stop(c->timer);
    } else {
        loop_timer_start(c->timer, (uint32_t)timeout_ms, 0);
    }
    return 0;
}

/* ---- completions ---- */

static void complete(struct http_client *c, struct transfer *t, int err)
{
    struct http_response response = {.body = buf_bytes(&t->body)};
    curl_off_t retry_after = 0;
    long status = 0;

    DL_DELETE(c->transfers, t);
    c->running--;
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after);
    (void)curl_multi_remove_handle(c->multi, t->easy);
    response.status = (uint32_t)status;
    response.retry_after_s = retry_after > UINT32_MAX ? UINT32_MAX
                             : retry_after > 0        ? (uint32_t)retry_after
                                                      : 0;
    t->fn(t->arg, err, err == 0 ? &response : NULL);
    transfer_free(t);
}

static void take_finished(struct http_client *c)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(c->multi, &left)) != NULL) {
        struct transfer *t = NULL;

        if (message->msg == CURLMSG_DONE) {
            CURLcode code = message->data.result;

            (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
            complete(c, t, transfer_error(t, code));
        }
    }
}

/* ---- submitting ---- */

int http_client_post(struct http_client *c, const struct http_request *request, http_client_fn *fn,
                     void *arg)
{
    struct transfer *t;

    if (c->is_closing) {
        return ERR_UNAVAILABLE;
    }
    if (c->running >= c->conf.concurrency) {
        return ERR_BUSY;
    }
    t = transfer_new(&c->conf, request);
    if (!t) {
        return ERR_NOMEM;
    }
    t->fn = fn;
    t->arg = arg;
    if (curl_multi_add_handle(c->multi, t->easy) != CURLM_OK) { /* only sets the timer */
        transfer_free(t);
        return ERR_NOMEM;
    }
    DL_APPEND(c->transfers, t);
    c->running++;
    return 0;
}

/* ---- life ---- */

static bool start(struct http_client *c, const struct http_client_conf *conf)
{
    c->has_curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    if (conf->ca_file && conf->ca_file[0]) {
        c->ca_file = mem_dup_str(bytes_str(conf->ca_file));
        if (!c->ca_file) {
            return false;
        }
    }
    c->conf.ca_file = c->ca_file;
    c->timer = loop_timer_new(c->loop, on_time, c);
    c->multi = c->has_curl ? curl_multi_init() : NULL;
    return c->timer && c->multi &&
           curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) == CURLM_OK &&
           curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c) == CURLM_OK &&
           curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) == CURLM_OK &&
           curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c) == CURLM_OK &&
           curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX) == CURLM_OK;
}

struct http_client *http_client_new(struct loop *loop, const struct http_client_conf *conf)
{
    struct http_client *c = mem_zalloc(sizeof(*c));

    if (!c) {
        return NULL;
    }
    c->loop = loop;
    c->conf = *conf;
    if (!start(c, conf)) {
        http_client_free(c);
        return NULL;
    }
    return c;
}

void http_client_free(struct http_client *c)
{
    if (!c) {
        return;
    }
    c->is_closing = true;
    while (c->transfers) {
        complete(c, c->transfers, ERR_UNAVAILABLE);
    }
    if (c->multi) {
        (void)curl_multi_cleanup(c->multi); /* takes the watched sockets back */
    }
    loop_timer_free(c->timer);
    if (c->has_curl) {
        curl_global_cleanup();
    }
    mem_free(c->ca_file);
    mem_free(c);
}
