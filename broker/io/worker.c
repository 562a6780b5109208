/* SPDX-License-Identifier: MIT */
/* A few threads beside the loop, for password hashing and files. Jobs wait in a bounded queue, run
 * on a thread, and complete on the loop's thread:
 *
 *      loop:    submit -> waiting -.                   .-> done callbacks
 *      threads:                     '-> run -> finished'   (loop_waker between them)
 *
 * The lists are the only data that two threads share; one mutex guards them. Memory is taken and
 * given back on the loop's thread alone. The threads are nice: with processors short, chats go
 * before files. */
#include "broker/io/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "common/mem.h"

#define NICENESS 5 /* about a third of the loop's share, when both want a whole processor */

struct job {
    struct job *next;
    worker_fn *run, *done;
    void *arg;
};

struct job_list {
    struct job *first, **end;
};

struct worker {
    struct loop_waker *waker;
    pthread_mutex_t mutex;
    pthread_cond_t has_work; /* waiting grew, or is_stopping was set */
    struct job_list waiting, finished;
    uint32_t waiting_count;
    bool is_stopping;
    bool is_completing, is_freed; /* a done callback runs; it has freed us */
    unsigned thread_count;
    pthread_t threads[];
};

static void list_init(struct job_list *l)
{
    l->first = NULL;
    l->end = &l->first;
}

static void list_push(struct job_list *l, struct job *j)
{
    j->next = NULL;
    *l->end = j;
    l->end = &j->next;
}

static struct job *list_pop(struct job_list *l)
{
    struct job *j = l->first;

    if (j) {
        l->first = j->next;
        if (!l->first) {
            l->end = &l->first;
        }
    }
    return j;
}

/* The next job for a thread; NULL: stop. */
static struct job *wait_for_job(struct worker *w)
{
    struct job *j = NULL;

    pthread_mutex_lock(&w->mutex);
    while (!w->is_stopping && !w->waiting.first) {
        pthread_cond_wait(&w->has_work, &w->mutex);
    }
    if (!w->is_stopping) {
        j = list_pop(&w->waiting);
        w->waiting_count--;
    }
    pthread_mutex_unlock(&w->mutex);
    return j;
}

static void *thread_main(void *arg)
{
    struct worker *w = arg;
    struct job *j;

    /* Linux keeps this per thread; where it is per process it must not be done. */
    (void)!nice(NICENESS);
    while ((j = wait_for_job(w)) != NULL) {
        j->run(j->arg);
        pthread_mutex_lock(&w->mutex);
        list_push(&w->finished, j);
        pthread_mutex_unlock(&w->mutex);
        loop_waker_wake(w->waker);
    }
    return NULL;
}

static struct job *take_finished(struct worker *w)
{
    struct job *j;

    pthread_mutex_lock(&w->mutex);
    j = list_pop(&w->finished);
    pthread_mutex_unlock(&w->mutex);
    return j;
}

static void complete(struct job *j)
{
    worker_fn *done = j->done;
    void *arg = j->arg;

    mem_free(j);
    done(arg);
}

static void on_wake(void *arg)
{
    struct worker *w = arg;
    struct job *j;

    w->is_completing = true;
    while (!w->is_freed && (j = take_finished(w)) != NULL) {
        complete(j);
    }
    w->is_completing = false;
    if (w->is_freed) {
        mem_free(w);
    }
}

/* Signals belong to the loop: threads are born with all of them blocked. */
static bool start_threads(struct worker *w, unsigned count)
{
    sigset_t all, old;

    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &old) != 0) {
        return false;
    }
    while (w->thread_count < count &&
           pthread_create(&w->threads[w->thread_count], NULL, thread_main, w) == 0) {
        w->thread_count++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return w->thread_count == count;
}

struct worker *worker_new(struct loop *loop, unsigned threads)
{
    struct worker *w = mem_zalloc(sizeof(*w) + threads * sizeof(w->threads[0]));

    if (!w) {
        return NULL;
    }
    list_init(&w->waiting);
    list_init(&w->finished);
    if (pthread_mutex_init(&w->mutex, NULL) != 0) {
        mem_free(w);
        return NULL;
    }
    if (pthread_cond_init(&w->has_work, NULL) != 0) {
        pthread_mutex_destroy(&w->mutex);
        mem_free(w);
        return NULL;
    }
    w->waker = loop_waker_new(loop, on_wake, w);
    if (!w->waker || !start_threads(w, threads)) {
        worker_free(w);
        return NULL;
    }
    return w;
}

void worker_free(struct worker *w)
{
    struct job *j;

    if (!w) {
        return;
    }
    pthread_mutex_lock(&w->mutex);
    w->is_stopping = true;
    pthread_cond_broadcast(&w->has_work);
    pthread_mutex_unlock(&w->mutex);
    for (unsigned i = 0; i < w->thread_count; i++) {
        pthread_join(w->threads[i], NULL);
    }
    loop_waker_free(w->waker);
    /* No thread is left; what is in the lists is ours alone. */
    while ((j = list_pop(&w->finished)) != NULL || (j = list_pop(&w->waiting)) != NULL) {
        complete(j);
    }
    pthread_cond_destroy(&w->has_work);
    pthread_mutex_destroy(&w->mutex);
    w->is_freed = true;
    if (!w->is_completing) {
        mem_free(w);
    }
}

int worker_submit(struct worker *w, worker_fn *run, worker_fn *done, void *job)
{
    struct job *j = mem_alloc(sizeof(*j));
    bool is_full;

    if (!j) {
        return ERR_NOMEM;
    }
    *j = (struct job){.run = run, .done = done, .arg = job};
    pthread_mutex_lock(&w->mutex);
    is_full = w->is_stopping || w->waiting_count >= WORKER_QUEUE_MAX;
    if (!is_full) {
        list_push(&w->waiting, j);
        w->waiting_count++;
        pthread_cond_signal(&w->has_work);
    }
    pthread_mutex_unlock(&w->mutex);
    if (is_full) {
        mem_free(j);
        return ERR_BUSY;
    }
    return 0;
}
