/* SPDX-License-Identifier: MIT */
/* The pump of one connection. Every event of either side leads to work(), which moves what can be
 * moved, ends what has ended, and says what to wait for. Reads of a whole record leave nothing in
 * OpenSSL that the kernel would not report again, so waiting for descriptors is enough.
 *
 * Not recv(): that name is the loop's (recv_tap.c), whose table this thread must not look into. */
#include "gateway/io/tls_link.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io/clock.h"
#include "common/mem.h"
#include "gateway/io/tls_openssl.h"

#define HANDSHAKE_STEPS_PER_TURN 4u /* about 4 ms; open connections wait no longer for new ones */
#define ROUNDS_PER_TURN 8u          /* records one way, then the other connections get their turn */
#define RECORDS_PER_FLUSH 32u /* the smallest records that a client may ask for are 512 bytes */
#define CLOSING_MS 5000u      /* for the client to close too; the port itself lingers 2 s */
/* A client that takes nothing for so long. The port gives it up much sooner, but while bytes wait
 * here its end of file behind them is not seen. */
#define STALLED_MS 60000u

struct tls_link {
    struct tls_links *all;
    struct tls_link *prev, *next;
    SSL *ssl;
    int fd, plain_fd;
    struct loop_fd *watch, *plain_watch;
    struct due due;
    struct buf to_client; /* from the gateway; OpenSSL did not take it yet */
    struct buf to_plain;  /* from the client; the gateway did not take it yet */
    bool is_shaken;
    bool wants_write;                   /* OpenSSL does */
    bool client_ended;                  /* it will send no more */
    bool plain_ended;                   /* the gateway will */
    bool is_client_told, is_plain_told; /* of the other side's end */
    bool is_broken;                     /* nothing can be said to the client */
};

static void link_free(struct tls_link *l)
{
    struct tls_links *all = l->all;

    if (l->prev) {
        l->prev->next = l->next;
    } else {
        all->head = l->next;
    }
    if (l->next) {
        l->next->prev = l->prev;
    }
    due_stop(&l->due);
    loop_fd_free(l->watch);
    loop_fd_free(l->plain_watch);
    SSL_free(l->ssl);
    (void)close(l->fd);
    (void)close(l->plain_fd);
    buf_done(&l->to_client);
    buf_done(&l->to_plain);
    mem_free(l);
    atomic_fetch_sub(&all->count, 1);
}

/* After an OpenSSL call that moved nothing. */
static void note_trouble(struct tls_link *l, int result)
{
    switch (SSL_get_error(l->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        break;
    case SSL_ERROR_WANT_WRITE:
        l->wants_write = true;
        break;
    case SSL_ERROR_ZERO_RETURN:
        l->client_ended = true;
        break;
    default:
        l->client_ended = true;
        l->is_broken = true;
        break;
    }
}

/* ---- handshake ---- */

static void on_turn_end(void *arg)
{
    struct tls_links *all = arg;

    all->handshakes_left = HANDSHAKE_STEPS_PER_TURN;
}

static void shake(struct tls_link *l)
{
    struct tls_links *all = l->all;
    char byte;
    int result;

    if (all->handshakes_left == 0) {
        return; /* the event comes again; even a look costs too much when thousands wait */
    }
    all->handshakes_left--;
    loop_at_turn_end(all->loop, &all->turn_end);
    l->wants_write = false;
    if (recvfrom(l->plain_fd, &byte, 1, MSG_PEEK, NULL, NULL) == 0) {
        l->is_broken = true; /* the gateway waited long enough */
    } else {
        ERR_clear_error();
        result = SSL_accept(l->ssl);
        if (result == 1) {
            l->is_shaken = true;
            atomic_fetch_add(&all->handshakes, 1);
            return;
        }
        note_trouble(l, result);
    }
    if (l->is_broken || l->client_ended) {
        l->is_broken = true;
        atomic_fetch_add(&all->failures, 1);
    }
}

/* ---- client to gateway ---- */

/* Returns how much of it is done with. When the gateway has closed its end nobody wants it any
 * more, but what was written there before still goes out to the client. */
static size_t give_plain(struct tls_link *l, const char *data, size_t len)
{
    ssize_t n = send(l->plain_fd, data, len, MSG_NOSIGNAL);

    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : len;
    }
    return (size_t)n;
}

static void flush_to_plain(struct tls_link *l)
{
    if (l->to_plain.len > 0) {
        buf_consume(&l->to_plain, give_plain(l, l->to_plain.data, l->to_plain.len));
    }
}

/* One record. Returns whether there may be more. */
static bool move_in(struct tls_link *l)
{
    char *room = l->all->room;
    size_t taken;
    int n;

    ERR_clear_error();
    n = SSL_read(l->ssl, room, (int)TLS_RECORD_BYTES);
    if (n <= 0) {
        note_trouble(l, n);
        return false;
    }
    taken = give_plain(l, room, (size_t)n);
    if (buf_append(&l->to_plain, bytes_of(room + taken, (size_t)n - taken)) != 0) {
        l->is_broken = true;
        return false;
    }
    return l->to_plain.len == 0;
}

static void pump_in(struct tls_link *l)
{
    flush_to_plain(l);
    for (unsigned i = 0; i < ROUNDS_PER_TURN && l->to_plain.len == 0 && !l->client_ended; i++) {
        if (!move_in(l)) {
            break;
        }
    }
    if (l->client_ended && l->to_plain.len == 0 && !l->is_plain_told) {
        l->is_plain_told = true;
        (void)shutdown(l->plain_fd, SHUT_WR);
    }
}

/* ---- gateway to client ---- */

