/* SPDX-License-Identifier: MIT */
#pragma once
/* Wire form of what envelopes and deliveries have in common. Used by envelope.c and delivery.c
 * only. */
#include "proto/envelope.h"
#include "proto/mp_read.h"
#include "proto/mp_write.h"

/* [user_id, username, avatar, is_staff] */
void actor_put(struct mp_write *w, const struct actor *actor);
struct actor actor_get(struct mp_read *r);

/* An id as clients know them: 1…ID_MAX, where `min` 0 lets 0 ("none") pass. */
int64_t id_get(struct mp_read *r, int64_t min);

/* The head of an array that begins with a version: gives its count of elements (the version is
 * one of them). Fails with ERR_VERSION on any other version than ours, whatever the count. */
uint32_t versioned_array_get(struct mp_read *r);

/* What travels for files: envelope_file.c, delivery_file.c. */
struct down_wanted;
struct down_pulled;
void wanted_put(struct mp_write *w, const struct down_wanted *wanted);
void wanted_get(struct mp_read *r, struct down_wanted *wanted);
void pulled_put(struct mp_write *w, const struct down_pulled *pulled);
void pulled_get(struct mp_read *r, struct down_pulled *pulled);
void upload_put(struct mp_write *w, const struct up_upload *upload);
void upload_get(struct mp_read *r, struct up_upload *upload);
void pull_put(struct mp_write *w, const struct up_pull *pull);
void pull_get(struct mp_read *r, struct up_pull *pull);

/* End of an encoding: the first error, or 0. On an error `out` is cut back to `start` bytes. */
int encode_finish(const struct mp_write *w, size_t start);
