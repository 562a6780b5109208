/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files of the socket port share. Only they include it.
 *
 *   ws_listener --accept--> ws_http --good upgrade--> ws_upgrade --libwebsockets--> ws_conn
 *                              '--ordinary request--> ws_http_reply, ws_http_stream */
/* OpenSSL, which libwebsockets.h includes, has a type of this name. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <libwebsockets.h>
#undef ERR_STATE
#include "common/buf.h"
#include "gateway/assembly.h"
#include "gateway/deflate.h"
#include "gateway/due_list.h"
#include "gateway/frame_guard.h"
#include "gateway/http_head.h"
#include "gateway/io/tls_front.h"
#include "gateway/io/ws_ahead.h"
#include "gateway/io/ws_port.h"
#include "gateway/ws_handshake.h"

#define WS_ADDRESS_MAX CLIENT_ADDRESS_MAX

enum http_state {
    HTTP_HEAD,    /* reading the head */
    HTTP_BODY,    /* reading the body */
    HTTP_WAITING, /* handed out; ws_http_reply() will come */
    HTTP_TAKING,  /* handed out; a piece of its body is being read */
    HTTP_SENDING, /* handed out; answered in pieces */
    HTTP_WRITING, /* the answer is not out yet */
    HTTP_LINGER,  /* answered; waiting for the client to close, so that no reset eats the answer */
    HTTP_DEAD,    /* to be freed at the end of the turn */
};

/* A connection that is not (yet) a WebSocket. */
struct http_conn {
    struct ws_port *port;
    struct http_conn *prev, *next; /* p->https */
    struct loop_fd *watch;
    struct due due;
    uint64_t id; /* while it is handed out */
    int fd;
    enum http_state state;
    bool is_head_request; /* answered without a body */
    bool is_half_closed;  /* the client has sent its FIN */
    bool wants_continue;  /* before it sends its body */
    bool has_piece; /* in pieces: one was given to be written, and on_http_drained will come */
    struct buf in;  /* head, then body; a piece of a body */
    size_t scan_pos, head_len, body_len;
    uint64_t unread;     /* in pieces: of the body; the last one counts until it is there */
    size_t wanted;       /* in pieces: the length of the present one */
    uint64_t unanswered; /* in pieces: of the answer, what ws_http_write() did not get yet */
    struct buf out;
    size_t out_pos;
    size_t discarded; /* while lingering */
    char address[WS_ADDRESS_MAX];
};

struct ws_conn {
    struct ws_port *port;
    struct lws *wsi; /* NULL before and after libwebsockets has it */
    void *session;
    struct ws_conn *prev, *next; /* p->touched, while is_touched */
    struct due due;
    struct frame_guard guard;
    struct assembly assembly;
    struct ws_ahead *ahead; /* NULL: nothing */
    int fd;
    uint8_t window_bits; /* the client's wish for our window; 0 = none */
    uint8_t address_len;
    bool has_deflate : 1;
    bool is_open : 1; /* upgraded */
    bool is_paused : 1;
    bool is_closing : 1; /* no more messages to or from the session */
    bool is_touched : 1;
    bool must_kill : 1;
    bool wants_writable : 1;
    bool awaits_pong : 1; /* else waits for its next ping */
    bool was_heard : 1;   /* since the last ping */
    char address[];
};

struct ws_port {
    struct loop *loop;
    struct ws_conf conf;
    struct ws_events events;
    void *arg;
    struct lws_context *lws;
    struct lws_vhost *vhost;
    struct loop_timer *tick;
    struct loop_task after_turn;
    struct deflate_ctx *deflate;
    struct assembly_limits limits;
    uint64_t frame_max;
    int listen_fd;
    struct tls_front *tls; /* NULL: plain */
    struct loop_fd *listen_watch;
    struct loop_timer *accept_pause;
    struct http_conn *https;
    size_t dead_https;
    struct http_conn **requests; /* waiting ones, by the low bits of their id */
    size_t request_slots, request_count;
    uint64_t request_serial;
    struct due_list http_reading, http_waiting, http_writing, http_lingering;
    struct due_list http_taking, http_working, http_sending, http_draining; /* in pieces */

