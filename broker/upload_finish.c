/* SPDX-License-Identifier: MIT */
/*   turn -> parts -> assemble (a thread) -> upload_done -> upload_complete to the uploader ->
 * message
 *                             '-> what it is not -> upload_refuse -> error to the uploader
 * Called by request_chunk.c for the last chunk and by upload_keep.c for what others left. */
#include "broker/upload_finish.h"

#include <inttypes.h>
#include <stdio.h>
#include <utlist.h>

#include "broker/http_api.h"
#include "broker/io/assemble.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "proto/envelope.h"
#include "proto/server_upload.h"
#include "proto/stream_keys.h"

#define UNFIT "The file is not what its type says."
#define LOST "Parts of the file were lost. Please send them again."
#define FINISHING_MAX (2 * FINISH_THREADS) /* while the database answers threads have others */
#define COMPLETE_MAX_BYTES 16384u /* a name, and its address with each byte of it encoded */

struct finishing {
    struct files *files;
    struct assembly_plan plan;
    struct assembled_file file;
    int err;
    int64_t user_id, channel_id, file_size;
    char upload_id[UPLOAD_ID_MAX_BYTES + 1];
    char storage_name[STORAGE_NAME_BYTES + 16];
    char file_name[FILE_NAME_GIVEN_MAX_BYTES];
    char file_type[FILE_TYPE_MAX_BYTES + 1];
    struct file_part parts[];
};

static void note(const char *result)
{
    static struct metric *m;

    m = m ? m : metric_counter("uploads_total", "Uploads that ended, by outcome", "result");
    metric_add_label(m, result, 1);
}

static void copy_text(char *out, size_t cap, struct bytes text)
{
    size_t len = text.len < cap ? text.len : cap - 1;

    if (len > 0) {
        memcpy(out, text.ptr, len);
    }
    out[len] = '\0';
}

/* ---- some at a time ---- */

struct finish_wait { /* then also while its parts are asked for */
    struct finish_wait *prev, *next;
    struct files *files;
    char upload_id[UPLOAD_ID_MAX_BYTES + 1];
};

static void on_parts(void *arg, int err, const struct file_parts *parts);

static void begin_some(struct files *f)
{
    while (f->to_finish && f->finishing < FINISHING_MAX) {
        struct finish_wait *a = f->to_finish;
        DL_DELETE(f->to_finish, a);
        int err = store_upload_parts(f->store, bytes_str(a->upload_id), on_parts, a);
        if (err) {
            log_warn("upload_not_finished", LOG_STR("upload", a->upload_id),
                     LOG_STR("step", "parts"), LOG_ERR(err));
            mem_free(a);
        } else {
            f->finishing++;
        }
    }
}

static void ended(struct files *f)
{
    f->finishing--;
    begin_some(f);
}

static void finishing_free(struct finishing *w)
{
    struct files *f = w->files;

    mem_free(w);
    ended(f);
}

/* It goes on when the lease ends. */
static void give_up(struct finishing *w, const char *step, int err)
{
    log_warn("upload_not_finished", LOG_STR("upload", w->upload_id), LOG_STR("step", step),
             LOG_ERR(err));
    note("put_off");
    finishing_free(w);
}

/* ---- whom to tell ---- */

static void send_to(struct files *f, const struct finished_upload *to, struct down_item *item)
{
    int err;

    item->conn = to->conn;
    err = to->conn == 0 ? 0 : egress_item(f->egress, to->gateway, item);
    if (err) {
        log_debug("upload_not_told", LOG_BYTES("gateway", to->gateway), LOG_ERR(err));
    }
}

/* A body that a request has sent is answered; a socket gets a frame. */
static void tell(struct files *f, const struct finished_upload *to, uint32_t status,
                 struct bytes json)
{
    struct down_item item = {.kind = DOWN_SEND, .send = {json}};
    struct finished_upload request = *to;

    if ((int64_t)to->conn < 0) {
        request.conn = (uint64_t) - (int64_t)to->conn;
        item = (struct down_item){.kind = DOWN_HTTP,
                                  .http = {.status = status,
                                           .content_type = BYTES_LIT("application/json"),
                                           .headers = BYTES_LIT("Cache-Control: no-store\r\n"),
                                           .body = json}};
    }
    send_to(f, &request, &item);
}

