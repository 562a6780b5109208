/* SPDX-License-Identifier: MIT */
#pragma once
/* Bytes of a socket that were read before libwebsockets asked for them. */
#include <stddef.h>

#define AHEAD_BYTES (32u * 1024u)         /* some 100 us of work: others wait no longer */
#define AHEAD_ALL_MAX ((size_t)32u << 20) /* of all sockets of a port; paused ones keep theirs */

struct ws_ahead;

/* What is there now. NULL: nothing, the end, an error, no memory, or *total is at its limit; the
 * next read meets it again. `total` counts the bytes of all. */
struct ws_ahead *ws_ahead_read(int fd, size_t *total);
size_t ws_ahead_left(const struct ws_ahead *a); /* NULL: 0 */
/* The next bytes, at most `len`; the last ones free it and set *a to NULL. */
size_t ws_ahead_take(struct ws_ahead **a, size_t *total, char *buf, size_t len);
void ws_ahead_drop(struct ws_ahead **a, size_t *total); /* *a may be NULL */
