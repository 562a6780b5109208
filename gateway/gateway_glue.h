/* SPDX-License-Identifier: MIT */
#pragma once
/* What the glue files of a gateway do for each other. Each group below is one file. Only glue
 * includes this; pure modules know nothing of it. */
#include "gateway/gateway_state.h"

/* --- session_run.c: performs the plans of the session machine ------------------------------ */
struct session_input {
    const struct ws_request *request;  /* ACCEPTED */
    const struct handshake *handshake; /* ACCEPTED */
    const struct down_item *item;      /* GRANTED, JOINED */
    enum client_code code;             /* REFUSED, WAIT_OVER */
    enum close_code close;             /* REFUSED, WAIT_OVER, CUT */
    const char *reason;                /* CUT: close reason; NULL = none */
    bool is_clean;                     /* PEER_GONE */
};
void session_handle(struct session *s, enum session_event event, const struct session_input *in);
void session_cut(struct session *s, enum close_code close, const char *reason);
/* Closed so that it comes back with since= and misses nothing. `why` is a metric label. */
void session_close_for_resume(struct session *s, const char *why);
void topic_close_for_resume(struct gateway *g, struct topic *t, const char *why);
/* A grant that nobody here wants: give the place back. */
void give_back(struct gateway *g, const struct down_item *granted);

/* --- opening.c: upgrade, open, the answers ------------------------------------------------- */
void opening_on_upgrade(void *arg, const struct ws_request *req, struct ws_refusal *out);
void *opening_on_open(void *arg, struct ws_conn *conn, const struct ws_request *req);
void opening_on_closed(void *session, bool is_clean);
/* Register all joined sockets again at a Redis that has forgotten them. */
void opening_rejoin_all(struct gateway *g);
void gateway_sweep(void *gateway); /* frees what closed in this turn */

/* --- resume.c: what a socket missed ----------------------------------------------------------- */
NODISCARD int resume_want(struct session *s, uint64_t since); /* at its birth */
/* Does it come back, and from where? */
bool resume_since(const struct session *s, uint64_t *out_since);
void resume_begin(struct session *s, const struct down_joined *joined); /* it is attached */
void resume_ask(struct session *s); /* the next page; asking already: nothing */
void resume_end(struct session *s); /* again is nothing */
void resume_deliver(struct gateway *g, const struct down_item *item);

/* --- receiving.c: messages of clients ------------------------------------------------------ */
void receiving_on_message(void *session, struct bytes message, bool is_binary);
void receiving_on_oversize(void *session);
/* The frame has its credit: on to the uplink. */
void receiving_release(struct session *s, uint64_t frame_no, uint32_t partition,
                       struct bytes envelope);
/* The user's limit refused the frame. */
void receiving_refuse(struct session *s, uint64_t frame_no);

/* Nothing holds its reading up any more? Then it is read again. */
void receiving_go_on(struct session *s);

/* --- uploading.c: the budget of all uploads --------------------------------------------------- */
void uploads_look(void *gateway);        /* may somebody be read again? */
void uploads_counted(struct gateway *g); /* after upload_budget_count and _must_wait */

/* --- uploading.c: files that sockets send ---------------------------------------------------- */
/* An envelope of upload_file, upload_chunk or cancel_upload. */
void uploading_make(const struct session *s, const struct client_msg *msg, uint64_t received_us,
                    struct up_envelope *out);
/* Errors: ERR_FULL (too much is on the way), ERR_NOMEM, those of the link to Redis. */
NODISCARD int uploading_chunk(struct session *s, const struct client_msg *msg);
/* A chunk of so many bytes is on the way no more; s NULL: its socket is gone. */
void uploading_answered(struct gateway *g, struct session *s, uint32_t bytes);
bool uploading_is_full(const struct session *s); /* it must not be read */
void uploading_end(struct session *s);

/* --- quota_lease.c ------------------------------------------------------------------------- */
void quota_lease(struct gateway *g, struct user *u);
void quota_give_back(struct gateway *g, struct user *u);

