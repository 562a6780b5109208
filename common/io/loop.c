/* SPDX-License-Identifier: MIT */
/* The event loop over libev: thin wrappers, so that the rest of the project never sees ev.h.
 * Every object may be freed inside its own callback: nothing is touched after the call.
 *
 *     one turn:  turn-end tasks of the last turn -> sleep in epoll -> timers, descriptors, wakers
 *
 * libev calls its prepare watchers just before it sleeps; the tasks run there. Tasks that tasks
 * schedule run one turn later, and an idle watcher keeps the loop from sleeping before them. */
#include "common/io/loop.h"

#include <ev.h>
#include <signal.h>
#include <stddef.h>

#include "common/mem.h"

_Static_assert((int)LOOP_READ == (int)EV_READ && (int)LOOP_WRITE == (int)EV_WRITE,
               "passed through unchanged");

struct loop {
    struct ev_loop *ev;
    ev_prepare before_sleep;
    ev_idle stay_awake;
    struct loop_task tasks;     /* head of a ring */
    struct loop_task batch_end; /* marks where run_tasks() stops */
};

struct loop_timer {
    ev_timer w;
    struct loop *loop;
    loop_fn *fn;
    void *arg;
};

struct loop_fd {
    ev_io w;
    struct loop *loop;
    loop_fd_fn *fn;
    void *arg;
};

struct loop_signal {
    ev_signal w;
    struct loop *loop;
    loop_fn *fn;
    void *arg;
};

struct loop_waker {
    ev_async w;
    struct loop *loop;
    loop_fn *fn;
    void *arg;
};

static void unlink_task(struct loop_task *t)
{
    t->prev->next = t->next;
    t->next->prev = t->prev;
    t->next = t->prev = NULL;
    t->is_scheduled = false;
}

static void link_task(struct loop_task *head, struct loop_task *t)
{
    t->prev = head->prev;
    t->next = head;
    head->prev->next = t;
    head->prev = t;
    t->is_scheduled = true;
}

/* Run what is scheduled now. What these tasks schedule comes after the marker and waits a turn, so
 * that tasks which schedule each other cannot starve the descriptors. */
static void run_tasks(struct loop *l)
{
    link_task(&l->tasks, &l->batch_end);
    while (l->tasks.next != &l->batch_end) {
        struct loop_task *t = l->tasks.next;

        unlink_task(t);
        t->fn(t->arg);
    }
    unlink_task(&l->batch_end);
}

static bool has_tasks(const struct loop *l)
{
    return l->tasks.next != &l->tasks;
}

static void on_before_sleep(struct ev_loop *ev, ev_prepare *w, int events)
{
    struct loop *l = w->data;

    (void)events;
    if (!has_tasks(l)) {
        return;
    }
    run_tasks(l);
    if (has_tasks(l)) {
        ev_idle_start(ev, &l->stay_awake);
    }
}

static void on_stay_awake(struct ev_loop *ev, ev_idle *w, int events)
{
    (void)events;
    ev_idle_stop(ev, w);
}

struct loop *loop_new(void)
{
    struct loop *l = mem_zalloc(sizeof(*l));

    if (!l) {
        return NULL;
    }
    /* Asked for by name: the environment could otherwise choose an experimental back end. */
    l->ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (!l->ev) {
        mem_free(l);
        return NULL;
    }
    /* A peer that is gone is an error of write(), not the end of the process. */
    (void)signal(SIGPIPE, SIG_IGN);
    l->tasks.next = l->tasks.prev = &l->tasks;
    ev_prepare_init(&l->before_sleep, on_before_sleep);
    l->before_sleep.data = l;
    ev_prepare_start(l->ev, &l->before_sleep);
    ev_unref(l->ev);
    ev_idle_init(&l->stay_awake, on_stay_awake);
    return l;
}

void loop_free(struct loop *l)
{
    if (!l) {
        return;
    }
    ev_idle_stop(l->ev, &l->stay_awake);
    ev_ref(l->ev);
    ev_prepare_stop(l->ev, &l->before_sleep);
    ev_loop_destroy(l->ev);
    mem_free(l);
}

void loop_run(struct loop *l)
{
    ev_run(l->ev, 0);
    /* The last turn ends too: what it put off must still happen. */
    while (has_tasks(l)) {
        run_tasks(l);
    }
}

void loop_stop(struct loop *l)
{
    ev_break(l->ev, EVBREAK_ALL);
}

