/* SPDX-License-Identifier: MIT */
/* A user's profile and channels, new channels and their members, on the store's connection for the
 * API. Rows are views into the answer of PostgreSQL. Called by request_channels.c. */
#include "broker/io/store_pg_array.h"
#include "broker/io/store_pg_impl.h"
#include "common/mem.h"

static void on_profile(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct profile_row profile;

    if (err != 0 || pg_result_rows(result) == 0) {
        r.fn.profile(r.arg, store_pg_api_error(r.store, err, result), NULL);
        return;
    }
    profile = (struct profile_row){
        .id = pg_result_i64(result, 0, 0),
        .username = pg_result_get(result, 0, 1),
        .first_name = pg_result_get(result, 0, 2),
        .last_name = pg_result_get(result, 0, 3),
        .email = pg_result_get(result, 0, 4),
        .avatar = pg_result_get(result, 0, 5),
        .is_staff = pg_result_bool(result, 0, 6),
    };
    r.fn.profile(r.arg, 0, &profile);
}

int store_profile(struct store *s, int64_t user_id, store_profile_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.profile = fn};
    struct pg_i64 id = pg_i64_of(user_id);
    const struct pg_param params[] = {pg_param_i64(&id)};

    return store_pg_submit(s->api, STMT_PROFILE, params, 1, on_profile, &request);
}

/* ---- the list ---- */

#define COL_LAST_MESSAGE 8u /* of STMT_CHANNELS */

static void channel_read(const struct pg_result *r, size_t row, struct listed_channel *out)
{
    *out = (struct listed_channel){
        .id = pg_result_i64(r, row, 0),
        .name = pg_result_get(r, row, 1),
        .kind = pg_result_get(r, row, 2),
        .role = pg_result_get(r, row, 3),
        .members = pg_result_get(r, row, 4),
        .is_private = pg_result_bool(r, row, 5),
        .last_seq = (uint64_t)pg_result_i64(r, row, 6),
        .unread_count = (uint32_t)pg_result_i64(r, row, 7),
        .has_message = pg_result_get(r, row, COL_LAST_MESSAGE).ptr != NULL,
    };
    store_pg_message_read(r, row, COL_LAST_MESSAGE, &out->last_message);
}

static void on_channels(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    size_t count = pg_result_rows(result);
    struct listed_channel *channels;

    if (err != 0) {
        r.fn.channels(r.arg, store_pg_api_error(r.store, err, result), NULL, 0);
        return;
    }
    channels = mem_alloc(count * sizeof(*channels));
    if (!channels) {
        r.fn.channels(r.arg, ERR_NOMEM, NULL, 0);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        channel_read(result, i, &channels[i]);
    }
    r.fn.channels(r.arg, 0, channels, count);
    mem_free(channels);
}

int store_channels(struct store *s, int64_t user_id, store_channels_fn *fn, void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.channels = fn};
    struct pg_i64 v[] = {
        pg_i64_of(user_id),
        pg_i64_of(STORE_CHANNELS_MAX),
        pg_i64_of(STORE_CHANNELS_CONSIDERED_MAX),
        pg_i64_of(STORE_UNREAD_MAX),
        pg_i64_of(STORE_UNREAD_SCAN_MAX),
        pg_i64_of(STORE_MEMBERS_LISTED_MAX),
    };
    struct pg_param params[6];

    for (size_t i = 0; i < 6; i++) {
        params[i] = pg_param_i64(&v[i]);
    }
    return store_pg_submit(s->api, STMT_CHANNELS, params, 6, on_channels, &request);
}

/* ---- changes ---- */

static void on_made(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);
    struct made_channel made;

    if (err != 0) {
        r.fn.made(r.arg, store_pg_api_error(r.store, err, result), NULL);
        return;
    }
    made = (struct made_channel){
        .id = pg_result_i64(result, 0, 0),
        .unknown_user = pg_result_i64(result, 0, 1),
        .members = pg_result_get(result, 0, 2),
    };
    r.fn.made(r.arg, 0, &made);
}

int store_create_channel(struct store *s, const struct new_channel *channel, store_made_fn *fn,
                         void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.made = fn};
    struct pg_i64 is_private = pg_i64_of(channel->is_private),
                  creator = pg_i64_of(channel->creator_id);
    struct pg_param params[4] = {pg_param_text(channel->name), pg_param_i64(&is_private),
                                 pg_param_i64(&creator)};
    struct pg_arrays a;
    int err;

    pg_arrays_init(&a, &s->scratch);
    pg_arrays_begin_i64(&a, channel->member_count);
    for (size_t i = 0; i < channel->member_count; i++) {
        pg_arrays_i64(&a, channel->members[i]);
    }
    err = pg_arrays_finish(&a, &params[3]);
    if (err == 0) {
        err = store_pg_submit(s->api, STMT_CREATE_CHANNEL, params, 4, on_made, &request);
    }
    buf_reset(&s->scratch);
    buf_shrink(&s->scratch, SCRATCH_KEEP_BYTES);
    return err;
}

static void on_member_set(void *arg, int err, const struct pg_result *result)
{
    struct store_request r = store_pg_take(arg);

    r.fn.member(r.arg, store_pg_api_error(r.store, err, result),
                (enum member_verdict)pg_result_i64(result, 0, 0));
}

int store_set_member(struct store *s, const struct member_change *change, store_member_fn *fn,
                     void *arg)
{
    struct store_request request = {.store = s, .arg = arg, .fn.member = fn};
    struct pg_i64 v[] = {pg_i64_of(change->channel_id), pg_i64_of(change->actor_id),
                         pg_i64_of(change->actor_is_staff), pg_i64_of(change->user_id),
                         pg_i64_of(change->is_in)};
    struct pg_param params[5];

    for (size_t i = 0; i < 5; i++) {
        params[i] = pg_param_i64(&v[i]);
    }
    return store_pg_submit(s->api, STMT_SET_MEMBER, params, 5, on_member_set, &request);
}
