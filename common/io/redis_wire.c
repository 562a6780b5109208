/* SPDX-License-Identifier: MIT */
/* The adapter between hiredis's asynchronous context and our loop. Knows nothing of reconnecting,
 * logins or time limits: that is redis_link.c, its only caller.
 *
 * hiredis frees its context by itself when the connection ends; the cleanup hook is where we learn
 * of it. All our calls into hiredis lie between enter() and leave(); only leave(), when hiredis is
 * off the stack, tells the owner of the end or frees anything. So the owner may free the wire in
 * any callback, the connect callback of hiredis (where it must not) included. */
#include "common/io/redis_wire.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <hiredis/sds.h>
#include <stdio.h>

#include "common/io/name_lookup.h"
#include "common/io/redis_tls.h"
#include "common/io/redis_value.h"
#include "common/mem.h"

/* hiredis reads 16 KiB at a time. So many times in a row while a reply is unfinished, then others
 * have their turn. */
#define READ_ROUNDS_MAX 32
/* hiredis throws away an empty read buffer that is larger than this. */
#define READ_BUFFER_KEEP (256u * 1024u)

struct redis_wire {
    struct loop *loop;
    struct redis_wire_events events;
    void *arg;
    struct redis_url url;
    struct name_lookup *lookup; /* before there is a context */
    redisAsyncContext *context; /* NULL when the connection has ended */
    struct loop_fd *fd;
    int wanted; /* LOOP_READ | LOOP_WRITE, as asked of the loop */
    struct loop_task flush;
    struct redis_value_budget budget;
    size_t awaited_count;
    int depth; /* of our calls into hiredis and the owner */
    bool is_open, is_writing, is_freed, has_told_end;
    char why[128];
};

static void set_wanted(struct redis_wire *w, int wanted)
{
    w->wanted = wanted;
    if (w->fd) {
        loop_fd_set(w->fd, wanted);
    }
}

static void on_want_read(void *arg)
{
    struct redis_wire *w = arg;

    set_wanted(w, w->wanted | LOOP_READ);
}

static void on_leave_read(void *arg)
{
    struct redis_wire *w = arg;

    set_wanted(w, w->wanted & ~LOOP_READ);
}

/* A command was queued: write at the end of the turn, without asking the loop first whether the
 * socket is writable. It is asked only while connecting and after a partial write. */
static void on_want_write(void *arg)
{
    struct redis_wire *w = arg;

    if (w->is_open && !w->is_writing && !(w->wanted & LOOP_WRITE)) {
        loop_at_turn_end(w->loop, &w->flush);
    } else {
        set_wanted(w, w->wanted | LOOP_WRITE);
    }
}

static void on_leave_write(void *arg)
{
    struct redis_wire *w = arg;

    set_wanted(w, w->wanted & ~LOOP_WRITE);
}

static void on_cleanup(void *arg)
{
    struct redis_wire *w = arg;

    if (w->why[0] == '\0') {
        (void)snprintf(w->why, sizeof(w->why), "%s",
                       w->budget.is_refused ? "reply refused" : w->context->c.errstr);
    }
    loop_fd_free(w->fd);
    w->fd = NULL;
    w->context = NULL;
}

static void on_connect(const redisAsyncContext *context, int status)
{
    struct redis_wire *w = context->data;

    if (status == REDIS_OK && !w->is_freed) {
        w->is_open = true;
        w->events.on_open(w->arg);
    }
}

static void on_reply(redisAsyncContext *context, void *reply, void *privdata)
{
    struct redis_wire *w = context->data;

    (void)privdata;
    /* No reply: hiredis empties its list at the end; our owner keeps its own. */
    if (reply && !w->is_freed) {
        w->awaited_count--;
        w->events.on_reply(w->arg, reply);
    }
}

static void enter(struct redis_wire *w)
{
    w->depth++;
}

static void destroy(struct redis_wire *w)
{
    loop_task_cancel(w->loop, &w->flush);
    if (w->context) {
        redisAsyncFree(w->context);
    }
    mem_free(w);
}

/* The wire may be gone after this. */
static void leave(struct redis_wire *w)
{
    if (w->depth == 1 && !w->context && !w->lookup && !w->is_freed && !w->has_told_end) {
        w->has_told_end = true;
        w->events.on_closed(w->arg, w->why);
    }
    w->depth--;
    if (w->depth == 0 && w->is_freed) {
        destroy(w);
    }
}

static size_t unparsed_bytes(const struct redis_wire *w)
{
    return w->context->c.reader->len - w->context->c.reader->pos;
}

/* Reads what is there. While a reply is unfinished its rest is usually there too. */
static void read_replies(struct redis_wire *w)
{
    size_t before;
    int rounds = 0;

    do {
        before = unparsed_bytes(w);
        if (before > REDIS_LINK_REPLY_MAX) {
            w->budget.is_refused = true;
            redisAsyncFree(w->context);
            return;
        }
        redisAsyncHandleRead(w->context);
        rounds++;
    } while (w->context && !w->is_freed && rounds < READ_ROUNDS_MAX && unparsed_bytes(w) > 0 &&
             unparsed_bytes(w) != before);
}

