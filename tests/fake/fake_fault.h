/* SPDX-License-Identifier: MIT */
#pragma once
/* When and how a fake fails. */
#include <stdbool.h>

struct fake_fault {
    unsigned nth;   /* the call that fails, from 1; 0 = none; FAKE_ALWAYS = all */
    bool at_submit; /* refused at once; else accepted and completed with the error */
    int err;
    unsigned calls; /* so far */
};
#define FAKE_ALWAYS (~0u)

/* Counts one call. Gives its error, or 0. */
static inline int fake_fault_next(struct fake_fault *f)
{
    f->calls++;
    return f->nth == FAKE_ALWAYS || f->nth == f->calls ? f->err : 0;
}
