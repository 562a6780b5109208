/* SPDX-License-Identifier: MIT */
#pragma once
/* The sockets of a gateway, over libwebsockets 4.1.6: listener, HTTP requests, upgrades, whole
 * messages in, ready frames out. Knows no topics, users or Redis. Everything is called on the
 * loop's thread. Where a connection or request may be answered later it is named by a 64-bit id
 * that is never used again; a late answer for one that is gone finds nothing. */
#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"
#include "common/io/loop.h"
#include "gateway/client_address.h"
#include "proto/codes.h"

struct ws_port;
struct ws_conn; /* one upgraded socket; valid from on_open until on_closed returns */

struct ws_conf {
    const char *address; /* "0.0.0.0", "::", "127.0.0.1" */
    uint16_t port;
    uint32_t message_max_bytes;               /* WEBSOCKET_MESSAGE_MAX_SIZE */
    uint32_t fragments_max;                   /* 1024 */
    uint32_t handshake_timeout_s;             /* headers complete within: 10 */
    uint32_t ping_interval_s, pong_timeout_s; /* 30, 20 */
    uint32_t http_body_max_bytes;             /* 64 KiB */
    bool want_deflate;                        /* offer permessage-deflate */
    const struct trusted_proxies *trusted;    /* NULL: none; must outlive the port */
    const char *tls_cert, *tls_key;           /* PEM files; NULL or empty: no TLS */
};

/* The parts of a request that policy looks at: views, valid only during the callback. Absent
 * headers are empty with ptr NULL. */
struct ws_request {
    bool is_upgrade;
    struct bytes method; /* "GET", "POST", … */
    struct bytes path;   /* percent-encoded as sent, without query */
    struct bytes query;  /* raw, without "?" */
    struct bytes host, origin, cookie, authorization, subprotocols, content_type;
    struct bytes range, if_range, if_none_match, accept_encoding;
    uint64_t body_bytes;  /* its Content-Length; of what is no upgrade */
    struct bytes address; /* the client's, as text: the peer's, or what trusted proxies say */
};

struct ws_refusal {
    int status;                /* 400, 403, 404, 405, 429, … ; 0 = accepted */
    const char *extra_headers; /* static, "Name: value\r\n"…, or NULL */
    const char *code;          /* for {"detail","code"} */
    const char *detail;
};

struct ws_events {
    /* A well-formed upgrade request (RFC 6455 checks are done by the port: method 405, version
     * 426, key, Host present 400, control or non-ASCII bytes in a header 400). Policy: path, Host,
     * Origin, limits. */
    void (*on_upgrade)(void *arg, const struct ws_request *req, struct ws_refusal *out);
    /* The upgrade was accepted and is done (not called when the client vanished in between).
     * Returns the session kept with the connection, or NULL: cut.
     * The connection starts with reading paused. `subprotocol` to be echoed was chosen by the
     * port: "bearer" when it is in the offer, else none. */
    void *(*on_open)(void *arg, struct ws_conn *conn, const struct ws_request *req);
    /* A whole message, joined, inflated; text is valid UTF-8. */
    void (*on_message)(void *session, struct bytes message, bool is_binary);
    /* A message over message_max_bytes was recognised; the rest of it is dropped unread. Once a
     * message. Over 16 times the limit the port itself closes with 1009. */
    void (*on_oversize)(void *session);
    /* Asked for by ws_conn_want_writable(), or after a write that the kernel did not take whole. */
    void (*on_writable)(void *session);
    /* The last call for a session. is_clean: the peer sent a close frame. */
    void (*on_closed)(void *session, bool is_clean);
    /* An ordinary HTTP request with its whole body (over the limit the port answers 413 itself;
     * without a Content-Length for a body 411). Answer by ws_http_reply() or ws_http_begin(), now
     * or later. */
    void (*on_http)(void *arg, uint64_t request, const struct ws_request *req, struct bytes body);
    /* The client of an unanswered request has gone, or there was no answer for 30 s (it got 504).
     * A client that only closed its sending side is still waiting. Of a body or an answer in pieces
     * also: the client sent or took nothing for 30 s. */
    void (*on_http_gone)(void *arg, uint64_t request);

    /* Bodies and answers in pieces: all three may be NULL where nobody wants them. */
    /* Is the body of this request (body_bytes > 0, of any length) wanted in pieces? Then it is
     * handed out with an empty body as soon as its head is there. */
    bool (*is_http_streamed)(void *arg, const struct ws_request *req);
    /* What ws_http_want_body() has asked for; borrowed. */
    void (*on_http_body)(void *arg, uint64_t request, struct bytes piece);
    /* The kernel has taken all that was given to ws_http_write(). After the last byte of the answer
     * this is the last call for the request. */
    void (*on_http_drained)(void *arg, uint64_t request);
};

