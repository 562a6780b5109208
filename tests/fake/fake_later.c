/* SPDX-License-Identifier: MIT */
/* A queue of completions. Allocates by malloc, so that a test may let our own allocator fail. */
#include "fake_later.h"

#include <stdlib.h>

struct later {
    struct later *next;
    fake_later_fn *fn;
    void *arg;
};

static struct later *first, **end = &first;
static size_t waiting;

void fake_later(fake_later_fn *fn, void *arg)
{
    struct later *l = malloc(sizeof(*l));

    if (!l) {
        abort();
    }
    *l = (struct later){.fn = fn, .arg = arg};
    *end = l;
    end = &l->next;
    waiting++;
}

bool fake_run_one(void)
{
    struct later *l = first;

    if (!l) {
        return false;
    }
    first = l->next;
    end = first ? end : &first;
    waiting--;
    l->fn(l->arg);
    free(l);
    return true;
}

void fake_run_all(void)
{
    while (fake_run_one()) {
    }
}

size_t fake_waiting(void)
{
    return waiting;
}
