/* SPDX-License-Identifier: MIT */
/* Files without storage, Redis or database. */
#include "fake_files.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/upload_finish.h"
#include "fake_later.h"
#include "fake_store.h"

struct fake_files fake_files;
static struct files object;

struct answer {
    union {
        store_upload_fn *upload;
        store_resume_fn *resume;
        store_place_fn *place;
        store_stored_fn *stored;
        store_attachment_fn *attachment;
        blob_done_fn *blob;
        files_turn_fn *turn;
        store_channel_fn *channel;
    } fn;
    void *arg;
    int err;
};

void fake_files_reset(void)
{
    memset(&fake_files, 0, sizeof(fake_files));
}

struct files *fake_files_object(const struct broker_conf *conf)
{
    object = (struct files){.conf = conf};
    return &object;
}

static void later(const struct answer *answer, fake_later_fn *complete)
{
    struct answer *a = malloc(sizeof(*a));

    if (!a) {
        abort();
    }
    *a = *answer;
    fake_later(complete, a);
}

static struct answer take(void *arg)
{
    struct answer a = *(struct answer *)arg;

    free(arg);
    return a;
}

/* 0 with the answer under way, or the error of the submit. */
static int ask(struct answer *answer, fake_later_fn *complete)
{
    answer->err = fake_fault_next(&fake_store.fault);
    if (answer->err != 0 && fake_store.fault.at_submit) {
        return answer->err;
    }
    later(answer, complete);
    return 0;
}

static void copy(char *to, size_t size, struct bytes text)
{
    (void)snprintf(to, size, "%.*s", BYTES_FMT(text));
}

/* ---- turns ---- */

static void give_turn(void *arg)
{
    struct answer a = take(arg);

    fake_files.turns++;
    a.fn.turn(a.arg);
}

int files_enter(struct files *f, files_turn_fn *fn, void *arg)
{
    (void)f;
    if (fake_files.turn_err != 0) {
        return fake_files.turn_err;
    }
    later(&(struct answer){.fn.turn = fn, .arg = arg}, give_turn);
    return 0;
}

void files_leave(struct files *f)
{
    (void)f;
    fake_files.turns--;
}

void upload_finish(struct files *f, struct bytes upload_id)
{
    (void)f;
    copy(fake_files.finished, sizeof(fake_files.finished), upload_id);
}

/* ---- bytes ---- */

static void complete_blob(void *arg)
{
    struct answer a = take(arg);
    int err = a.err == 0 && fake_files.blob.len == 0 ? ERR_NOT_FOUND : a.err;

    a.fn.blob(a.arg, err, err == 0 ? fake_files.blob : BYTES_NONE);
}

/* 0 with the answer under way, or the error of the submit. */
static int ask_blob(struct answer *answer, fake_later_fn *complete)
{
    answer->err = fake_fault_next(&fake_files.blob_fault);
    if (answer->err != 0 && fake_files.blob_fault.at_submit) {
        return answer->err;
    }
    later(answer, complete);
    return 0;
}

int blobs_read(struct blobs *b, const struct blob_name *name, blob_done_fn *fn, void *arg)
{
    (void)b;
    (void)name;
    return ask_blob(&(struct answer){.fn.blob = fn, .arg = arg}, complete_blob);
}

static void complete_put(void *arg)
{
    struct answer a = take(arg);

    a.fn.blob(a.arg, a.err, BYTES_NONE);
}

int blobs_put(struct blobs *b, const struct blob_name *name, struct bytes data, blob_done_fn *fn,
              void *arg)
{
    (void)b;
    (void)name;
    fake_files.put_bytes = data.len;
    return ask_blob(&(struct answer){.fn.blob = fn, .arg = arg}, complete_put);
}

void blobs_drop(struct blobs *b, const struct blob_name *name)
{
    (void)b;
    (void)name;
    fake_files.drops++;
}

int storage_stage(struct storage *s, const char *key, struct bytes data)
{
    (void)s;
    copy(fake_files.key, sizeof(fake_files.key), bytes_str(key));
    copy(fake_files.put, sizeof(fake_files.put), data);
    return fake_files.storage_err;
}

int storage_get(struct storage *s, const char *key, uint64_t offset, size_t len, struct buf *out)
{
    (void)s;
    fake_files.offset = offset;
    copy(fake_files.key, sizeof(fake_files.key), bytes_str(key));
    for (size_t i = 0; i < len && fake_files.storage_err == 0; i++) {
        if (buf_append_char(out, 'x') != 0) {
            return ERR_NOMEM;
        }
    }
    return fake_files.storage_err;
}