static void tell_complete(struct finishing *w, const struct finished_upload *done)
{
    const struct attachment a = {.id = done->attachment_id,
                                 .file_size = w->file_size,
                                 .file_name = bytes_str(w->file_name),
                                 .file_type = bytes_str(w->file_type),
                                 .sha256 = bytes_str(w->file.sha256)};
    struct buf json;

    buf_init(&json, COMPLETE_MAX_BYTES);
    if (server_upload_complete(bytes_str(w->upload_id), &a, &json) == 0) {
        tell(w->files, done, 201, buf_bytes(&json));
    }
    buf_done(&json);
}

static void tell_failed(const struct finishing *w, const struct finished_upload *to,
                        enum client_code code, const char *sentence)
{
    bool is_http = (int64_t)to->conn < 0;
    struct buf json;
    int err;

    buf_init(&json, COMPLETE_MAX_BYTES);
    err = is_http ? http_detail(sentence, code_name(code), &json)
                  : server_upload_failed(code, sentence, bytes_str(w->upload_id), &json);
    if (err == 0) {
        tell(w->files, to, code == CODE_INVALID_MESSAGE ? 400 : 503, buf_bytes(&json));
    }
    buf_done(&json);
}

/* ---- the message ---- */

static int encode_post(const struct upload_post *post, struct bytes topic, struct buf *out)
{
    struct up_envelope env = {
        .kind = UP_FRAME,
        .conn = 1, /* of no connection, and with frame_no 0: nobody is answered */
        .frame = {.actor = {post->user_id, post->username, post->avatar, post->is_staff},
                  .topic = topic,
                  .is_outside = true, /* may have been put out of the channel meanwhile */
                  .msg = {.kind = KIND_CHAT_MESSAGE,
                          .attachments = {post->attachment_id},
                          .attachment_count = 1}}};

    return up_envelope_encode(&env, out);
}

void upload_post(struct files *f, const struct upload_post *post)
{
    struct stream_key key;
    struct buf envelope;
    char topic[32];
    int len = snprintf(topic, sizeof(topic), "chat:%" PRId64, post->channel_id);
    int err;

    buf_init(&envelope, COMPLETE_MAX_BYTES);
    key = key_in(f->conf->redis_prefix,
                 partition_of(bytes_of(topic, (size_t)len), f->conf->partitions));
    err = encode_post(post, bytes_of(topic, (size_t)len), &envelope);
    if (err == 0) {
        const struct bytes argv[] = {BYTES_LIT("XADD"), stream_key_bytes(&key), BYTES_LIT("*"),
                                     BYTES_LIT("n"),    BYTES_LIT("1"),         BYTES_LIT("gw"),
                                     BYTES_LIT("-"),    BYTES_LIT("w"),         BYTES_LIT("0"),
                                     BYTES_LIT("e"),    buf_bytes(&envelope)};
        err = redis_link_command(f->redis, argv, sizeof(argv) / sizeof(argv[0]), NULL, NULL);
    }
    if (err) {
        log_warn("upload_not_posted", LOG_I64("attachment", post->attachment_id), LOG_ERR(err));
    }
    buf_done(&envelope);
}

/* ---- the steps ---- */

static void on_done(void *arg, int err, const struct finished_upload *done)
{
    struct finishing *w = arg;

    if (err) {
        give_up(w, "done", err);
        return;
    }
    if (done->verdict == UPLOAD_OK) {
        note("complete");
        tell_complete(w, done);
    }
    if (done->verdict == UPLOAD_OK && done->is_posted) {
        upload_post(w->files, &(struct upload_post){.channel_id = w->channel_id,
                                                    .user_id = w->user_id,
                                                    .attachment_id = done->attachment_id,
                                                    .username = done->username,
                                                    .avatar = done->avatar,
                                                    .is_staff = done->is_staff});
    }
    finishing_free(w);
}

static void on_refused(void *arg, int err, const struct finished_upload *to)
{
    struct finishing *w = arg;

    if (err) {
        give_up(w, "refuse", err);
        return;
    }
    note("refused");
    tell_failed(w, to, CODE_INVALID_MESSAGE, UNFIT);
    finishing_free(w);
}

static void on_reopened(void *arg, int err, const struct finished_upload *to)
{
    struct finishing *w = arg;

    if (err) {
        give_up(w, "reopen", err);
        return;
    }
    note("lost_parts");
    tell_failed(w, to, CODE_SERVICE_UNAVAILABLE, LOST);
    finishing_free(w);
}

