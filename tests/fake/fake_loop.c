/* SPDX-License-Identifier: MIT */
/* The event loop by hand. One thread, no kernel. */
#include "fake_loop.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/io/clock.h"
#include "common/mem.h"
#include "fake_clock.h"

struct loop_timer {
    struct loop_timer *prev, *next;
    struct loop *loop;
    loop_fn *fn;
    void *arg;
    uint64_t due_ms;
    uint32_t repeat_ms;
    bool is_active;
};

struct loop {
    struct loop_timer *timers;
    struct loop_task *tasks;
    bool is_stopped;
};

struct loop *loop_new(void)
{
    return mem_zalloc(sizeof(struct loop));
}

void loop_free(struct loop *l)
{
    mem_free(l);
}

void loop_run(struct loop *l)
{
    (void)l;
    abort();
}

void loop_stop(struct loop *l)
{
    l->is_stopped = true;
}

bool fake_loop_is_stopped(const struct loop *l)
{
    return l->is_stopped;
}

void *loop_native(struct loop *l)
{
    return l;
}

/* --- timers ---------------------------------------------------------------------------------- */

struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *arg)
{
    struct loop_timer *t = mem_zalloc(sizeof(*t));

    if (t) {
        *t = (struct loop_timer){.loop = l, .fn = fn, .arg = arg};
        DL_APPEND(l->timers, t);
    }
    return t;
}

void loop_timer_start(struct loop_timer *t, uint32_t delay_ms, uint32_t repeat_ms)
{
    t->due_ms = clock_mono_ms() + delay_ms;
    t->repeat_ms = repeat_ms;
    t->is_active = true;
}

void loop_timer_stop(struct loop_timer *t)
{
    t->is_active = false;
}

bool loop_timer_is_active(const struct loop_timer *t)
{
    return t->is_active;
}

void loop_timer_free(struct loop_timer *t)
{
    if (t) {
        DL_DELETE(t->loop->timers, t);
        mem_free(t);
    }
}

/* --- tasks ------------------------------------------------------------------------------------ */

void loop_task_init(struct loop_task *t, loop_fn *fn, void *arg)
{
    *t = (struct loop_task){.fn = fn, .arg = arg};
}

void loop_at_turn_end(struct loop *l, struct loop_task *t)
{
    if (!t->is_scheduled) {
        t->is_scheduled = true;
        DL_APPEND(l->tasks, t);
    }
}

void loop_task_cancel(struct loop *l, struct loop_task *t)
{
    if (t->is_scheduled) {
        t->is_scheduled = false;
        DL_DELETE(l->tasks, t);
    }
}

static void end_turn(struct loop *l)
{
    while (l->tasks) {
        struct loop_task *t = l->tasks;
        loop_task_cancel(l, t);
        t->fn(t->arg);
    }
}

static struct loop_timer *next_due(const struct loop *l, uint64_t until_ms)
{
    struct loop_timer *best = NULL, *t;

    DL_FOREACH(l->timers, t) {
        if (t->is_active && t->due_ms <= until_ms && (!best || t->due_ms < best->due_ms)) {
            best = t;
        }
    }
    return best;
}

void fake_loop_pass(struct loop *l, uint32_t ms)
{
    uint64_t until_ms = clock_mono_ms() + ms;
    struct loop_timer *t;

    end_turn(l);
    while ((t = next_due(l, until_ms)) != NULL) {
        if (t->due_ms > clock_mono_ms()) {
            fake_clock_forward(t->due_ms - clock_mono_ms());
        }
        t->is_active = t->repeat_ms > 0;
        t->due_ms += t->repeat_ms;
        t->fn(t->arg);
        end_turn(l);
    }
    if (until_ms > clock_mono_ms()) {
        fake_clock_forward(until_ms - clock_mono_ms());
    }
    end_turn(l);
}

/* --- not there ---------------------------------------------------------------------------------
 */

struct loop_fd *loop_fd_new(struct loop *l, int fd, loop_fd_fn *fn, void *arg)
{
    (void)l;
    (void)fd;
    (void)fn;
    (void)arg;
    abort();
}

void loop_fd_set(struct loop_fd *f, int events)
{
    (void)f;
    (void)events;
    abort();
}

void loop_fd_free(struct loop_fd *f)
{
    (void)f;
    abort();
}

struct loop_signal *loop_signal_new(struct loop *l, int signum, loop_fn *fn, void *arg)
{
    (void)l;
    (void)signum;
    (void)fn;
    (void)arg;
    abort();
}

void loop_signal_free(struct loop_signal *s)
{
    (void)s;
    abort();
}

struct loop_waker *loop_waker_new(struct loop *l, loop_fn *fn, void *arg)
{
    (void)l;
    (void)fn;
    (void)arg;
    abort();
}

void loop_waker_wake(struct loop_waker *w)
{
    (void)w;
    abort();
}

void loop_waker_free(struct loop_waker *w)
{
    (void)w;
    abort();
}
