/* SPDX-License-Identifier: MIT */
#pragma once
/* What the tests of files in PostgreSQL share: the answers to the store's questions about them,
 * copied, and uploads that are as far as a test needs them. */
#include "tests/integration/commit_probe.h"

#include "broker/store_files.h"

#define PARTS_MAX 8u
#define LEASE_MS 20000u
#define STORAGE_NAME "abcdefghijklmnopqrstuvwxyz"
#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define SHA "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static struct {
    enum upload_verdict verdict;
    char chunks[64], storage_name[64];
    int64_t attachment_id, part, received, total;
    int lasts; /* how often is_last was told */
    bool is_last, is_there, is_posted, is_staff;
    struct file_parts file;
    struct file_part parts[PARTS_MAX];
    char file_name[64], file_type[64], gateway[64], username[64], avatar[64], sha256[80];
    uint64_t conn;
    struct left_upload left[UPLOAD_CLAIM_MAX];
    char left_id[UPLOAD_CLAIM_MAX][64];
    char keys[GARBAGE_MAX][128];
    size_t count;
    struct attachment_row attachments[ATTACHMENTS_MAX];
} files;

static inline void keep_text(char to[64], struct bytes text)
{
    (void)snprintf(to, 64, "%.*s", BYTES_FMT(text));
}

static inline void on_verdict(void *arg, int err, enum upload_verdict verdict)
{
    (void)arg;
    files.verdict = verdict;
    completed(err);
}

static inline void on_resumed(void *arg, int err, const struct resumed_upload *r)
{
    (void)arg;
    if (r) {
        files.verdict = r->verdict;
        files.attachment_id = r->attachment_id;
        keep_text(files.chunks, r->chunks);
    }
    completed(err);
}

static inline void on_place(void *arg, int err, const struct chunk_place *p)
{
    (void)arg;
    if (p) {
        files.verdict = p->verdict;
        files.part = p->part;
        files.received = p->received;
        files.total = p->total;
        keep_text(files.storage_name, p->storage_name);
    }
    completed(err);
}

static inline void on_stored(void *arg, int err, const struct chunk_stored *s)
{
    (void)arg;
    if (s) {
        files.verdict = s->verdict;
        files.received = s->received;
        files.total = s->total;
        files.is_last = s->is_last;
        files.lasts += s->is_last;
    }
    completed(err);
}

static inline void on_parts(void *arg, int err, const struct file_parts *p)
{
    (void)arg;
    if (p) {
        files.file = *p;
        keep_text(files.file_name, p->file_name);
        keep_text(files.file_type, p->file_type);
        keep_text(files.storage_name, p->storage_name);
        for (size_t i = 0; i < p->count && i < PARTS_MAX; i++) {
            files.parts[i] = p->parts[i];
        }
    }
    completed(err);
}

static inline void on_finished(void *arg, int err, const struct finished_upload *f)
{
    (void)arg;
    if (f) {
        files.verdict = f->verdict;
        files.attachment_id = f->attachment_id;
        files.conn = f->conn;
        files.is_posted = f->is_posted;
        files.is_staff = f->is_staff;
        keep_text(files.gateway, f->gateway);
        keep_text(files.username, f->username);
        keep_text(files.avatar, f->avatar);
    }
    completed(err);
}

static inline void on_left(void *arg, int err, const struct left_upload *rows, size_t count)
{
    (void)arg;
    files.count = count;
    for (size_t i = 0; i < count; i++) {
        files.left[i] = rows[i];
        keep_text(files.left_id[i], rows[i].upload_id);
        keep_text(files.username, rows[i].username);
        keep_text(files.avatar, rows[i].avatar);
    }
    completed(err);
}

static inline void on_keys(void *arg, int err, const struct bytes *keys, size_t count)
{
    (void)arg;
    files.count = count;
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(files.keys[i], sizeof(files.keys[i]), "%.*s", BYTES_FMT(keys[i]));
    }
    completed(err);
}

static inline void on_attachment(void *arg, int err, const struct attachment_row *row)
{
    (void)arg;
    files.is_there = row != NULL;
    if (row) {
        files.attachments[0] = *row;
        keep_text(files.file_name, row->file_name);
        keep_text(files.file_type, row->file_type);
        keep_text(files.storage_name, row->storage_name);
        (void)snprintf(files.sha256, sizeof(files.sha256), "%.*s", BYTES_FMT(row->sha256));
    }
    completed(err);
}

static inline void on_attachments(void *arg, int err, const struct attachment_row *rows,
                                  size_t count)
{
    (void)arg;
    files.count = count;
    for (size_t i = 0; i < count; i++) {
        files.attachments[i] = rows[i];
    }
    completed(err);
}

/* The submit was accepted: wait for its end, which must be good. */
static inline void asked(int err)
{
    assert_int_equal(err, 0);
    next();
    assert_int_equal(got.err, 0);
}