static void write_commands(struct redis_wire *w)
{
    w->is_writing = true;
    redisAsyncHandleWrite(w->context);
    w->is_writing = false;
}

static void on_fd(void *arg, int events)
{
    struct redis_wire *w = arg;

    enter(w);
    if (w->context && !w->is_freed && (events & LOOP_READ)) {
        read_replies(w);
    }
    if (w->context && !w->is_freed && (events & LOOP_WRITE)) {
        write_commands(w);
    }
    leave(w);
}

static void on_flush(void *arg)
{
    struct redis_wire *w = arg;

    enter(w);
    if (w->context && !w->is_freed) {
        write_commands(w);
    }
    leave(w);
}

static redisAsyncContext *start_connecting(const struct redis_url *url, const char *address)
{
    redisAsyncContext *context =
        url->is_unix ? redisAsyncConnectUnix(address) : redisAsyncConnect(address, url->port);
    bool is_good = context && !context->err;

    if (is_good && url->is_tls) {
        is_good = redis_tls_start(&context->c, url) == 0;
    }
    if (context && !is_good) {
        redisAsyncFree(context);
        return NULL;
    }
    if (context && !url->is_unix) {
        /* An idle link notices a peer that vanished; without this option it works, too. */
        (void)redisEnableKeepAlive(&context->c);
    }
    return context;
}

static void attach(struct redis_wire *w)
{
    redisAsyncContext *context = w->context;

    context->data = w;
    context->ev.data = w;
    context->ev.addRead = on_want_read;
    context->ev.delRead = on_leave_read;
    context->ev.addWrite = on_want_write;
    context->ev.delWrite = on_leave_write;
    context->ev.cleanup = on_cleanup;
    context->c.reader->fn = redis_value_functions();
    context->c.reader->privdata = &w->budget;
    context->c.reader->maxbuf = READ_BUFFER_KEEP;
    /* Asks for writability, which is how the end of connecting shows. */
    redisAsyncSetConnectCallback(context, on_connect);
}

static int connect_to(struct redis_wire *w, const char *address)
{
    w->context = start_connecting(&w->url, address);
    w->fd = w->context ? loop_fd_new(w->loop, w->context->c.fd, on_fd, w) : NULL;
    if (w->fd) {
        attach(w);
        return 0;
    }
    if (w->context) {
        redisAsyncFree(w->context);
        w->context = NULL;
    }
    return ERR_UNAVAILABLE;
}

static void on_lookup(void *arg, const char *address)
{
    struct redis_wire *w = arg;

    enter(w);
    w->lookup = NULL;
    if (!address || connect_to(w, address) != 0) {
        (void)snprintf(w->why, sizeof(w->why), "%s",
                       address ? "cannot connect" : "no address for this host name");
    }
    leave(w);
}

/* Errors: ERR_UNAVAILABLE. */
static int begin(struct redis_wire *w)
{
    if (w->url.is_unix || name_is_address(w->url.host)) {
        return connect_to(w, w->url.host);
    }
    w->lookup = name_lookup_start(w->loop, w->url.host, on_lookup, w);
    return w->lookup ? 0 : ERR_UNAVAILABLE;
}

struct redis_wire *redis_wire_new(struct loop *loop, const struct redis_url *url,
                                  const struct redis_wire_events *events, void *arg)
{
    struct redis_wire *w = mem_zalloc(sizeof(*w));

    if (!w) {
        return NULL;
    }
    w->loop = loop;
    w->events = *events;
    w->arg = arg;
    w->budget.awaited_count = &w->awaited_count;
    loop_task_init(&w->flush, on_flush, w);
    w->url = *url;
    if (begin(w) != 0) {
        destroy(w);
        return NULL;
    }
    return w;
}

void redis_wire_free(struct redis_wire *w)
{
    if (w && !w->is_freed) {
        w->is_freed = true;
        name_lookup_cancel(w->lookup);
        w->lookup = NULL;
        loop_task_cancel(w->loop, &w->flush);
        enter(w);
        leave(w);
    }
}

int redis_wire_send(struct redis_wire *w, struct bytes command)
{
    if (!w->context || w->is_freed) {
        return ERR_UNAVAILABLE;
    }
    if (command.len > REDIS_LINK_OUT_MAX ||
        sdslen(w->context->c.obuf) > REDIS_LINK_OUT_MAX - command.len) {
        return ERR_BUSY;
    }
    if (redisAsyncFormattedCommand(w->context, on_reply, NULL, command.ptr, command.len) !=
        REDIS_OK) {
        return ERR_UNAVAILABLE;
    }
    w->awaited_count++;
    return 0;
}
