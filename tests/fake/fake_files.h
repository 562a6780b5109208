/* SPDX-License-Identifier: MIT */
#pragma once
/* What requests about files ask of others, without any of it: turns, the storage, the bytes in
 * Redis, what the database says of uploads and attachments. A test sets what is answered and looks
 * at what was asked; store faults come from fake_store.fault. */
#include "broker/files.h"
#include "fake_fault.h"

struct fake_files {
    /* what is answered */
    enum upload_verdict verdict;
    struct resumed_upload resumed;
    struct chunk_place place;
    struct chunk_stored stored;
    struct attachment_row attachment;
    bool has_attachment;
    struct channel_row channel;
    bool has_channel;
    struct bytes blob; /* empty: there is none */
    int storage_err;
    int turn_err;                 /* of files_enter */
    struct fake_fault blob_fault; /* of blobs_read and blobs_put */

    /* what was asked */
    struct new_upload upload;       /* texts in the strings below */
    struct upload_by by;            /* of the last one that named somebody; without texts */
    int64_t attachment_id, user_id; /* whose attachment was asked for */
    uint64_t offset;                /* of the last storage_get */
    char upload_id[80], storage_name[80], file_name[800], file_type[160], gateway[160];
    struct new_chunk chunk;
    char digest[80], chunk_upload_id[80];
    char key[160], put[64], disposition[512];
    size_t put_bytes;
    char finished[80];
    unsigned cancels, drops, turns;
};
extern struct fake_files fake_files;

void fake_files_reset(void);
struct files *fake_files_object(const struct broker_conf *conf);
