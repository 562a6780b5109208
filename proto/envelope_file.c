/* SPDX-License-Identifier: MIT */
/* The envelopes that are about files: struct <-> msgpack, in pairs. Called by envelope.c. */
#include "proto/envelope_parts.h"

void upload_put(struct mp_write *w, const struct up_upload *upload)
{
    mp_put_u64(w, upload->frame_no);
    mp_put_u64(w, upload->received_us);
    actor_put(w, &upload->actor);
    mp_put_str(w, upload->topic);
    mp_put_str(w, upload->client_id);
    mp_put_u64(w, upload->action);
    mp_put_bool(w, upload->is_http);
    mp_put_str(w, upload->upload_id);
    mp_put_str(w, upload->file_name);
    mp_put_str(w, upload->file_type);
    mp_put_i64(w, upload->file_size);
    mp_put_i64(w, upload->channel_id);
    mp_put_bool(w, upload->is_posted);
    mp_put_u64(w, (uint64_t)upload->chunk_index << 32 | upload->chunk_bytes);
    mp_put_u64(w, upload->blob);
}

static void get_chunk(struct mp_read *r, struct up_upload *upload)
{
    uint64_t chunk = mp_u64(r, UINT64_MAX);

    upload->chunk_index = (uint32_t)(chunk >> 32);
    upload->chunk_bytes = (uint32_t)chunk;
    upload->blob = mp_u64(r, UINT64_MAX);
    if (!r->err && (upload->chunk_index >= UPLOAD_CHUNKS_MAX ||
                    upload->chunk_bytes > UPLOAD_CHUNK_MAX_BYTES)) {
        mp_fail(r, ERR_RANGE);
    }
}

void upload_get(struct mp_read *r, struct up_upload *upload)
{
    upload->frame_no = mp_u64(r, UINT64_MAX);
    upload->received_us = mp_u64(r, UINT64_MAX);
    upload->actor = actor_get(r);
    upload->topic = mp_text(r, TOPIC_MAX_BYTES);
    upload->client_id = mp_text(r, CLIENT_ID_MAX_BYTES);
    upload->action = (enum upload_action)mp_i64(r, UPLOAD_START, UPLOAD_CANCEL);
    upload->is_http = mp_bool(r);
    upload->upload_id = mp_text(r, UPLOAD_ID_MAX_BYTES);
    upload->file_name = mp_text(r, FILE_NAME_GIVEN_MAX_BYTES);
    upload->file_type = mp_text(r, FILE_TYPE_MAX_BYTES);
    upload->file_size = mp_i64(r, 0, ID_MAX);
    upload->channel_id = id_get(r, 0);
    upload->is_posted = mp_bool(r);
    get_chunk(r, upload);
}

void pull_put(struct mp_write *w, const struct up_pull *pull)
{
    mp_put_str(w, pull->ref);
    mp_put_u64(w, pull->offset);
    mp_put_u64(w, pull->bytes);
    mp_put_u64(w, pull->blob);
}

void pull_get(struct mp_read *r, struct up_pull *pull)
{
    pull->ref = mp_text(r, STORAGE_KEY_MAX_BYTES);
    pull->offset = mp_u64(r, ID_MAX);
    pull->bytes = (uint32_t)mp_i64(r, 1, PULL_MAX_BYTES);
    pull->blob = mp_u64(r, UINT64_MAX);
}
