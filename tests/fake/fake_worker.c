/* SPDX-License-Identifier: MIT */
/* Jobs run on the one thread of the test, in the order of all completions. */
#include "fake_worker.h"

#include <stdlib.h>
#include <string.h>

#include "fake_later.h"

struct fake_job {
    worker_fn *run, *done;
    void *job;
};

struct fake_fault fake_worker_fault;
bool fake_worker_is_stopping;

void fake_worker_reset(void)
{
    memset(&fake_worker_fault, 0, sizeof(fake_worker_fault));
    fake_worker_is_stopping = false;
}

static void complete(void *arg)
{
    struct fake_job *j = arg;

    if (!fake_worker_is_stopping) {
        j->run(j->job);
    }
    j->done(j->job);
    free(j);
}

int worker_submit(struct worker *w, worker_fn *run, worker_fn *done, void *job)
{
    int err = fake_fault_next(&fake_worker_fault);
    struct fake_job *j;

    (void)w;
    if (err != 0) {
        return err;
    }
    j = malloc(sizeof(*j));
    if (!j) {
        abort();
    }
    *j = (struct fake_job){.run = run, .done = done, .job = job};
    fake_later(complete, j);
    return 0;
}
