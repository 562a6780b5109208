/* SPDX-License-Identifier: MIT */
#pragma once
/* What the requests about files share. Nobody else includes it. */
#include "broker/files.h"
#include "broker/request_api.h"
#include "broker/upload_rules.h"
#include "proto/server_upload.h"

#define REPLY_MAX_BYTES 65536u /* 4096 indices of five characters, a name encoded */

/* From the envelope to the end of the request. */
struct upload_work {
    uint64_t received_us;
    enum upload_action action;
    bool is_http;  /* an answer is one to an HTTP request */
    bool has_turn; /* see files.h */
    bool is_posted;
    int64_t user_id, channel_id, file_size;
    int64_t attachment_id; /* of an upload that was resumed and is done */
    uint32_t partition;
    uint32_t chunk_index, chunk_bytes;
    uint64_t blob;
    int64_t part;
    char *data; /* the chunk; owned until a thread has it */
    char digest[SHA256_HEX_BYTES + 1];
    char storage_name[STORAGE_NAME_BYTES + 16];
    char upload_id[UPLOAD_ID_MAX_BYTES + 1];
    char client_id[CLIENT_ID_MAX_BYTES + 1];
    char username[USERNAME_MAX_BYTES + 1], avatar[AVATAR_MAX_BYTES + 1];
    bool is_staff;
    char topic[TOPIC_MAX_BYTES + 1];
    struct buf file_name, file_type;
    struct upload_judgement judgement; /* of an HTTP request */
};

/* The work of an UP_UPLOAD; NULL without memory. */
struct upload_work *upload_work_new(const struct requests *r, const struct up_upload *u);
void upload_work_free(struct files *f, struct upload_work *w);

/* An id of its own for what this frame or request asks for: the same whoever makes it. */
void upload_make_id(const struct request *req, uint64_t frame_no,
                    char out[UPLOAD_ID_MAX_BYTES + 1]);
void upload_make_storage_name(char out[STORAGE_NAME_BYTES + 1]);
struct upload_by upload_by(const struct request *req);
/* The channel of a topic "chat:<id>"; 0: it is none. */
int64_t upload_channel(struct bytes topic);

/* Each of these answers and ends the request. */
void upload_fail(struct request *req, enum client_code code, const char *sentence);
void upload_fail_verdict(struct request *req, enum upload_verdict verdict);
void upload_fail_store(struct request *req, int err, const char *query);
/* A frame for the socket; the body of a request gets an acknowledgement. */
void upload_reply(struct request *req, struct bytes json);

/* ---- request_chunk.c ---- */
void request_chunk_start(struct request *req);
