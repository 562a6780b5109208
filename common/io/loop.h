/* SPDX-License-Identifier: MIT */
#pragma once
/* The event loop of a process (libev, epoll back end): timers, descriptors, signals, work at the
 * end of the turn, and a wake-up from other threads. One thread; nothing here is thread-safe but
 * loop_waker_wake(). Callbacks never run inside the call that registers them. */
#include <stdbool.h>
#include <stdint.h>
#include "common/err.h"

struct loop;
/* NULL when the kernel refuses. SIGPIPE is ignored from then on: write() reports EPIPE. */
struct loop *loop_new(void);
void loop_free(struct loop *l);
/* Until loop_stop(), or until nothing is left to wait for. Turn-end tasks of the last turn run. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
void *loop_native(struct loop *l); /* struct ev_loop *, for library adapters */

typedef void loop_fn(void *arg);

struct loop_timer; /* gives; free after stop */
struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *arg);
/* First after delay_ms, then every repeat_ms (0 = once). Starting again re-arms. */
void loop_timer_start(struct loop_timer *t, uint32_t delay_ms, uint32_t repeat_ms);
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_is_active(const struct loop_timer *t);
void loop_timer_free(struct loop_timer *t);

enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void loop_fd_fn(void *arg, int events);
struct loop_fd;
struct loop_fd *loop_fd_new(struct loop *l, int fd, loop_fd_fn *fn, void *arg);
void loop_fd_set(struct loop_fd *f, int events); /* 0 = none; idempotent */
void loop_fd_free(struct loop_fd *f);            /* does not close the descriptor */

/* Run once when this turn's events are handled, before the loop sleeps. Embedded in its owner;
 * scheduling a scheduled task is nothing. */
struct loop_task {
    struct loop_task *next, *prev;
    loop_fn *fn;
    void *arg;
    bool is_scheduled;
};
void loop_task_init(struct loop_task *t, loop_fn *fn, void *arg);
void loop_at_turn_end(struct loop *l, struct loop_task *t);
void loop_task_cancel(struct loop *l, struct loop_task *t);

struct loop_signal;
struct loop_signal *loop_signal_new(struct loop *l, int signum, loop_fn *fn, void *arg);
void loop_signal_free(struct loop_signal *s);

struct loop_waker; /* wake from another thread */
struct loop_waker *loop_waker_new(struct loop *l, loop_fn *fn, void *arg);
void loop_waker_wake(struct loop_waker *w); /* thread-safe; wake-ups may be merged */
void loop_waker_free(struct loop_waker *w);
