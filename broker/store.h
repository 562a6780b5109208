/* SPDX-License-Identifier: MIT */
#pragma once
/* What the broker keeps in PostgreSQL, as seen by the rest of the daemon: requests and rows as
 * plain structs, no SQL. Implemented by io/store_pg.c; tests link a fake with the same symbols.
 *
 * Every accepted request completes exactly once, never inside the submitting call, with 0,
 * ERR_UNAVAILABLE (connection lost or deadline passed: the outcome of a write is unknown),
 * ERR_REMOTE (PostgreSQL refused) or the error named below. Rows are borrowed for the duration
 * of the callback. Submitting returns ERR_UNAVAILABLE while there is no connection, ERR_BUSY
 * over STORE_PENDING_MAX. Arguments are copied before the call returns. */
#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"
#include "proto/delivery.h"

#define STORE_PENDING_MAX 4096u
#define STORE_BATCH_ROWS_MAX 4096u

struct store;

/* Where an effect came from: the envelope's place in the input streams. */
struct origin {
    uint32_t partition;
    struct entry_id entry;
    uint32_t index; /* of the envelope in its entry */
};

/* What takes a place in a channel's seq. The numbers are those of the tables. */
enum content_kind { CONTENT_MESSAGE, CONTENT_EDIT, CONTENT_DELETION, CONTENT_BATCH };

struct content_row {
    enum content_kind kind;
    int64_t id, channel_id, author_id;           /* author: who did it */
    struct bytes author_username, author_avatar; /* filled when read, ignored when written */
    struct bytes content;     /* text, new text, nothing, or the updates as JSON; of a message that
                                 was edited since: the text with which it was first shown */
    struct bytes client_id;   /* messages; empty = none (NULL) */
    struct bytes attachments; /* messages: JSON array; empty = none */
    const int64_t *attachment_ids; /* written: those become this message's; not filled when read */
    uint32_t attachment_count;
    uint64_t timestamp_ms, seq;
    int64_t reply_to;   /* messages; 0 = none (NULL) */
    int64_t message_id; /* edits and deletions: which; else 0 */
    struct origin origin;
};

struct read_row { /* how far somebody has read */
    int64_t channel_id, user_id, message_id;
    uint64_t timestamp_ms;
};

/* ---- commit: the effects of one batch and the positions that go with them ---- */

struct position_move {
    uint32_t partition;
    int64_t fence;            /* must be the row's */
    struct entry_id expected; /* must be the row's position: nothing is passed over */
    struct entry_id last;     /* becomes its position */
    int64_t redeliver_from;   /* lowest message id that may not have been delivered yet */
};
struct seq_move {
    int64_t channel_id;
    uint64_t expected, next; /* last_seq must be `expected` */
};
struct store_batch {
    const struct position_move *positions;
    size_t position_count;
    const struct seq_move *seqs;
    size_t seq_count;
    const struct content_row *rows;
    size_t row_count;
    const struct read_row *reads; /* those that are behind what is stored change nothing */
    size_t read_count;
};
typedef void store_done_fn(void *arg, int err);
/* One transaction. At most two are under way (pipelined; the second sees the first's effects or
 * fails like it). Errors: ERR_STATE (a fence, position or last_seq did not match, an attachment is
 * another message's by now), ERR_CONFLICT (a (channel, author, client_id) is there already); then
 * nothing was written. */
NODISCARD int store_commit(struct store *s, const struct store_batch *batch, store_done_fn *fn,
                           void *arg);

/* ---- partitions ---- */
struct partition_claim {
    int64_t fence;
    struct entry_id last; /* committed position; 0-0 at first */
    int64_t redeliver_from;
};
typedef void store_claim_fn(void *arg, int err, const struct partition_claim *claim);
/* Raise the fence of a partition and take it (the row is made if absent). */
NODISCARD int store_claim(struct store *s, uint32_t partition, struct bytes owner,
                          store_claim_fn *fn, void *arg);

typedef void store_rows_fn(void *arg, int err, const struct content_row *rows, size_t count);
/* Content with id >= from_id that came from entries of `partition` after `after`, by seq per
 * channel. At most `limit`, those with the lowest ids. */
NODISCARD int store_undelivered(struct store *s, uint32_t partition, struct entry_id after,
                                int64_t from_id, uint32_t limit, store_rows_fn *fn, void *arg);

/* Content of a channel with after < seq <= until, by seq; the first `limit` of it, and none after
 * those whose texts together have HISTORY_PAGE_BYTES: a few may be very long. */
NODISCARD int store_content(struct store *s, int64_t channel_id, uint64_t after, uint64_t until,
                            uint32_t limit, store_rows_fn *fn, void *arg);

struct client_key {
    int64_t channel_id, author_id;
    struct bytes client_id;
};
/* Those of the keys that are stored already. */
NODISCARD int store_find_clients(struct store *s, const struct client_key *keys, size_t count,
                                 store_rows_fn *fn, void *arg);

/* Fresh message ids, ascending. */
typedef void store_ids_fn(void *arg, int err, const int64_t *ids, size_t count);
NODISCARD int store_take_ids(struct store *s, uint32_t count, store_ids_fn *fn, void *arg);

/* ---- people and channels ---- */
struct user_row {
    int64_t id;
    struct bytes username, password, avatar;
    bool is_active, is_staff;
};
typedef void store_user_fn(void *arg, int err, const struct user_row *user); /* NULL: none such */
NODISCARD int store_user_by_id(struct store *s, int64_t id, store_user_fn *fn, void *arg);
NODISCARD int store_user_by_name(struct store *s, struct bytes username, store_user_fn *fn,
                                 void *arg);

struct session_row {
    struct bytes payload; /* Django's signed session_data */
    bool is_expired;
};
typedef void store_session_fn(void *arg, int err, const struct session_row *session);
NODISCARD int store_session(struct store *s, struct bytes key, store_session_fn *fn, void *arg);

struct channel_row {
    int64_t id;
    struct bytes name;
    bool is_private, is_member; /* is_member: of the user asked for */
    uint64_t last_seq;
};
typedef void store_channel_fn(void *arg, int err, const struct channel_row *channel);
/* `room` is a name, or a numeric id when no channel has that name. auto_create makes a missing
 * named one (public). */
NODISCARD int store_channel(struct store *s, struct bytes room, int64_t user_id, bool auto_create,
                            store_channel_fn *fn, void *arg);
NODISCARD int store_channel_by_id(struct store *s, int64_t id, int64_t user_id,
                                  store_channel_fn *fn, void *arg);

struct target_row { /* of a message that a frame is about */
    int64_t author_id;
    bool is_deleted;
    int64_t read_id; /* how far the reader asked about has read this channel; 0 = nothing */
};
typedef void store_target_fn(void *arg, int err, const struct target_row *target); /* NULL: none */
NODISCARD int store_target(struct store *s, int64_t channel_id, int64_t message_id,
                           int64_t reader_id, store_target_fn *fn, void *arg);

/* ---- tokens ---- */
/* Record the time of a login, as Django does (auth_user.last_login). Its failure is only logged. */
void store_note_login(struct store *s, int64_t user_id);
