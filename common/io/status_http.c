/* SPDX-License-Identifier: MIT */
/* The HTTP responder of the metrics port. One request a connection, no keep-alive, no bodies, no
 * TLS: it is for Prometheus and the kubelet, on a local or cluster-internal port. The texts come
 * from status_request.c.
 *
 *     accept -> read until the empty line (2 KiB, 5 s) -> write the answer -> close */
#include "common/io/status_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/status_request.h"
#include "common/mem.h"

#define REQUEST_MAX_BYTES 2048u
#define REQUEST_MAX_MS 5000u
#define ACCEPT_PAUSE_MS 200u /* when the process has no descriptors left */

struct status_conn {
    struct status_http *owner; /* NULL = slot is free */
    int fd;
    struct loop_fd *watch;
    struct loop_timer *deadline;
    char request[REQUEST_MAX_BYTES];
    size_t request_len;
    struct buf answer; /* empty = still reading */
    size_t sent;
};

struct status_http {
    struct loop *loop;
    const struct health *health;
    loop_fn *on_scrape;
    void *scrape_arg;
    int fd;
    struct loop_fd *watch;
    struct loop_timer *resume;
    struct status_conn conns[STATUS_HTTP_CONNS];
};

static void conn_close(struct status_conn *c)
{
    struct status_http *s = c->owner;

    loop_fd_free(c->watch);
    loop_timer_free(c->deadline);
    (void)close(c->fd);
    buf_done(&c->answer);
    *c = (struct status_conn){.owner = NULL};
    if (!loop_timer_is_active(s->resume)) {
        loop_fd_set(s->watch, LOOP_READ);
    }
}

static void on_deadline(void *arg)
{
    conn_close(arg);
}

static void conn_write(struct status_conn *c)
{
    while (c->sent < c->answer.len) {
        ssize_t n = send(c->fd, c->answer.data + c->sent, c->answer.len - c->sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            loop_fd_set(c->watch, LOOP_WRITE);
            return;
        }
        if (n <= 0) {
            break;
        }
        c->sent += (size_t)n;
    }
    (void)shutdown(c->fd, SHUT_WR);
    conn_close(c);
}

static void conn_answer(struct status_conn *c, const struct status_request *request)
{
    struct status_http *s = c->owner;

    if (request->status == 0 && bytes_eq_str(request->path, "/metrics") && s->on_scrape) {
        s->on_scrape(s->scrape_arg);
    }
    if (status_answer(s->health, request, &c->answer) == 0) {
        conn_write(c);
    } else {
        conn_close(c); /* no memory for an answer */
    }
}

static void conn_read(struct status_conn *c)
{
    struct status_request request;
    ssize_t n = recv(c->fd, c->request + c->request_len, sizeof(c->request) - c->request_len, 0);

    if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) {
        return;
    }
    if (n <= 0) {
        conn_close(c);
        return;
    }
    c->request_len += (size_t)n;
    if (status_request_parse(bytes_of(c->request, c->request_len), &request) == 0) {
        conn_answer(c, &request);
    } else if (c->request_len == sizeof(c->request)) {
        conn_answer(c, &(struct status_request){.status = 400});
    }
}

static void on_conn(void *arg, int events)
{
    struct status_conn *c = arg;

    (void)events;
    if (c->answer.len > 0) {
        conn_write(c);
    } else {
        conn_read(c);
    }
}

static struct status_conn *free_slot(struct status_http *s)
{
    for (size_t i = 0; i < STATUS_HTTP_CONNS; i++) {
        if (!s->conns[i].owner) {
            return &s->conns[i];
        }
    }
    return NULL;
}

static void conn_open(struct status_http *s, struct status_conn *c, int fd)
{
    c->owner = s;
    c->fd = fd;
    buf_init(&c->answer, STATUS_ANSWER_MAX);
    c->watch = loop_fd_new(s->loop, fd, on_conn, c);
    c->deadline = loop_timer_new(s->loop, on_deadline, c);
    if (!c->watch || !c->deadline) {
        conn_close(c);
        return;
    }
    loop_fd_set(c->watch, LOOP_READ);
    loop_timer_start(c->deadline, REQUEST_MAX_MS, 0);
}

/* With all slots taken nobody is accepted until one is free; 5 s at the most. */
static void on_accept(void *arg, int events)
{
    struct status_http *s = arg;
    struct status_conn *c = free_slot(s);
    int fd;

    (void)events;
    if (!c) {
        loop_fd_set(s->watch, 0);
        return;
    }
    fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        conn_open(s, c, fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        /* The connection stays readable: without a pause the loop would spin on it. */
        loop_fd_set(s->watch, 0);
        loop_timer_start(s->resume, ACCEPT_PAUSE_MS, 0);
    }
}

static void on_resume(void *arg)
{
    struct status_http *s = arg;

    loop_fd_set(s->watch, LOOP_READ);
}

/* Give the address as the kernel wants it; 0 when it is none. */
static socklen_t parse_address(const char *address, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    *out = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
        memcpy(out, &v4, sizeof(v4));
        return sizeof(v4);
    }
    if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1) {
        memcpy(out, &v6, sizeof(v6));
        return sizeof(v6);
    }
    return 0;
}

static int open_listener(const char *address, uint16_t port, int *out_fd)
{
    struct sockaddr_storage to;
    socklen_t len = parse_address(address, port, &to);
    int on = 1, off = 0, err = ERR_IO;
    int fd;

    if (len == 0) {
        return ERR_SYNTAX;
    }
    fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return ERR_IO;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (to.ss_family == AF_INET6) {
        /* "::" serves IPv4, too, whatever the system's default is. */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    if (bind(fd, (const struct sockaddr *)&to, len) != 0) {
        err = errno == EADDRINUSE ? ERR_CONFLICT : ERR_IO;
        goto fail;
    }
    if (listen(fd, (int)STATUS_HTTP_CONNS) != 0) {
        goto fail;
    }
    *out_fd = fd;
    return 0;
fail:
    (void)close(fd);
    return err;
}

struct status_http *status_http_new(struct loop *loop, const char *address, uint16_t port,
                                    const struct health *health, int *out_err)
{
    struct status_http *s;
    int fd = -1;

    *out_err = port > 0 ? open_listener(address, port, &fd) : 0;
    if (fd < 0) {
        return NULL;
    }
    s = mem_zalloc(sizeof(*s));
    if (!s) {
        (void)close(fd);
        *out_err = ERR_NOMEM;
        return NULL;
    }
    s->loop = loop;
    s->health = health;
    s->fd = fd;
    s->watch = loop_fd_new(loop, fd, on_accept, s);
    s->resume = loop_timer_new(loop, on_resume, s);
    if (!s->watch || !s->resume) {
        status_http_free(s);
        *out_err = ERR_NOMEM;
        return NULL;
    }
    loop_fd_set(s->watch, LOOP_READ);
    return s;
}

void status_http_on_scrape(struct status_http *s, loop_fn *fn, void *arg)
{
    s->on_scrape = fn;
    s->scrape_arg = arg;
}

void status_http_free(struct status_http *s)
{
    if (!s) {
        return;
    }
    for (size_t i = 0; i < STATUS_HTTP_CONNS; i++) {
        if (s->conns[i].owner) {
            conn_close(&s->conns[i]);
        }
    }
    loop_fd_free(s->watch);
    loop_timer_free(s->resume);
    (void)close(s->fd);
    mem_free(s);
}
