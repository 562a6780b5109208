/* SPDX-License-Identifier: MIT */
/* Binds the port for a moment without SO_REUSEPORT, which the kernel refuses while anybody listens
 * on it. Connections that linger from a previous life are no obstacle (SO_REUSEADDR). Called by
 * main once, before workers are forked. */
#include "gateway/io/port_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t fill(union address *a, const char *text, uint16_t port)
{
    memset(a, 0, sizeof(*a));
    if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons(port);
        return sizeof(a->v4);
    }
    if (inet_pton(AF_INET6, text, &a->v6.sin6_addr) == 1) {
        a->v6.sin6_family = AF_INET6;
        a->v6.sin6_port = htons(port);
        return sizeof(a->v6);
    }
    return 0;
}

int port_probe(const char *address, uint16_t port)
{
    union address where;
    socklen_t len = fill(&where, address, port);
    int one = 1, err = 0, fd;

    if (len == 0) {
        return ERR_SYNTAX;
    }
    fd = socket(where.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return ERR_IO;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, &where.any, len) != 0) {
        err = errno == EADDRINUSE ? ERR_CONFLICT : ERR_IO;
    }
    close(fd);
    return err;
}