void *loop_native(struct loop *l)
{
    return l->ev;
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events)
{
    struct loop_timer *t = w->data;

    (void)ev;
    (void)events;
    t->fn(t->arg);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *arg)
{
    struct loop_timer *t = mem_zalloc(sizeof(*t));

    if (t) {
        t->loop = l;
        t->fn = fn;
        t->arg = arg;
        ev_timer_init(&t->w, on_timer, 0., 0.);
        t->w.data = t;
    }
    return t;
}

void loop_timer_start(struct loop_timer *t, uint32_t delay_ms, uint32_t repeat_ms)
{
    ev_timer_stop(t->loop->ev, &t->w);
    /* libev counts from the start of the turn: a long callback would make the delay too short. */
    ev_now_update(t->loop->ev);
    ev_timer_set(&t->w, delay_ms / 1000., repeat_ms / 1000.);
    ev_timer_start(t->loop->ev, &t->w);
}

void loop_timer_stop(struct loop_timer *t)
{
    ev_timer_stop(t->loop->ev, &t->w);
}

bool loop_timer_is_active(const struct loop_timer *t)
{
    return ev_is_active(&t->w);
}

void loop_timer_free(struct loop_timer *t)
{
    if (t) {
        ev_timer_stop(t->loop->ev, &t->w);
        mem_free(t);
    }
}

static void on_fd(struct ev_loop *ev, ev_io *w, int events)
{
    struct loop_fd *f = w->data;

    (void)ev;
    /* On EV_ERROR libev adds both directions; the owner meets the error in read() or write(). */
    f->fn(f->arg, events & (LOOP_READ | LOOP_WRITE));
}

struct loop_fd *loop_fd_new(struct loop *l, int fd, loop_fd_fn *fn, void *arg)
{
    struct loop_fd *f = mem_zalloc(sizeof(*f));

    if (f) {
        f->loop = l;
        f->fn = fn;
        f->arg = arg;
        ev_io_init(&f->w, on_fd, fd, EV_NONE);
        f->w.data = f;
    }
    return f;
}

void loop_fd_set(struct loop_fd *f, int events)
{
    int old = ev_is_active(&f->w) ? f->w.events & (LOOP_READ | LOOP_WRITE) : 0;

    if (old == events) {
        return;
    }
    ev_io_stop(f->loop->ev, &f->w);
    if (events != 0) {
        ev_io_set(&f->w, f->w.fd, events);
        ev_io_start(f->loop->ev, &f->w);
    }
}

void loop_fd_free(struct loop_fd *f)
{
    if (f) {
        ev_io_stop(f->loop->ev, &f->w);
        mem_free(f);
    }
}

void loop_task_init(struct loop_task *t, loop_fn *fn, void *arg)
{
    *t = (struct loop_task){.fn = fn, .arg = arg};
}

void loop_at_turn_end(struct loop *l, struct loop_task *t)
{
    if (!t->is_scheduled) {
        link_task(&l->tasks, t);
    }
}

void loop_task_cancel(struct loop *l, struct loop_task *t)
{
    (void)l;
    if (t->is_scheduled) {
        unlink_task(t);
    }
}

static void on_signal(struct ev_loop *ev, ev_signal *w, int events)
{
    struct loop_signal *s = w->data;

    (void)ev;
    (void)events;
    s->fn(s->arg);
}

struct loop_signal *loop_signal_new(struct loop *l, int signum, loop_fn *fn, void *arg)
{
    struct loop_signal *s = mem_zalloc(sizeof(*s));

    if (s) {
        s->loop = l;
        s->fn = fn;
        s->arg = arg;
        ev_signal_init(&s->w, on_signal, signum);
        s->w.data = s;
        ev_signal_start(l->ev, &s->w);
    }
    return s;
}

void loop_signal_free(struct loop_signal *s)
{
    if (s) {
        ev_signal_stop(s->loop->ev, &s->w);
        mem_free(s);
    }
}

static void on_waker(struct ev_loop *ev, ev_async *w, int events)
{
    struct loop_waker *waker = w->data;

    (void)ev;
    (void)events;
    waker->fn(waker->arg);
}

struct loop_waker *loop_waker_new(struct loop *l, loop_fn *fn, void *arg)
{
    struct loop_waker *w = mem_zalloc(sizeof(*w));

    if (w) {
        w->loop = l;
        w->fn = fn;
        w->arg = arg;
        ev_async_init(&w->w, on_waker);
        w->w.data = w;
        ev_async_start(l->ev, &w->w);
    }
    return w;
}

void loop_waker_wake(struct loop_waker *w)
{
    ev_async_send(w->loop->ev, &w->w);
}

void loop_waker_free(struct loop_waker *w)
{
    if (w) {
        ev_async_stop(w->loop->ev, &w->w);
        mem_free(w);
    }
}
