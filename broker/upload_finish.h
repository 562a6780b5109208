/* SPDX-License-Identifier: MIT */
#pragma once
/* From the last chunk of an upload to its attachment: the file is put together, its uploader told,
 * and a message made of it. Whatever ends this on the way is taken up again when the lease in the
 * database has run out (upload_keep.c). Glue. */
#include "broker/files.h"

#define UPLOAD_ID_BYTES 22u /* digits of base 62: 128 bits */
/* A file of the largest size is put together in this time, also on a slow S3; whoever is asleep for
 * longer is not missed. */
#define UPLOAD_LEASE_MS 20000u

/* Once upload_stored or upload_claim has said that it is ours. Fails silently: the lease ends. Some
 * are put together at a time; of those that wait only the id is kept, and what another broker has
 * done meanwhile is not done again. */
void upload_finish(struct files *f, struct bytes upload_id);
/* Those that wait are left to others. */
void upload_finish_stop(struct files *f);

struct upload_post { /* whose message, of what */
    int64_t channel_id, user_id, attachment_id;
    struct bytes username, avatar;
    bool is_staff;
};
/* Ask the channel's owner for the message. A second time is no second message: its attachment is in
 * one already. Fails silently: upload_claim gives it again. */
void upload_post(struct files *f, const struct upload_post *post);