/* Opens its own SO_REUSEPORT listener. Errors: *out_err ERR_CONFLICT (address in use), ERR_IO,
 * ERR_NOMEM, ERR_SYNTAX (a TLS file; logged). The descriptor limit must be raised before. */
struct ws_port *ws_port_new(struct loop *loop, const struct ws_conf *conf,
                            const struct ws_events *events, void *arg, int *out_err);
void ws_port_stop_listening(struct ws_port *p);
/* Read certificate and key anew; what is wrong with them is logged, and the old ones stay. Open
 * connections stay as they are. Without TLS nothing happens. */
void ws_port_reload_tls(struct ws_port *p);
struct ws_tls_stats {
    uint64_t handshakes, failures; /* since the port was opened */
    uint64_t connections;          /* now */
};
struct ws_tls_stats ws_port_tls_stats(const struct ws_port *p); /* zeros without TLS */
/* Cuts what is left; on_closed is called for every session. Safe outside the port's callbacks. */
void ws_port_free(struct ws_port *p);
uint64_t ws_port_connections(const struct ws_port *p);
/* HTTP answers are on their way: not written whole yet, or not known to have arrived (at most 2 s).
 */
bool ws_port_is_answering(const struct ws_port *p);

/* Write complete WebSocket frames (any number) in one call. Bytes that the kernel does not take
 * are kept by the library (and then the connection is blocked). Must not be called while
 * ws_conn_is_blocked(). Errors: ERR_CLOSED (on_closed will follow). */
NODISCARD int ws_conn_write(struct ws_conn *c, struct bytes frames);
bool ws_conn_is_blocked(const struct ws_conn *c); /* an earlier write is not out yet */
void ws_conn_want_writable(struct ws_conn *c);
void ws_conn_pause(struct ws_conn *c, bool is_paused); /* stop / go on reading; idempotent */
bool ws_conn_has_deflate(const struct ws_conn *c);
/* May a frame deflated with a 32 KiB window, of a message of so many bytes, be sent to it? */
bool ws_conn_takes_deflated(const struct ws_conn *c, size_t message_len);
/* Close with a close frame, asynchronously; frames already written go first; on_closed follows.
 * CLOSE_NONE cuts without a close frame. Repeated calls are ignored. reason <= 123 bytes. */
void ws_conn_close(struct ws_conn *c, enum close_code code, const char *reason);
struct bytes ws_conn_address(const struct ws_conn *c);

/* Answer an HTTP request: status, type, extra header lines ("Name: value\r\n"…, may be empty),
 * body. Content-Length, Connection: close, X-Content-Type-Options: nosniff are added by the
 * port. Errors: ERR_NOT_FOUND (the client has gone), ERR_LIMIT (body over HTTP_REPLY_MAX_BYTES,
 * headers over 4 KiB, type over 2 KiB; the request still waits). Bytes are copied. */
NODISCARD int ws_http_reply(struct ws_port *p, uint64_t request, int status,
                            struct bytes content_type, struct bytes headers, struct bytes body);

/* Read the next `bytes` of a body that was handed out unread, or what is left of it; nothing is
 * read beyond. on_http_body follows, never from inside this call; one at a time. A client that
 * waits for "100 Continue" gets it with the first one. From then on an answer may take 60 s instead
 * of 30. Errors: ERR_NOT_FOUND (the client has gone), ERR_RANGE (nothing is left). */
NODISCARD int ws_http_want_body(struct ws_port *p, uint64_t request, size_t bytes);

struct ws_http_head {
    int status;
    struct bytes content_type, headers; /* as for ws_http_reply() */
    uint64_t content_length;
};
/* Answer in pieces: the head now, then content_length bytes by ws_http_write(). *out_is_over: it
 * was all (a HEAD request, an empty body); the request is gone then. Errors: as ws_http_reply(). */
NODISCARD int ws_http_begin(struct ws_port *p, uint64_t request, const struct ws_http_head *head,
                            bool *out_is_over);
/* The next piece, copied. on_http_drained follows, never from inside this call. Errors:
 * ERR_NOT_FOUND, ERR_NOMEM, ERR_FULL (over 1 MiB waits), ERR_RANGE (more than was announced). */
NODISCARD int ws_http_write(struct ws_port *p, uint64_t request, struct bytes piece);
/* Close the connection of a request that was begun: the client sees that it is short. Nothing is
 * called back. */
void ws_http_cut(struct ws_port *p, uint64_t request);
