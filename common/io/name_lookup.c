/* SPDX-License-Identifier: MIT */
/* getaddrinfo_a() of glibc asks on a thread of its own; we look now and then whether it is done.
 * What cannot be cancelled any more is left to end by itself. Called by redis_wire and pg_link. */
#include "common/io/name_lookup.h"

#include <arpa/inet.h>
#include <netdb.h>

#include "common/bytes.h"
#include "common/mem.h"

#define LOOK_MS 2u /* asked for while connecting only */

struct name_lookup {
    struct gaicb request;
    struct addrinfo hints;
    char *host;
    struct loop_timer *timer;
    name_lookup_fn *fn; /* NULL: cancelled */
    void *arg;
};

bool name_is_address(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

static void destroy(struct name_lookup *n)
{
    if (n->request.ar_result) {
        freeaddrinfo(n->request.ar_result);
    }
    loop_timer_free(n->timer);
    mem_free(n->host);
    mem_free(n);
}

static const struct addrinfo *choose(const struct addrinfo *list)
{
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        if (a->ai_family == AF_INET) {
            return a;
        }
    }
    return list;
}

static void on_look(void *arg)
{
    struct name_lookup *n = arg;
    char text[INET6_ADDRSTRLEN];
    const struct addrinfo *chosen;
    int state = gai_error(&n->request);

    if (state == EAI_INPROGRESS) {
        return;
    }
    chosen = state == 0 ? choose(n->request.ar_result) : NULL;
    if (chosen && getnameinfo(chosen->ai_addr, chosen->ai_addrlen, text, sizeof(text), NULL, 0,
                              NI_NUMERICHOST) != 0) {
        chosen = NULL;
    }
    if (n->fn) {
        n->fn(n->arg, chosen ? text : NULL);
    }
    destroy(n);
}

struct name_lookup *name_lookup_start(struct loop *loop, const char *host, name_lookup_fn *fn,
                                      void *arg)
{
    struct name_lookup *n = mem_zalloc(sizeof(*n));
    struct gaicb *list[1];

    if (!n) {
        return NULL;
    }
    n->fn = fn;
    n->arg = arg;
    n->hints.ai_socktype = SOCK_STREAM;
    n->host = mem_dup_str(bytes_str(host));
    n->timer = loop_timer_new(loop, on_look, n);
    n->request.ar_name = n->host;
    n->request.ar_request = &n->hints;
    list[0] = &n->request;
    if (!n->host || !n->timer || getaddrinfo_a(GAI_NOWAIT, list, 1, NULL) != 0) {
        destroy(n);
        return NULL;
    }
    loop_timer_start(n->timer, LOOK_MS, LOOK_MS);
    return n;
}

void name_lookup_cancel(struct name_lookup *n)
{
    if (n) {
        n->fn = NULL; /* the timer goes on until the thread lets go of it */
        (void)gai_cancel(&n->request);
    }
}
