/* SPDX-License-Identifier: MIT */
#pragma once
/* Threads for work that would stall the loop (password hashing takes 200 ms): a bounded queue
 * in, completions on the loop's thread. Jobs must own everything they touch. */
#include <stdint.h>
#include "common/err.h"
#include "common/io/loop.h"

#define WORKER_QUEUE_MAX                                                                           \
    32u /* about 5 s of password checks of one thread: a longer wait is                            \
           a refusal the client should see at once */
struct worker;
typedef void worker_fn(void *job);

struct worker *worker_new(struct loop *loop, unsigned threads); /* NULL when threads fail */
/* Waits for the running jobs; queued ones complete without having run (done is called). */
void worker_free(struct worker *w);
/* `run` on a thread, then `done` on the loop. Errors: ERR_BUSY (queue full), ERR_NOMEM. */
NODISCARD int worker_submit(struct worker *w, worker_fn *run, worker_fn *done, void *job);