/* The connection for files comes up by itself, maybe later than the others. */
static inline int files_set_up(void **state)
{
    uint64_t deadline_ms = clock_mono_ms() + FIXTURE_WAIT_MS;

    memset(&files, 0, sizeof(files));
    if (set_up(state) != 0) {
        return -1;
    }
    do {
        int done = got.done;
        if (store_garbage_take(got.store, LEASE_MS, on_keys, NULL) == 0) {
            fixture_wait(&got.done, done + 1);
        } else {
            fixture_wait(&(const int){0}, 0); /* a turn of the loop */
            got.err = ERR_UNAVAILABLE;
        }
    } while (got.err != 0 && clock_mono_ms() < deadline_ms);
    return got.err;
}

static inline struct upload_by by(const char *id, int64_t user_id, uint64_t conn)
{
    return (struct upload_by){.upload_id = bytes_str(id),
                              .user_id = user_id,
                              .gateway = BYTES_LIT("gw1.aa"),
                              .conn = conn};
}

static inline struct new_upload upload_of(const char *id, int64_t user_id, int64_t channel_id,
                                          int64_t size)
{
    return (struct new_upload){.by = by(id, user_id, 5),
                               .channel_id = channel_id,
                               .file_size = size,
                               .file_name = BYTES_LIT("a b.txt"),
                               .file_type = BYTES_LIT("text/plain"),
                               .storage_name = BYTES_LIT(STORAGE_NAME),
                               .is_posted = true,
                               .open_max = 5};
}

static inline enum upload_verdict start_upload(const struct new_upload *u)
{
    asked(store_upload_start(got.store, u, on_verdict, NULL));
    return files.verdict;
}

static inline enum upload_verdict start(const char *id, int64_t user_id, int64_t channel_id,
                                        int64_t size)
{
    const struct new_upload u = upload_of(id, user_id, channel_id, size);

    return start_upload(&u);
}

static inline enum upload_verdict reserve(const char *id, int64_t user_id, uint32_t index,
                                          uint32_t size, const char *digest)
{
    const struct new_chunk c = {.by = by(id, user_id, 6 + index),
                                .index = index,
                                .size = size,
                                .digest = bytes_str(digest)};

    asked(store_chunk_reserve(got.store, &c, on_place, NULL));
    return files.verdict;
}

static inline enum upload_verdict stored(const char *id, uint32_t index, int64_t part)
{
    asked(store_chunk_stored(got.store, bytes_str(id), index, part, LEASE_MS, on_stored, NULL));
    return files.verdict;
}

/* Both of it. Gives its part. */
static inline int64_t put_chunk(const char *id, uint32_t index, uint32_t size)
{
    int64_t part;

    assert_int_equal(reserve(id, alice, index, size, DIGEST_A), UPLOAD_OK);
    part = files.part;
    assert_int_equal(stored(id, index, part), UPLOAD_OK);
    return part;
}

static inline enum upload_verdict finish(const char *id)
{
    asked(store_upload_done(got.store, bytes_str(id), BYTES_LIT(SHA), BYTES_LIT("image/png"), 77,
                            LEASE_MS, on_finished, NULL));
    return files.verdict;
}

/* An attachment of alice in a channel; gives its id. */
static inline int64_t make_attachment(const char *id, int64_t channel_id)
{
    assert_int_equal(start(id, alice, channel_id, 10), UPLOAD_OK);
    put_chunk(id, 0, 10);
    assert_true(files.is_last);
    assert_int_equal(finish(id), UPLOAD_OK);
    return files.attachment_id;
}

static inline enum upload_verdict resume(const char *id, int64_t user_id, int64_t channel_id,
                                         int64_t size)
{
    const struct upload_by who = by(id, user_id, 9);

    files.chunks[0] = '\0';
    asked(store_upload_resume(got.store, &who, channel_id, size, on_resumed, NULL));
    return files.verdict;
}

static inline enum upload_verdict cancel(const char *id, int64_t user_id)
{
    const struct upload_by who = by(id, user_id, 5);

    asked(store_upload_cancel(got.store, &who, on_verdict, NULL));
    return files.verdict;
}

static inline size_t ask_parts(const char *id)
{
    asked(store_upload_parts(got.store, bytes_str(id), on_parts, NULL));
    return files.file.count;
}

static inline size_t claim_left(uint32_t tries)
{
    asked(store_upload_claim(got.store, LEASE_MS, tries, on_left, NULL));
    return files.count;
}

/* What is due now or within so many seconds; "%" stands for anything. */
static inline int64_t garbage(const char *like, int within_s)
{
    char sql[256];

    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM storage_garbage WHERE key LIKE '%s'"
                   " AND due_at <= now() + %d * interval '1 second'",
                   like, within_s);
    return fixture_number(sql);
}
