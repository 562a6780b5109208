/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files of the PostgreSQL store share: the object, one request under way, and how
 * parameters are written. */
#include "broker/io/pg_link.h"
#include "broker/io/store_pg.h"
#include "broker/store_access.h"
#include "broker/store_devices.h"
#include "broker/store_files.h"
#include "broker/store_people.h"
#include "broker/store_push.h"
#include "broker/store_usage.h"
#include "common/buf.h"

#define COMMITS_IN_FLIGHT_MAX 2u
#define SCRATCH_MAX_BYTES (512u * 1024u * 1024u) /* PostgreSQL takes no message over 1 GiB */
#define SCRATCH_KEEP_BYTES (1024u * 1024u)       /* between requests */

struct store {
    struct loop *loop;
    struct pg_link *commits, *reads, *people;
    struct pg_link *api;   /* of store_api.h; may be down while the store is up */
    struct pg_link *files; /* of store_files.h; the same */
    struct store_events events;
    void *arg;
    struct buf scratch; /* the arrays of one commit or look-up, while it is sent */
    uint32_t commits_in_flight;
    bool is_up;      /* as last told by on_up / on_down */
    bool is_closing; /* completions that store_pg_free makes may not submit */
};

/* Indexes into the tables of statements in store_pg_sql.c and store_pg_api_sql.c. */
enum commit_statement { STMT_COMMIT, STMT_COMMIT_FILES, STMT_CLAIM, STMT_COMMIT_COUNT };
extern const struct pg_statement store_pg_commit_statements[];

enum read_statement {
    STMT_UNDELIVERED,
    STMT_CONTENT,
    STMT_FIND_CLIENTS,
    STMT_TAKE_IDS,
    STMT_TARGET,
    STMT_ATTACHMENTS,
    STMT_USER_BY_ID,
    STMT_USER_BY_NAME,
    STMT_SESSION,
    STMT_CHANNEL,
    STMT_CHANNEL_BY_ID,
    STMT_NOTE_LOGIN,
    STMT_SESSION_PUT,
    STMT_SESSION_DELETE,
    STMT_IS_REVOKED,
    STMT_REVOKE,
    STMT_DIRECT_CHANNEL,
    STMT_ACCESS_CHANGES,
    STMT_ACCESS_FORGET,
    STMT_TRIM,
    STMT_READ_COUNT
};
extern const struct pg_statement store_pg_read_statements[];

enum people_statement {
    STMT_USER_OPS,
    STMT_PRESENCE,
    STMT_PRESENCE_SHOWN,
    STMT_AUDIENCE,
    STMT_PEOPLE_COUNT
};
extern const struct pg_statement store_pg_people_statements[];

enum api_statement {
    STMT_PROFILE,
    STMT_CHANNELS,
    STMT_CREATE_CHANNEL,
    STMT_SET_MEMBER,
    STMT_PAGE_BACK,
    STMT_PAGE_FORWARD,
    STMT_SEARCH,
    STMT_NOTIFICATIONS,
    STMT_PREFERENCES,
    STMT_SET_PREFERENCES,
    STMT_DEVICES,
    STMT_ADD_DEVICE,
    STMT_REMOVE_DEVICE,
    STMT_PUSH_TEST,
    STMT_PUSH_CLAIM,
    STMT_PUSH_SETTLE,
    STMT_NOTIFICATION_TRIM,
    STMT_USAGE_PUT,
    STMT_USAGE_HISTORY,
    STMT_CHANNEL_NAMES,
    STMT_API_COUNT
};
extern const struct pg_statement store_pg_api_statements[];

enum files_statement {
    STMT_UPLOAD_START,
    STMT_UPLOAD_CANCEL,
    STMT_UPLOAD_RESUME,
    STMT_CHUNK_RESERVE,
    STMT_CHUNK_STORED,
    STMT_UPLOAD_PARTS,
    STMT_UPLOAD_DONE,
    STMT_UPLOAD_REFUSE,
    STMT_UPLOAD_REOPEN,
    STMT_UPLOAD_CLAIM,
    STMT_UPLOAD_EXPIRE,
    STMT_GARBAGE_TAKE,
    STMT_GARBAGE_DONE,
    STMT_ATTACHMENT,
    STMT_FILES_COUNT
};
extern const struct pg_statement store_pg_files_statements[];

/* One request under way; freed before the caller's callback runs, so that the callback may free
 * the store. */
struct store_request {
    struct store *store;
    void *arg;
    union {
        store_done_fn *done;
        store_claim_fn *claim;
        store_rows_fn *rows;
        store_ids_fn *ids;
        store_user_fn *user;
        store_session_fn *session;
        store_channel_fn *channel;
        store_target_fn *target;
        store_profile_fn *profile;
        store_channels_fn *channels;
        store_made_fn *made;
        store_member_fn *member;
        store_page_fn *page;
        store_revoked_fn *revoked;
        store_changes_fn *changes;
        store_trimmed_fn *trimmed;
        store_user_ops_fn *user_ops;
        store_presence_fn *presence;
        store_user_ids_fn *user_ids;
        store_notifications_fn *notifications;
        store_preferences_fn *preferences;
        store_preference_fn *preference;
        store_devices_fn *devices;
        store_count_fn *count;
        store_jobs_fn *jobs;
        store_points_fn *points;
        store_names_fn *names;
        store_upload_fn *upload;
        store_resume_fn *resume;
        store_place_fn *place;
        store_stored_fn *stored;
        store_parts_fn *parts;
        store_finished_fn *finished;
        store_left_fn *left;
        store_keys_fn *keys;
        store_attachment_fn *attachment;
        store_attachments_fn *attachments;
        store_pages_fn *pages;
    } fn;
};

/* Send a statement for a request, which is copied. Errors: those of store.h or, on the link `api`,
 * of store_api.h. */
NODISCARD int store_pg_submit(struct pg_link *link, size_t statement, const struct pg_param *params,
                              size_t param_count, pg_result_fn *on_result,
                              const struct store_request *request);
/* Move the request out of the heap: first thing in every result callback. */
struct store_request store_pg_take(void *arg);
/* A link's error as the store tells it; restarts `link` when the server cannot work. */
int store_pg_error(struct pg_link *link, int err, const struct pg_result *result);
/* The same of the links `api` and `files`: a statement that took too long is no reason to restart
 * one. */
int store_pg_api_error(struct store *s, int err, const struct pg_result *result);
int store_pg_files_error(struct store *s, int err, const struct pg_result *result);
/* A row of STMT_ATTACHMENT or STMT_ATTACHMENTS. */
void store_pg_attachment_read(const struct pg_result *r, size_t row, struct attachment_row *out);
/* Did the server refuse bytes that can be in no text (NUL, bad UTF-8)? Then no such row exists. */
bool store_pg_is_impossible_text(int err, const struct pg_result *result);

/* Binary parameters. */
struct pg_i64 {
    char bytes[8];
};
struct pg_i64 pg_i64_of(int64_t n);
/* A message of a listing, from MESSAGE_COLUMNS of store_pg_api_sql.c, the first at `column`. */
void store_pg_message_read(const struct pg_result *r, size_t row, size_t column,
                           struct chat_message *out);
static inline struct pg_param pg_param_i64(const struct pg_i64 *n)
{
    return (struct pg_param){bytes_of(n->bytes, sizeof(n->bytes)), true};
}
/* Text travels as binary, too: with a length, so that a NUL inside is refused, not cut off. */
static inline struct pg_param pg_param_text(struct bytes text)
{
    return (struct pg_param){text.ptr ? text : BYTES_LIT(""), true};
}
