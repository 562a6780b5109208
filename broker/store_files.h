/* SPDX-License-Identifier: MIT */
#pragma once
/* What the broker keeps of files in PostgreSQL: uploads under way, attachments, and which keys of
 * the storage are garbage. The rules are those of store_api.h: a connection of its own, which need
 * not be up for the broker to work. Implemented by io/store_pg_uploads.c and
 * io/store_pg_attachments.c; the functions are those of sql/0010. */
#include "broker/store.h"

#define STORE_FILES_PENDING_MAX 512u /* under way; more is ERR_BUSY */
#define STORAGE_NAME_BYTES 26u       /* random digits of base 36: 134 bits */
#define SHA256_HEX_BYTES 64u
#define GARBAGE_MAX 64u     /* keys taken at a time */
#define UPLOAD_CLAIM_MAX 8u /* uploads taken up at a time */
#define EXPIRE_MAX 1000u    /* uploads, and attachments, forgotten at a time */

/* The numbers are those of sql/0010. */
enum upload_verdict {
    UPLOAD_OK,
    UPLOAD_UNKNOWN,
    UPLOAD_FOREIGN,
    UPLOAD_NO_CHANNEL,
    UPLOAD_NO_ACCESS,
    UPLOAD_TOO_MANY,
    UPLOAD_CONFLICT, /* does not fit what was said or sent before, or comes too late */
    UPLOAD_REPEAT,
};

struct upload_by { /* who asks, and where answers go */
    struct bytes upload_id;
    int64_t user_id;
    struct bytes gateway;
    uint64_t conn;
};

struct new_upload {
    struct upload_by by;
    int64_t channel_id, file_size;
    struct bytes file_name, file_type, storage_name;
    bool is_posted;
    uint32_t open_max;
};
typedef void store_upload_fn(void *arg, int err, enum upload_verdict verdict);
/* A repeat of the same id is OK. */
NODISCARD int store_upload_start(struct store *s, const struct new_upload *upload,
                                 store_upload_fn *fn, void *arg);
NODISCARD int store_upload_cancel(struct store *s, const struct upload_by *by, store_upload_fn *fn,
                                  void *arg);

struct resumed_upload {
    enum upload_verdict verdict;
    struct bytes chunks;   /* JSON array of indices */
    int64_t attachment_id; /* when it is done; else 0 */
};
typedef void store_resume_fn(void *arg, int err, const struct resumed_upload *resumed);
NODISCARD int store_upload_resume(struct store *s, const struct upload_by *by, int64_t channel_id,
                                  int64_t file_size, store_resume_fn *fn, void *arg);

struct new_chunk {
    struct upload_by by;
    uint32_t index, size;
    struct bytes digest; /* SHA-256, hex */
};
struct chunk_place {
    enum upload_verdict verdict; /* OK: store it under part/<storage_name>/<part>; REPEAT: there */
    int64_t part;
    struct bytes storage_name;
    int64_t received, total; /* bytes of the file */
};
typedef void store_place_fn(void *arg, int err, const struct chunk_place *place);
NODISCARD int store_chunk_reserve(struct store *s, const struct new_chunk *chunk,
                                  store_place_fn *fn, void *arg);

struct chunk_stored {
    enum upload_verdict verdict;
    int64_t received, total;
    bool is_last; /* all are there, and the caller has to put them together */
};
typedef void store_stored_fn(void *arg, int err, const struct chunk_stored *stored);
NODISCARD int store_chunk_stored(struct store *s, struct bytes upload_id, uint32_t index,
                                 int64_t part, uint32_t lease_ms, store_stored_fn *fn, void *arg);

/* ---- putting a file together ---- */

struct file_part {
    int64_t part;
    uint32_t size;
    bool is_lost; /* is not there as it came; for whoever puts the file together */
    char digest[SHA256_HEX_BYTES + 1];
};
struct file_parts {
    int64_t user_id, channel_id, file_size;
    struct bytes file_name, file_type, storage_name;
    const struct file_part *parts;
    size_t count; /* 0: there is nothing to do any more */
};
typedef void store_parts_fn(void *arg, int err, const struct file_parts *parts);
NODISCARD int store_upload_parts(struct store *s, struct bytes upload_id, store_parts_fn *fn,
                                 void *arg);

struct finished_upload {
    enum upload_verdict verdict; /* REPEAT: another broker was faster */
    int64_t attachment_id;
    struct bytes gateway; /* whom to tell */
    uint64_t conn;
    bool is_posted; /* a message is to be made of it, by: */
    struct bytes username, avatar;
    bool is_staff;
};
typedef void store_finished_fn(void *arg, int err, const struct finished_upload *finished);
NODISCARD int store_upload_done(struct store *s, struct bytes upload_id, struct bytes sha256,
                                struct bytes thumbnail_type, uint32_t thumbnail_bytes,
                                uint32_t lease_ms, store_finished_fn *fn, void *arg);
/* It is not what it was said to be. Only gateway and conn are given. */
NODISCARD int store_upload_refuse(struct store *s, struct bytes upload_id, store_finished_fn *fn,
                                  void *arg);

/* These parts are missing after all. Only gateway and conn are given. */
NODISCARD int store_upload_reopen(struct store *s, struct bytes upload_id, const int64_t *parts,
                                  size_t count, store_finished_fn *fn, void *arg);

struct left_upload { /* what a broker has left undone */
    struct bytes upload_id;
    bool is_done; /* its message is missing; else it is to be put together */
    int64_t attachment_id, channel_id, user_id;
    struct bytes username, avatar;
    bool is_staff;
};
typedef void store_left_fn(void *arg, int err, const struct left_upload *rows, size_t count);
NODISCARD int store_upload_claim(struct store *s, uint32_t lease_ms, uint32_t tries,
                                 store_left_fn *fn, void *arg);

/* ---- cleaning up ---- */
/* Forget what nobody has touched for idle_s, and attachments that came into no message in unused_s.
 */
NODISCARD int store_upload_expire(struct store *s, uint32_t idle_s, uint32_t unused_s,
                                  store_done_fn *fn, void *arg);
typedef void store_keys_fn(void *arg, int err, const struct bytes *keys, size_t count);
/* At most GARBAGE_MAX keys that are to be deleted, for lease_ms. */
NODISCARD int store_garbage_take(struct store *s, uint32_t lease_ms, store_keys_fn *fn, void *arg);
NODISCARD int store_garbage_done(struct store *s, const struct bytes *keys, size_t count,
                                 store_done_fn *fn, void *arg);

/* ---- attachments ---- */

struct attachment_row {
    int64_t id, file_size;
    struct bytes file_name, file_type, sha256, storage_name;
    struct bytes thumbnail_type;
    uint32_t thumbnail_bytes; /* 0 = there is none */
};
typedef void store_attachment_fn(void *arg, int err, const struct attachment_row *row);
/* NULL for whoever may not see it: those of messages are for whom the channel is open, others for
 * who has uploaded them. */
NODISCARD int store_attachment(struct store *s, int64_t id, int64_t user_id,
                               store_attachment_fn *fn, void *arg);

typedef void store_attachments_fn(void *arg, int err, const struct attachment_row *rows,
                                  size_t count);
/* Those of the ids that the user has uploaded for this channel, and that are in no message; in any
 * order. On the connection of the pipeline's reads: its rules are those of store.h. */
NODISCARD int store_attachments_find(struct store *s, const int64_t *ids, size_t count,
                                     int64_t channel_id, int64_t user_id, store_attachments_fn *fn,
                                     void *arg);
