/* SPDX-License-Identifier: MIT */
/* The thread of TLS and what the gateway's loop tells it, through a pipe: take this connection, use
 * this context, and (by its end of file) stop. A write of less than PIPE_BUF is whole or not at
 * all, so no lock is needed; the thread owns all that it was told. */
#include "gateway/io/tls_front.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/mem.h"
#include "gateway/io/tls_context.h"
#include "gateway/io/tls_link.h"

#define TICK_MS 1000u
#define ORDERS_PER_READ 64u
/* At the end: for what was written last to reach the clients. */
#define STOP_TICK_MS 20u
#define STOP_TICKS 50u
/* Between thread and loop, each way. What waits here for a slow reader is not seen by the limits of
 * the gateway: little, but enough for the largest burst of a turn. */
#define PLAIN_BUFFER_BYTES 65536

struct order {
    struct ssl_ctx_st *context; /* use this one from now on; or NULL: */
    int fd, plain_fd;           /* take this connection */
};

struct tls_front {
    char *cert_file, *key_file;
    int orders_in, orders_out; /* the pipe: thread, loop */
    pthread_t thread;
    bool is_running;
    /* of the thread, from its start on */
    struct loop *loop;
    struct loop_fd *watch;
    struct loop_timer *tick;
    bool is_stopping;
    unsigned stop_ticks;
    struct ssl_ctx_st *context;
    struct tls_links links;
};

/* ---- the thread ---- */

static void obey(struct tls_front *f, const struct order *order)
{
    if (order->context) {
        tls_context_free(f->context); /* open connections hold their own reference */
        f->context = order->context;
    } else {
        tls_link_start(&f->links, f->context, order->fd, order->plain_fd);
    }
}

static void on_orders(void *arg, int events)
{
    struct tls_front *f = arg;
    struct order orders[ORDERS_PER_READ];
    ssize_t n = read(f->orders_in, orders, sizeof(orders));

    (void)events;
    if (n == 0) {
        loop_fd_set(f->watch, 0);
        loop_timer_start(f->tick, STOP_TICK_MS, STOP_TICK_MS);
        f->is_stopping = true;
        return;
    }
    for (ssize_t i = 0; i < n / (ssize_t)sizeof(orders[0]); i++) {
        obey(f, &orders[i]);
    }
}

static void on_tick(void *arg)
{
    struct tls_front *f = arg;

    tls_links_check_due(&f->links, clock_mono_ms());
    if (f->is_stopping && (!f->links.head || f->stop_ticks++ == STOP_TICKS)) {
        loop_stop(f->loop);
    }
}

static void *thread_main(void *arg)
{
    struct tls_front *f = arg;

    loop_run(f->loop);
    return NULL;
}

/* ---- the gateway's loop ---- */

static int start_thread(struct tls_front *f)
{
    sigset_t all, before;
    int err;

    /* Signals are for the gateway's loop. */
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return ERR_IO;
    }
    err = pthread_create(&f->thread, NULL, thread_main, f);
    f->is_running = err == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err == 0 ? 0 : ERR_IO;
}

static int start(struct tls_front *f)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return ERR_IO;
    }
    f->orders_in = ends[0];
    f->orders_out = ends[1];
    f->loop = loop_new();
    if (!f->loop) {
        return ERR_NOMEM;
    }
    tls_links_init(&f->links, f->loop);
    f->watch = loop_fd_new(f->loop, f->orders_in, on_orders, f);
    f->tick = loop_timer_new(f->loop, on_tick, f);
    if (!f->watch || !f->tick) {
        return ERR_NOMEM;
    }
    loop_fd_set(f->watch, LOOP_READ);
    loop_timer_start(f->tick, TICK_MS, TICK_MS);
    return start_thread(f);
}

struct tls_front *tls_front_new(const char *cert_file, const char *key_file,
                                struct buf *out_problem, int *out_err)
{
    struct tls_front *f = mem_zalloc(sizeof(*f));

    *out_err = ERR_NOMEM;
    if (!f) {
        return NULL;
    }
    f->orders_in = f->orders_out = -1;
    f->cert_file = mem_dup_str(bytes_str(cert_file));
    f->key_file = mem_dup_str(bytes_str(key_file));
    if (f->cert_file && f->key_file) {
        f->context = tls_context_new(cert_file, key_file, out_problem, out_err);
    }
    if (f->context) {
        *out_err = start(f);
    }
    if (*out_err != 0) {
        tls_front_free(f);
        return NULL;
    }
    return f;
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

/* What the thread was told and did not come to. */
static void drop_orders(struct tls_front *f)
{
    struct order order;

    while (f->orders_in >= 0 && read(f->orders_in, &order, sizeof(order)) == sizeof(order)) {
        tls_context_free(order.context);
        if (!order.context) {
            close_fd(order.fd);
            close_fd(order.plain_fd);
        }
    }
}

void tls_front_free(struct tls_front *f)
{
    if (!f) {
        return;
    }
    close_fd(f->orders_out);
    if (f->is_running) {
        (void)pthread_join(f->thread, NULL);
    }
    drop_orders(f);
    if (f->loop) {
        tls_links_free_all(&f->links);
    }
    loop_fd_free(f->watch);
    loop_timer_free(f->tick);
    loop_free(f->loop);
    close_fd(f->orders_in);
    tls_context_free(f->context);
    mem_free(f->cert_file);
    mem_free(f->key_file);
    mem_free(f);
}

static int give_order(struct tls_front *f, struct order order)
{
    ssize_t n;

    do {
        n = write(f->orders_out, &order, sizeof(order));
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(order) ? 0 : ERR_FULL;
}

int tls_front_take(struct tls_front *f, int fd, int *out_plain_fd)
{
    const int size = PLAIN_BUFFER_BYTES;
    int ends[2], err;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
        close_fd(fd);
        return ERR_IO;
    }
    (void)setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    (void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    err = give_order(f, (struct order){.fd = fd, .plain_fd = ends[1]});
    if (err != 0) {
        close_fd(fd);
        close_fd(ends[0]);
        close_fd(ends[1]);
        return err;
    }
    *out_plain_fd = ends[0];
    return 0;
}

int tls_front_reload(struct tls_front *f, struct buf *out_problem)
{
    int err;
    struct ssl_ctx_st *context = tls_context_new(f->cert_file, f->key_file, out_problem, &err);

    if (!context) {
        return err;
    }
    err = give_order(f, (struct order){.context = context});
    if (err != 0) {
        tls_context_free(context);
    }
    return err;
}

struct ws_tls_stats tls_front_stats(const struct tls_front *f)
{
    return (struct ws_tls_stats){.handshakes = atomic_load(&f->links.handshakes),
                                 .failures = atomic_load(&f->links.failures),
                                 .connections = atomic_load(&f->links.count)};
}
