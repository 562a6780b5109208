/* SPDX-License-Identifier: MIT */
/* The listening socket: SO_REUSEPORT, so that several gateways share a port and the kernel spreads
 * the connections; libwebsockets' own listener cannot do that in the packaged build. Accepts, sets
 * TCP_NODELAY, hands over to ws_http. Reads nothing. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/log.h"
#include "gateway/io/ws_private.h"

#define BACKLOG 4096
#define ACCEPTS_PER_TURN 64  /* then the sockets that are open get their turn */
#define ACCEPT_PAUSE_MS 200u /* after running out of descriptors or memory */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
};

static void format_address(const union address *a, char out[WS_ADDRESS_MAX])
{
    const void *raw = &a->v6.sin6_addr;
    int family = a->any.sa_family;

    if (family == AF_INET) {
        raw = &a->v4.sin_addr;
    } else if (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) {
        raw = a->v6.sin6_addr.s6_addr + 12; /* the same client has one name on both families */
        family = AF_INET;
    }
    if (!inet_ntop(family, raw, out, WS_ADDRESS_MAX)) {
        out[0] = '\0';
    }
}

static bool accept_ran_dry(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Without a pause the loop would spin: the waiting connection keeps the socket readable. */
static void pause_accepting(struct ws_port *p, int error)
{
    static struct log_limit limit = {6, 0, 0, 0};

    loop_fd_set(p->listen_watch, 0);
    loop_timer_start(p->accept_pause, ACCEPT_PAUSE_MS, 0);
    if (log_limit_pass(&limit, clock_mono_ms())) {
        log_warn("accept_paused", LOG_STR("why", strerror(error)),
                 LOG_U64("connections", p->connections));
    }
}

static void on_pause_over(void *arg)
{
    struct ws_port *p = arg;

    loop_fd_set(p->listen_watch, LOOP_READ);
}

/* One connection. false: there is no more, or none can be taken now. */
static bool accept_one(struct ws_port *p)
{
    char text[WS_ADDRESS_MAX];
    union address from;
    socklen_t len = sizeof(from);
    int one = 1;
    int fd = accept4(p->listen_fd, &from.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (accept_ran_dry(errno)) {
            pause_accepting(p, errno);
            return false;
        }
        return errno != EAGAIN && errno != EWOULDBLOCK; /* else it was that connection's error */
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    format_address(&from, text);
    if (p->tls && tls_front_take(p->tls, fd, &fd) != 0) {
        pause_accepting(p, EMFILE); /* or far too many handshakes; this one is closed */
        return false;
    }
    ws_http_accept(p, fd, text);
    return true;
}

static void on_connections(void *arg, int events)
{
    struct ws_port *p = arg;

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        if (!accept_one(p)) {
            return;
        }
    }
}

static int parse_address(const struct ws_conf *conf, union address *out, socklen_t *out_len)
{
    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, conf->address, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(conf->port);
        *out_len = sizeof(out->v4);
        return 0;
    }
    if (inet_pton(AF_INET6, conf->address, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(conf->port);
        *out_len = sizeof(out->v6);
        return 0;
    }
    return ERR_IO;
}

static int open_socket(const struct ws_conf *conf, int *out_fd)
{
    union address where;
    socklen_t len;
    int one = 1, zero = 0, fd, err;

    err = parse_address(conf, &where, &len);
    if (err != 0) {
        return err;
    }
    fd = socket(where.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return ERR_IO;
    }
    if (where.any.sa_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0 ||
        bind(fd, &where.any, len) != 0 || listen(fd, BACKLOG) != 0) {
        err = errno == EADDRINUSE ? ERR_CONFLICT : ERR_IO;
        (void)close(fd);
        return err;
    }
    *out_fd = fd;
    return 0;
}

int ws_listener_open(struct ws_port *p)
{
    int err = open_socket(&p->conf, &p->listen_fd);

    if (err != 0) {
        return err;
    }
    p->accept_pause = loop_timer_new(p->loop, on_pause_over, p);
    p->listen_watch = loop_fd_new(p->loop, p->listen_fd, on_connections, p);
    if (!p->accept_pause || !p->listen_watch) {
        ws_listener_close(p);
        return ERR_NOMEM;
    }
    loop_fd_set(p->listen_watch, LOOP_READ);
    return 0;
}

void ws_listener_close(struct ws_port *p)
{
    loop_timer_free(p->accept_pause);
    loop_fd_free(p->listen_watch);
    p->accept_pause = NULL;
    p->listen_watch = NULL;
    if (p->listen_fd >= 0) {
        (void)close(p->listen_fd);
        p->listen_fd = -1;
    }
}
