/* SPDX-License-Identifier: MIT */
#pragma once
/* Lets the port see what libwebsockets reads from a socket before libwebsockets does. See
 * recv_tap.c for how and why. Of the loop's thread alone: another one must use recvfrom(). */
#include <stdbool.h>
#include <sys/types.h>
#include "common/err.h"

/* Replaces recv() for one descriptor: same result and errno. */
typedef ssize_t recv_tap_fn(void *arg, int fd, char *buf, size_t len);

/* Does this process's recv() come before libc's? If not, nothing here has an effect. */
bool recv_tap_is_effective(void);
/* Reads of `fd` go through `fn` from now on, until recv_tap_remove(). Errors: ERR_NOMEM. */
NODISCARD int recv_tap_install(int fd, recv_tap_fn *fn, void *arg);
void recv_tap_remove(int fd);