/* --- sending.c: private frames and flushes -------------------------------------------------- */
/* Queue a text frame for one socket; an overfull queue evicts it. */
void send_private(struct session *s, struct bytes json);
/* Append the text frame of a JSON text, deflated if it is long and the socket takes that. */
NODISCARD int frame_for(struct session *s, struct bytes json, struct buf *out);
void send_error(struct session *s, enum client_code code, struct bytes client_id);
/* Queue a complete frame. Errors: ERR_FULL, ERR_NOMEM. */
NODISCARD int send_frame(struct session *s, struct bytes frame);
/* Write what is queued privately right now, if the socket takes it: before a close. */
void send_now(struct session *s);
void sending_on_writable(void *session);
void sending_evict(struct session *s, const char *why);
/* The topic has something new: flush at the end of the turn or at the next tick. */
void flusher_news(struct gateway *g, struct topic *t);
/* The sender's copy of a frame received at received_us is in topic t. */
void flusher_acked(struct gateway *g, struct topic *t, uint64_t received_us);
NODISCARD int flusher_init(struct gateway *g);
void flusher_done(struct gateway *g);
void observe_latency(struct gateway *g, uint64_t received_us);

/* --- deliver.c: items of brokers ------------------------------------------------------------ */
void deliver_item(void *gateway, const struct down_item *item);
/* One frame into a topic's log; `passing` see topic_log.h. */
void deliver_append(struct gateway *g, struct topic *t, const struct down_topic *item,
                    int64_t passing);

/* --- typing.c ------------------------------------------------------------------------------- */
void typing_deliver(struct gateway *g, const struct down_typing *typing);
void typing_stop(struct gateway *g, struct topic *t, int64_t user_id); /* if it is on */
void typing_tick(struct gateway *g, uint64_t now_ms);
/* The topic of a channel, into `out`. */
struct bytes typing_topic(int64_t channel_id, char out[TOPIC_MAX_BYTES]);
/* What a socket says of typing, or ends by a message, is remembered for its end. */
void typing_note(struct session *s, const struct up_frame *frame);
/* A socket is gone: its user types no more where nobody but it said so. */
void typing_leave(struct session *s);

/* --- http_front.c --------------------------------------------------------------------------- */
void http_front_on_request(void *arg, uint64_t request, const struct ws_request *req,
                           struct bytes body);
void http_front_on_gone(void *arg, uint64_t request);
bool http_front_is_streamed(void *arg, const struct ws_request *req); /* a file? */
void http_front_answer(struct gateway *g, const struct down_item *item);
void http_front_wait_over(struct gateway *g, uint64_t request); /* 503 */
void http_front_tick(struct gateway *g, uint64_t now_ms);
uint32_t http_front_transfers(const struct gateway *g); /* files under way in either direction */

/* --- http_download.c: files as answers ------------------------------------------------------- */
void http_download_begin(struct gateway *g, uint64_t request, const struct down_http *http);
void http_download_pulled(struct gateway *g, const struct down_item *item);
void http_download_on_drained(void *arg, uint64_t request);
void http_download_end(struct gateway *g, uint64_t request); /* again is nothing */
void http_download_tick(struct gateway *g, uint64_t now_ms);
uint32_t http_download_count(const struct gateway *g);

/* --- http_upload.c: files as bodies of requests ----------------------------------------------- */
/* Errors: ERR_LIMIT (too long for any upload), ERR_FULL (too many now), ERR_NOMEM. */
NODISCARD int http_upload_begin(struct gateway *g, uint64_t request, uint64_t body_bytes);
void http_upload_wanted(struct gateway *g, const struct down_item *item);
void http_upload_on_body(void *arg, uint64_t request, struct bytes piece);
/* Gives whether it was for one. */
bool http_upload_acked(struct gateway *g, const struct down_item *item);
bool http_upload_end(struct gateway *g, uint64_t request); /* gives whether there was one */
void http_upload_tick(struct gateway *g, uint64_t now_ms);
uint32_t http_upload_count(const struct gateway *g);

/* --- upkeep.c: what is done by the clock ----------------------------------------------------- */
void upkeep_tick(void *gateway); /* every UPKEEP_MS */
#define UPKEEP_MS 100u

/* --- usage_publish.c ------------------------------------------------------------------------- */
void usage_publish(struct gateway *g);

/* --- drain.c ---------------------------------------------------------------------------------- */
void drain_start(struct gateway *g, uint32_t window_ms); /* again is nothing */
void drain_on_tick(void *gateway);

/* --- gateway.c -------------------------------------------------------------------------------- */
uint32_t gateway_random(struct gateway *g, uint32_t below); /* 0…below-1; below 0 gives 0 */
/* Encode and queue one envelope. Errors: ERR_FULL, ERR_NOMEM. */
NODISCARD int gateway_send_up(struct gateway *g, uint32_t partition, enum uplink_policy policy,
                              const struct up_envelope *env);
void gateway_on_scrape(void *gateway); /* refresh gauges */