/* What is read and not taken by OpenSSL is kept, and offered again as it was. */
static bool give_client(struct tls_link *l, const char *data, size_t len, size_t *out_taken)
{
    int n;

    ERR_clear_error();
    n = SSL_write(l->ssl, data, (int)len);
    *out_taken = n > 0 ? (size_t)n : 0;
    if (n <= 0) {
        note_trouble(l, n);
    }
    return !l->is_broken;
}

/* Of one call OpenSSL takes a record at most, and a client may have asked for small ones. */
static bool flush_to_client(struct tls_link *l)
{
    size_t taken = 1;

    for (unsigned i = 0; i < RECORDS_PER_FLUSH && taken > 0 && l->to_client.len > 0; i++) {
        if (!give_client(l, l->to_client.data, l->to_client.len, &taken)) {
            return false;
        }
        if (taken > 0) {
            buf_consume(&l->to_client, taken);
            due_start(&l->all->stalled, &l->due, clock_mono_ms());
        }
    }
    return l->to_client.len == 0;
}

/* One piece. Returns whether there may be more. */
static bool move_out(struct tls_link *l)
{
    char *room = l->all->room;
    ssize_t n = recvfrom(l->plain_fd, room, TLS_RECORD_BYTES, 0, NULL, NULL);
    size_t taken;

    if (n <= 0) {
        l->plain_ended = n == 0 || (errno != EAGAIN && errno != EINTR);
        return false;
    }
    if (!give_client(l, room, (size_t)n, &taken)) {
        return false;
    }
    if (taken < (size_t)n) {
        if (buf_append(&l->to_client, bytes_of(room + taken, (size_t)n - taken)) != 0) {
            l->is_broken = true;
        }
        due_start(&l->all->stalled, &l->due, clock_mono_ms());
        return flush_to_client(l);
    }
    return true;
}

/* close_notify; that of the client is not waited for. */
static void tell_client(struct tls_link *l)
{
    int result;

    ERR_clear_error();
    result = SSL_shutdown(l->ssl);
    if (result < 0 && SSL_get_error(l->ssl, result) == SSL_ERROR_WANT_WRITE) {
        l->wants_write = true;
        due_start(&l->all->stalled, &l->due, clock_mono_ms());
        return;
    }
    l->is_client_told = true;
    (void)shutdown(l->fd, SHUT_WR);
    due_start(&l->all->closing, &l->due, clock_mono_ms());
}

static void pump_out(struct tls_link *l)
{
    if (flush_to_client(l)) {
        for (unsigned i = 0; i < ROUNDS_PER_TURN && !l->plain_ended; i++) {
            if (!move_out(l)) {
                break;
            }
        }
    }
    if (l->is_broken || l->to_client.len > 0) {
        return;
    }
    if (!l->plain_ended) {
        due_stop(&l->due);
    } else if (!l->is_client_told) {
        tell_client(l);
    }
}

/* ---- life ---- */

static void watch(struct tls_link *l)
{
    int client = l->wants_write || l->to_client.len > 0 ? LOOP_WRITE : 0;
    int plain = l->to_plain.len > 0 ? LOOP_WRITE : 0;

    if (!l->client_ended && l->to_plain.len == 0) {
        client |= LOOP_READ;
    }
    if (!l->plain_ended && l->to_client.len == 0) {
        plain |= LOOP_READ;
    }
    loop_fd_set(l->watch, client);
    loop_fd_set(l->plain_watch, plain);
}

static void work(struct tls_link *l)
{
    if (!l->is_shaken) {
        shake(l);
    }
    if (l->is_shaken) {
        l->wants_write = false;
        pump_in(l);
        if (!l->is_broken) {
            pump_out(l);
        }
    }
    if (l->is_broken || (l->is_client_told && l->is_plain_told)) {
        link_free(l);
    } else {
        watch(l);
    }
}

static void on_event(void *arg, int events)
{
    (void)events;
    work(arg);
}

void tls_link_start(struct tls_links *all, struct ssl_ctx_st *context, int fd, int plain_fd)
{
    struct tls_link *l = mem_zalloc(sizeof(*l));

    if (!l) {
        (void)close(fd);
        (void)close(plain_fd);
        return;
    }
    l->all = all;
    l->fd = fd;
    l->plain_fd = plain_fd;
    buf_init(&l->to_client, TLS_RECORD_BYTES);
    buf_init(&l->to_plain, TLS_RECORD_BYTES);
    l->next = all->head;
    if (l->next) {
        l->next->prev = l;
    }
    all->head = l;
    atomic_fetch_add(&all->count, 1);
    l->ssl = SSL_new(context);
    l->watch = loop_fd_new(all->loop, fd, on_event, l);
    l->plain_watch = loop_fd_new(all->loop, plain_fd, on_event, l);
    if (!l->ssl || !l->watch || !l->plain_watch || SSL_set_fd(l->ssl, fd) != 1) {
        link_free(l);
        return;
    }
    watch(l);
}

void tls_links_init(struct tls_links *all, struct loop *loop)
{
    all->loop = loop;
    all->head = NULL;
    all->handshakes_left = HANDSHAKE_STEPS_PER_TURN;
    due_list_init(&all->closing, CLOSING_MS);
    due_list_init(&all->stalled, STALLED_MS);
    loop_task_init(&all->turn_end, on_turn_end, all);
}

void tls_links_check_due(struct tls_links *all, uint64_t now_ms)
{
    struct due *d;

    while ((d = due_pop(&all->closing, now_ms)) || (d = due_pop(&all->stalled, now_ms))) {
        link_free((struct tls_link *)(void *)((char *)d - offsetof(struct tls_link, due)));
    }
}

void tls_links_free_all(struct tls_links *all)
{
    while (all->head) {
        link_free(all->head);
    }
    loop_task_cancel(all->loop, &all->turn_end);
}