int storage_link(struct storage *s, const char *key, const struct storage_link *link,
                 struct buf *out_url)
{
    (void)s;
    copy(fake_files.disposition, sizeof(fake_files.disposition), link->disposition);
    if (fake_files.storage_err != 0) {
        return fake_files.storage_err;
    }
    return buf_printf(out_url, "https://s3.test/bucket/%s?signature", key);
}

/* ---- the database ---- */

static void complete_verdict(void *arg)
{
    struct answer a = take(arg);

    a.fn.upload(a.arg, a.err, fake_files.verdict);
}

int store_upload_start(struct store *s, const struct new_upload *u, store_upload_fn *fn, void *arg)
{
    (void)s;
    fake_files.upload = *u;
    fake_files.by = u->by;
    copy(fake_files.upload_id, sizeof(fake_files.upload_id), u->by.upload_id);
    copy(fake_files.storage_name, sizeof(fake_files.storage_name), u->storage_name);
    copy(fake_files.file_name, sizeof(fake_files.file_name), u->file_name);
    copy(fake_files.file_type, sizeof(fake_files.file_type), u->file_type);
    copy(fake_files.gateway, sizeof(fake_files.gateway), u->by.gateway);
    return ask(&(struct answer){.fn.upload = fn, .arg = arg}, complete_verdict);
}

int store_upload_cancel(struct store *s, const struct upload_by *by, store_upload_fn *fn, void *arg)
{
    (void)s;
    copy(fake_files.upload_id, sizeof(fake_files.upload_id), by->upload_id);
    fake_files.cancels++;
    fake_files.by = *by;
    return ask(&(struct answer){.fn.upload = fn, .arg = arg}, complete_verdict);
}

static void complete_resume(void *arg)
{
    struct answer a = take(arg);

    a.fn.resume(a.arg, a.err, a.err == 0 ? &fake_files.resumed : NULL);
}

int store_upload_resume(struct store *s, const struct upload_by *by, int64_t channel_id,
                        int64_t file_size, store_resume_fn *fn, void *arg)
{
    (void)s;
    (void)channel_id;
    (void)file_size;
    fake_files.by = *by;
    copy(fake_files.upload_id, sizeof(fake_files.upload_id), by->upload_id);
    return ask(&(struct answer){.fn.resume = fn, .arg = arg}, complete_resume);
}

static void complete_place(void *arg)
{
    struct answer a = take(arg);

    a.fn.place(a.arg, a.err, a.err == 0 ? &fake_files.place : NULL);
}

int store_chunk_reserve(struct store *s, const struct new_chunk *c, store_place_fn *fn, void *arg)
{
    (void)s;
    fake_files.chunk = *c;
    fake_files.by = c->by;
    copy(fake_files.digest, sizeof(fake_files.digest), c->digest);
    copy(fake_files.chunk_upload_id, sizeof(fake_files.chunk_upload_id), c->by.upload_id);
    return ask(&(struct answer){.fn.place = fn, .arg = arg}, complete_place);
}

static void complete_stored(void *arg)
{
    struct answer a = take(arg);

    a.fn.stored(a.arg, a.err, a.err == 0 ? &fake_files.stored : NULL);
}

int store_chunk_stored(struct store *s, struct bytes upload_id, uint32_t index, int64_t part,
                       uint32_t lease_ms, store_stored_fn *fn, void *arg)
{
    (void)s;
    (void)upload_id;
    (void)index;
    (void)part;
    (void)lease_ms;
    return ask(&(struct answer){.fn.stored = fn, .arg = arg}, complete_stored);
}

static void complete_attachment(void *arg)
{
    struct answer a = take(arg);
    bool is_there = a.err == 0 && fake_files.has_attachment;

    a.fn.attachment(a.arg, a.err, is_there ? &fake_files.attachment : NULL);
}

int store_attachment(struct store *s, int64_t id, int64_t user_id, store_attachment_fn *fn,
                     void *arg)
{
    (void)s;
    fake_files.attachment_id = id;
    fake_files.user_id = user_id;
    return ask(&(struct answer){.fn.attachment = fn, .arg = arg}, complete_attachment);
}

static void complete_channel(void *arg)
{
    struct answer a = take(arg);

    a.fn.channel(a.arg, a.err, a.err == 0 && fake_files.has_channel ? &fake_files.channel : NULL);
}

int store_channel_by_id(struct store *s, int64_t id, int64_t user_id, store_channel_fn *fn,
                        void *arg)
{
    (void)s;
    (void)id;
    (void)user_id;
    return ask(&(struct answer){.fn.channel = fn, .arg = arg}, complete_channel);
}
