/* SPDX-License-Identifier: MIT */
/* One block for each socket that has sent more than was asked for, as long as what it sent. Called
 * by ws_conn_io.c. */
#include "gateway/io/ws_ahead.h"

#include <string.h>
#include <sys/socket.h>

#include "common/mem.h"

struct ws_ahead {
    size_t pos, len;
    char bytes[];
};

struct ws_ahead *ws_ahead_read(int fd, size_t *total)
{
    struct ws_ahead *a = NULL, *smaller;
    ssize_t n = -1;

    if (*total < AHEAD_ALL_MAX) {
        a = mem_alloc(sizeof(*a) + AHEAD_BYTES);
    }
    if (a) {
        n = recvfrom(fd, a->bytes, AHEAD_BYTES, 0, NULL, NULL);
    }
    if (n <= 0) {
        mem_free(a);
        return NULL;
    }
    smaller = mem_realloc(a, sizeof(*a) + (size_t)n);
    a = smaller ? smaller : a;
    a->pos = 0;
    a->len = (size_t)n;
    *total += a->len;
    return a;
}

size_t ws_ahead_left(const struct ws_ahead *a)
{
    return a ? a->len - a->pos : 0;
}

size_t ws_ahead_take(struct ws_ahead **a, size_t *total, char *buf, size_t len)
{
    size_t left = ws_ahead_left(*a);

    len = len < left ? len : left;
    memcpy(buf, (*a)->bytes + (*a)->pos, len);
    (*a)->pos += len;
    if (len == left) {
        ws_ahead_drop(a, total);
    }
    return len;
}

void ws_ahead_drop(struct ws_ahead **a, size_t *total)
{
    if (*a) {
        *total -= (*a)->len;
        mem_free(*a);
        *a = NULL;
    }
}