    struct ws_conn *touched;  /* something to be done at the end of the turn */
    struct ws_conn *adopting; /* during lws_adopt_…() */
    size_t ahead_bytes;       /* read and not yet asked for, of all connections */
    struct ws_conn *fetching; /* during lws_service_fd(); NULL again when it dies there */
    const struct ws_handshake *adopting_handshake;
    uint64_t connections;
    bool is_ending; /* ws_port_free() is cutting what is left */
    struct due_list ping_first, ping_next, pong, closing;
};

/* ws_listener.c */
int ws_listener_open(struct ws_port *p);
void ws_listener_close(struct ws_port *p);

/* ws_http.c */
void ws_http_init(struct ws_port *p);
void ws_http_accept(struct ws_port *p, int fd, const char *address); /* takes fd */
void ws_http_drop(struct http_conn *h);                              /* dies at turn end */
void ws_http_watch(struct http_conn *h); /* what its state wants to know of the descriptor */
void ws_http_check_due(struct ws_port *p, uint64_t now_ms);
void ws_http_sweep(struct ws_port *p);
void ws_http_free_all(struct ws_port *p);

/* ws_http_request.c */
void ws_http_readable(struct http_conn *h);
void ws_http_fill_request(const struct http_conn *h, const struct http_head *head,
                          struct ws_request *out);

/* ws_http_reply.c */
void ws_http_refuse(struct http_conn *h, const struct ws_refusal *refusal);
void ws_http_refuse_status(struct http_conn *h, int status);
void ws_http_continue(struct http_conn *h);
void ws_http_flush(struct http_conn *h);
void ws_http_linger(struct http_conn *h);
int ws_http_request_add(struct http_conn *h);
void ws_http_request_remove(struct http_conn *h);
struct http_conn *ws_http_request_find(const struct ws_port *p, uint64_t id); /* NULL: gone */
bool ws_http_head_fits(const struct ws_http_head *head);
/* The head into an empty h->out, which takes `room` bytes more. */
int ws_http_put_head(struct http_conn *h, const struct ws_http_head *head, size_t room);

/* ws_http_stream.c */
bool ws_http_is_streamed(const struct http_conn *h, const struct http_head *head, uint64_t length);
void ws_http_take(struct http_conn *h); /* readable */
void ws_http_send(struct http_conn *h); /* writable */

/* ws_upgrade.c */
extern const struct lws_extension ws_extensions[];
void ws_upgrade(struct http_conn *h, const struct http_head *head);
int ws_upgrade_callback(struct ws_conn *c, enum lws_callback_reasons reason, void *in);

/* ws_conn.c */
struct ws_conn *ws_conn_new(struct ws_port *p, int fd, const char *address);
void ws_conn_free(struct ws_conn *c);
void ws_conn_opened(struct ws_conn *c);
void ws_conn_destroyed(struct ws_conn *c); /* libwebsockets closed it */
void ws_conn_kill(struct ws_conn *c);      /* now; frees it */
void ws_conn_kill_soon(struct ws_conn *c);
void ws_conn_touch(struct ws_conn *c);
void ws_conn_untouch(struct ws_conn *c);
int ws_conn_send(struct ws_conn *c, struct bytes frames);
int ws_conn_send_close(struct ws_conn *c, unsigned code, const char *reason);

/* ws_conn_io.c */
ssize_t ws_conn_read(void *conn, int fd, char *buf, size_t len); /* a recv_tap_fn */
void ws_conn_received(struct ws_conn *c, struct bytes payload);
void ws_conn_peer_closed(struct ws_conn *c);
void ws_conn_became_writable(struct ws_conn *c);
void ws_conns_after_turn(struct ws_port *p);

/* ws_ping.c */
void ws_conns_init(struct ws_port *p);
void ws_ping_start(struct ws_conn *c);
void ws_conns_check_due(struct ws_port *p, uint64_t now_ms);
