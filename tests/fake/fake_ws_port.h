/* SPDX-License-Identifier: MIT */
#pragma once
/* gateway/io/ws_port.h without sockets: a test plays the clients. */
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "gateway/io/ws_port.h"

struct ws_conn {
    struct ws_conn *prev, *next;
    void *session;
    struct buf written; /* frames that the "kernel" took */
    struct buf early;   /* messages that came while reading was paused, NUL-terminated */
    uint32_t writes;
    bool is_blocked, is_paused, wants_writable, has_deflate;
    bool is_closed; /* ws_conn_close() was called */
    bool is_gone;   /* on_closed was called; the struct stays until reset */
    enum close_code code;
    char reason[124];
};

struct fake_reply {
    uint64_t request;
    int status;
    char body[512];
};

struct fake_http { /* a request; stays until reset */
    struct fake_http *prev, *next;
    uint64_t id;
    uint64_t unread;          /* of its body */
    size_t wanted;            /* the piece that is asked for; 0 = none */
    struct buf early;         /* of its body, what was sent and is not wanted yet */
    bool is_head, is_blocked; /* the "kernel" takes nothing */
    bool is_begun, is_over;   /* answered in pieces; answered whole, cut or gone */
    bool is_cut;
    uint64_t content_length;
    struct buf written, waiting; /* taken by the "kernel", and not yet */
    bool has_piece;
};

extern bool fake_ws_is_answering; /* answers are on their way to clients */
void fake_ws_reset(void);
/* Open a socket as a client would; NULL and the HTTP status in *out_status when it is refused. */
struct ws_conn *fake_ws_open(const char *path, const char *query, int *out_status);
/* A text message; while paused it waits. */
void fake_ws_message(struct ws_conn *c, const char *text);
void fake_ws_binary(struct ws_conn *c, const char *text);
void fake_ws_oversize(struct ws_conn *c);
/* The client goes: with a close frame or without. */
void fake_ws_leave(struct ws_conn *c, bool is_clean);
/* The kernel takes nothing more from now on / takes again. */
void fake_ws_block(struct ws_conn *c, bool is_blocked);
/* Writable calls, waiting messages and closes that are due. Returns whether anything happened. */
bool fake_ws_turn(void);
bool fake_ws_is_listening(void);
/* Does the written text contain this? And how often? */
unsigned fake_ws_count(const struct ws_conn *c, const char *text);
/* A plain HTTP request; its answer is in fake_ws_last_reply(). Returns the request's id. */
uint64_t fake_ws_http(const char *method, const char *path, const char *host);
/* The same with all that is said of it; body_bytes > 0: its body comes in pieces. */
uint64_t fake_ws_request(const struct ws_request *req);
const struct fake_http *fake_ws_http_of(uint64_t request);
void fake_ws_http_send(uint64_t request,
                       struct bytes body); /* the client sends; given when wanted */
void fake_ws_http_block(uint64_t request, bool is_blocked);
void fake_ws_http_gone(uint64_t request);
const struct fake_reply *fake_ws_last_reply(void);
unsigned fake_ws_replies(void);
