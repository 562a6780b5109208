/* SPDX-License-Identifier: MIT */
#pragma once
/* One TLS connection on the thread of tls_front: bytes between a client's socket and the plain end
 * of the gateway's loop, both ways, with what one side does not take kept from the other. */
#include <stdatomic.h>
#include <stdbool.h>
#include "common/io/loop.h"
#include "gateway/due_list.h"

#define TLS_RECORD_BYTES 16384u /* RFC 8446 §5.1: a read of this size leaves nothing in OpenSSL */

struct ssl_ctx_st;
struct tls_link;

/* What the links of a thread share. */
struct tls_links {
    struct loop *loop;
    struct tls_link *head;
    struct due_list closing; /* the gateway has ended them */
    struct due_list stalled; /* their client takes nothing */
    struct loop_task turn_end;
    unsigned handshakes_left; /* steps that this turn may still take */
    atomic_uint_fast64_t handshakes, failures, count;
    char room[TLS_RECORD_BYTES]; /* of what is being moved; on the thread alone */
};

void tls_links_init(struct tls_links *all, struct loop *loop);
void tls_links_check_due(struct tls_links *all, uint64_t now_ms);
void tls_links_free_all(struct tls_links *all);
/* Takes both descriptors, whatever happens. */
void tls_link_start(struct tls_links *all, struct ssl_ctx_st *context, int fd, int plain_fd);
