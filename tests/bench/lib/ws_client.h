/* SPDX-License-Identifier: MIT */
#pragma once
/* A WebSocket client for load: non-blocking, one epoll set for all connections, frames counted
 * and looked at in place. It trusts its server and is no model of a careful client. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_client {
    int fd;
    uint32_t room;
    bool is_upgraded, is_established, is_closed;
    uint64_t frames; /* text frames received */
    char *in;
    size_t in_len, in_cap;
    char *out; /* what the kernel did not take */
    size_t out_len, out_cap;
};

struct ws_target {
    char host[64];
    uint16_t port;
    const char *path_format; /* with one %u for the room */
};

/* Called for every text frame; payload is valid during the call only. */
typedef void ws_frame_fn(void *arg, struct ws_client *c, const char *payload, size_t len);

/* Start connecting; sends the upgrade request. Returns 0 or -1. */
int ws_client_start(struct ws_client *c, const struct ws_target *t, uint32_t room);
/* Read what is there. Marks is_closed when the server has gone. */
void ws_client_read(struct ws_client *c, ws_frame_fn *fn, void *arg);
/* Send one text frame (masked with a zero key, which costs nothing and is legal). */
void ws_client_send(struct ws_client *c, const char *payload, size_t len);
void ws_client_flush(struct ws_client *c);
void ws_client_close(struct ws_client *c);
