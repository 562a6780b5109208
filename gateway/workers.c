/* SPDX-License-Identifier: MIT */
/* The parent of --workers N: forks, waits, restarts, passes signals on. Has no event loop and
 * serves nobody; the kernel spreads connections over the workers' listeners. Used by main. */
#include "gateway/workers.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/backoff.h"
#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "gateway/events.h"
#include "gateway/gateway.h"

#define RESTART_BASE_MS 100u
#define RESTART_CAP_MS 5000u
#define STEADY_MS 10000u /* a worker that lived so long starts over with its backoff */
#define START_MS 1000u
#define WAIT_MS 100u

struct worker {
    pid_t pid; /* 0 = not running */
    uint64_t started_ms, start_at_ms;
    struct backoff backoff;
};

struct family {
    struct worker *workers;
    uint32_t count;
    worker_fn *fn;
    void *arg;
    sigset_t signals, old_signals;
    bool is_stopping, reloads;
    bool has_served; /* a worker has lived for START_MS: settings and ports were good */
    int exit_code;
};

static void start(struct family *f, uint32_t i)
{
    struct worker *w = &f->workers[i];
    pid_t parent = getpid(), pid = fork();

    w->started_ms = clock_mono_ms();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &f->old_signals, NULL);
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* no orphans when the parent is killed */
        exit(getppid() == parent ? f->fn(f->arg, i) : GATEWAY_EXIT_OK);
    }
    if (pid < 0) {
        w->start_at_ms = w->started_ms + backoff_next_ms(&w->backoff);
        return;
    }
    w->pid = pid;
    log_info(EV_WORKER_STARTED, LOG_U64("worker", i), LOG_I64("pid", pid));
}

static void signal_all(const struct family *f, int signum)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if (f->workers[i].pid > 0) {
            kill(f->workers[i].pid, signum);
        }
    }
}

static void stop(struct family *f, int exit_code)
{
    if (!f->is_stopping) {
        f->is_stopping = true;
        f->exit_code = exit_code;
    }
    signal_all(f, SIGTERM);
}

static bool is_hopeless(int code)
{
    return code == GATEWAY_EXIT_UNAVAILABLE || code == GATEWAY_EXIT_USAGE;
}

static void on_ended(struct family *f, uint32_t i, int status)
{
    struct worker *w = &f->workers[i];
    uint64_t now_ms = clock_mono_ms(), lived_ms = now_ms - w->started_ms;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

    w->pid = 0;
    log_info(EV_WORKER_ENDED, LOG_U64("worker", i), LOG_I64("code", code),
             LOG_U64("lived_ms", lived_ms));
    if (f->is_stopping) {
        return;
    }
    f->has_served = f->has_served || lived_ms >= START_MS;
    if (is_hopeless(code) && !f->has_served) {
        stop(f, code);
        return;
    }
    if (lived_ms >= STEADY_MS) {
        backoff_reset(&w->backoff);
    }
    w->start_at_ms = now_ms + backoff_next_ms(&w->backoff);
}

static void reap(struct family *f)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (uint32_t i = 0; i < f->count; i++) {
            if (f->workers[i].pid == pid) {
                on_ended(f, i, status);
            }
        }
    }
}

/* Start who is due. Returns whether anybody is left to wait for. */
static bool tend(struct family *f)
{
    bool is_any_alive = false;

    for (uint32_t i = 0; i < f->count; i++) {
        struct worker *w = &f->workers[i];
        if (w->pid == 0 && !f->is_stopping && clock_mono_ms() >= w->start_at_ms) {
            start(f, i);
        }
        is_any_alive = is_any_alive || w->pid > 0;
        f->has_served =
            f->has_served || (w->pid > 0 && clock_mono_ms() - w->started_ms >= START_MS);
    }
    return is_any_alive || !f->is_stopping;
}

static bool init(struct family *f, uint32_t count)
{
    f->workers = mem_zalloc(count * sizeof(f->workers[0]));
    for (uint32_t i = 0; f->workers && i < count; i++) {
        uint64_t seed;
        clock_random(&seed, sizeof(seed));
        backoff_init(&f->workers[i].backoff, RESTART_BASE_MS, RESTART_CAP_MS, seed);
    }
    f->count = count;
    sigemptyset(&f->signals);
    sigaddset(&f->signals, SIGTERM);
    sigaddset(&f->signals, SIGINT);
    sigaddset(&f->signals, SIGCHLD);
    if (f->reloads) {
        sigaddset(&f->signals, SIGHUP);
    }
    return f->workers && sigprocmask(SIG_BLOCK, &f->signals, &f->old_signals) == 0;
}

int workers_run(uint32_t count, bool reloads, worker_fn *fn, void *arg)
{
    const struct timespec wait = {.tv_nsec = WAIT_MS * 1000000L};
    struct family f = {.fn = fn, .arg = arg, .reloads = reloads};

    if (!init(&f, count)) {
        mem_free(f.workers);
        return GATEWAY_EXIT_OS;
    }
    while (tend(&f)) {
        int signum = sigtimedwait(&f.signals, NULL, &wait);
        if (signum == SIGTERM || signum == SIGINT) {
            stop(&f, GATEWAY_EXIT_OK);
        } else if (signum == SIGHUP) {
            signal_all(&f, SIGHUP);
        }
        reap(&f);
    }
    mem_free(f.workers);
    return f.exit_code;
}
