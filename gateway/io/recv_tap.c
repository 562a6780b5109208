/* SPDX-License-Identifier: MIT */
/* An interposed recv(): the one trick of this project, and the reason for it.
 *
 * libwebsockets 4.1.6 (what Debian 12 ships) does not check that client frames are masked (RFC 6455
 * §5.1 demands closing), lets reserved bits on pings and non-minimal lengths pass, and when several
 * pings arrive in one read it answers the first and forgets the rest. No callback and no extension
 * hook sees frame headers. But every byte comes through one call, recv(), of the dynamically linked
 * library, and a definition in the executable precedes that of libc for all libraries (the same
 * rule that lets people replace malloc). So this file defines recv(): descriptors that were
 * installed here are read by their function, all others go straight to the kernel by recvfrom(),
 * which is what recv() is. Other users of recv() in the process are therefore not affected.
 *
 *     libwebsockets -- recv(fd) --> installed? -- yes --> ws_conn: recvfrom(), frame_guard
 *                                       '-- no ---------> recvfrom()
 *
 * It needs no private structure of libwebsockets, so an update cannot break it unnoticed: the port
 * refuses to start when the definition is not effective (a static build of libwebsockets, say), and
 * the tests for masks and reserved bits fail when the library reads in another way (TLS inside the
 * library would use SSL_read(); ours ends before it, in tls_link or at the proxy). When
 * libwebsockets checks frames itself, delete this file and call frame_guard no more. */
#undef _FORTIFY_SOURCE /* it would make recv() an inline function of the header */
#include "gateway/io/recv_tap.h"

#include <dlfcn.h>
#include <sys/socket.h>

#include "common/mem.h"

#define FIRST_SIZE 256u

struct tap {
    recv_tap_fn *fn;
    void *arg;
};

/* By descriptor, because recv() is told nothing else. */
static struct tap *taps;
static size_t tap_count;

ssize_t recv(int fd, void *buf, size_t len, int flags)
{
    if (fd >= 0 && (size_t)fd < tap_count && taps[fd].fn) {
        return taps[fd].fn(taps[fd].arg, fd, buf, len);
    }
    return recvfrom(fd, buf, len, flags, NULL, NULL);
}

bool recv_tap_is_effective(void)
{
    ssize_t (*ours)(int, void *, size_t, int) = recv;
    void *found = dlsym(RTLD_DEFAULT, "recv");

    return memcmp(&found, &ours, sizeof(found)) == 0;
}

int recv_tap_install(int fd, recv_tap_fn *fn, void *arg)
{
    size_t size = tap_count ? tap_count : FIRST_SIZE;

    while (size <= (size_t)fd) {
        size *= 2;
    }
    if (size > tap_count) {
        struct tap *more = mem_realloc(taps, size * sizeof(*more));

        if (!more) {
            return ERR_NOMEM;
        }
        memset(more + tap_count, 0, (size - tap_count) * sizeof(*more));
        taps = more;
        tap_count = size;
    }
    taps[fd] = (struct tap){fn, arg};
    return 0;
}

void recv_tap_remove(int fd)
{
    if (fd >= 0 && (size_t)fd < tap_count) {
        taps[fd] = (struct tap){NULL, NULL};
    }
}
