/* SPDX-License-Identifier: MIT */
#pragma once
/* The address of a host by its name, without holding up the loop: a name server that does not
 * answer takes the system's resolver many seconds. */
#include <netinet/in.h>
#include <stdbool.h>
#include "common/io/loop.h"

struct name_lookup;

/* Once, later: an address as text, IPv4 if the host has one; NULL: there is none, or no answer.
 * Borrowed. The lookup has ended then. */
typedef void name_lookup_fn(void *arg, const char *address);

/* Is it an address already? */
bool name_is_address(const char *host);
/* NULL without memory or when no more can be asked. */
struct name_lookup *name_lookup_start(struct loop *loop, const char *host, name_lookup_fn *fn,
                                      void *arg);
void name_lookup_cancel(struct name_lookup *n); /* no callback follows; NULL is fine */