static int reopen(struct finishing *w)
{
    int64_t lost[UPLOAD_CHUNKS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < w->plan.part_count && count < UPLOAD_CHUNKS_MAX; i++) {
        if (w->parts[i].is_lost) {
            lost[count++] = w->parts[i].part;
        }
    }
    log_warn("upload_parts_lost", LOG_STR("upload", w->upload_id), LOG_U64("parts", count));
    return store_upload_reopen(w->files->store, bytes_str(w->upload_id), lost, count, on_reopened,
                               w);
}

static void on_assembled(void *arg)
{
    struct finishing *w = arg;
    struct store *store = w->files->store;
    struct bytes id = bytes_str(w->upload_id);
    int err = w->err;

    if (err == ERR_TYPE) {
        log_info("upload_refused", LOG_STR("upload", w->upload_id),
                 LOG_STR("declared", w->file_type), LOG_STR("found", w->file.found_type));
        err = store_upload_refuse(store, id, on_refused, w);
    } else if (err == ERR_CONFLICT) {
        err = reopen(w);
    } else if (err == 0) {
        err = store_upload_done(store, id, bytes_str(w->file.sha256),
                                bytes_str(w->file.thumbnail_type), w->file.thumbnail_bytes,
                                UPLOAD_LEASE_MS, on_done, w);
    }
    if (err) {
        give_up(w, "assemble", err);
    }
}

static void run(void *arg)
{
    struct finishing *w = arg;

    w->err = assemble(&w->plan, &w->file);
}

static struct finishing *finishing_new(const struct finish_wait *a, const struct file_parts *parts)
{
    struct finishing *w = mem_zalloc(sizeof(*w) + parts->count * sizeof(w->parts[0]));

    if (!w) {
        return NULL;
    }
    w->err = ERR_UNAVAILABLE; /* if no thread comes to it */
    w->files = a->files;
    w->user_id = parts->user_id;
    w->channel_id = parts->channel_id;
    w->file_size = parts->file_size;
    copy_text(w->upload_id, sizeof(w->upload_id), bytes_str(a->upload_id));
    copy_text(w->storage_name, sizeof(w->storage_name), parts->storage_name);
    copy_text(w->file_name, sizeof(w->file_name), parts->file_name);
    copy_text(w->file_type, sizeof(w->file_type), parts->file_type);
    memcpy(w->parts, parts->parts, parts->count * sizeof(w->parts[0]));
    w->plan = (struct assembly_plan){.storage = a->files->storage,
                                     .spool_dir = a->files->conf->upload_spool_dir,
                                     .inspect_program = a->files->conf->inspect_program,
                                     .storage_name = w->storage_name,
                                     .declared_type = w->file_type,
                                     .parts = w->parts,
                                     .part_count = parts->count};
    return w;
}

static void on_parts(void *arg, int err, const struct file_parts *parts)
{
    struct finish_wait a = *(struct finish_wait *)arg;
    struct finishing *w = NULL;

    mem_free(arg);
    if (err || parts->count == 0) {
        log_debug("upload_has_no_parts", LOG_STR("upload", a.upload_id), LOG_ERR(err));
    } else {
        w = finishing_new(&a, parts);
    }
    if (!w) {
        ended(a.files);
        return;
    }
    err = worker_submit(a.files->finishers, run, on_assembled, w);
    if (err) {
        give_up(w, "queue", err);
    }
}

/* Claimed again while it waits here? */
static bool is_waiting(const struct files *f, struct bytes upload_id)
{
    const struct finish_wait *a;

    DL_FOREACH(f->to_finish, a) {
        if (bytes_eq_str(upload_id, a->upload_id)) {
            return true;
        }
    }
    return false;
}

void upload_finish(struct files *f, struct bytes upload_id)
{
    struct finish_wait *a = is_waiting(f, upload_id) ? NULL : mem_zalloc(sizeof(*a));

    if (a) {
        a->files = f;
        copy_text(a->upload_id, sizeof(a->upload_id), upload_id);
        DL_APPEND(f->to_finish, a);
        begin_some(f);
    }
}

void upload_finish_stop(struct files *f)
{
    struct finish_wait *a, *tmp;

    DL_FOREACH_SAFE(f->to_finish, a, tmp) {
        DL_DELETE(f->to_finish, a);
        mem_free(a);
    }
}
