/* SPDX-License-Identifier: MIT */
#pragma once
/* What the tests of requests about files share: their settings, and frames of a socket. */
#include <stdio.h>

#include "broker/sanitize.h"
#include "requests_answers.h"

#define UNAVAILABLE                                                                                \
    "{\"type\":\"error\",\"error\":\"The service is unavailable at the moment. Nothing was "       \
    "stored.\",\"code\":\"SERVICE_UNAVAILABLE\"}"
#define ALICE 1
#define CONN 77u

static inline int files_setup(void **state)
{
    int err = bench_setup(state);

    bench.conf.upload_allowed_types = (char *)(uintptr_t) "text/plain,image/*";
    bench.conf.upload_max_bytes = 1000;
    bench.conf.uploads_per_user = 5;
    bench.conf.sanitize_mode = SANITIZE_MARKUP;
    fake_files.place.storage_name = BYTES_LIT("storagename");
    fake_files.place.part = 9;
    return err;
}

static inline int files_teardown(void **state)
{
    int err = bench_teardown(state);

    return fake_files.turns == 0 ? err : -1; /* each turn was given back */
}

static inline struct up_upload frame_of(enum upload_action action, uint64_t frame_no)
{
    return (struct up_upload){
        .frame_no = frame_no,
        .received_us = 1000 + frame_no,
        .actor = {.user_id = ALICE, .username = BYTES_LIT("alice"), .avatar = BYTES_LIT("/a.png")},
        .topic = BYTES_LIT("chat:1"),
        .action = action,
        .upload_id = action == UPLOAD_START ? BYTES_NONE : BYTES_LIT("up1"),
        .file_name = action == UPLOAD_START ? BYTES_LIT("a.txt") : BYTES_NONE,
        .file_type = action == UPLOAD_START ? BYTES_LIT("text/plain") : BYTES_NONE,
        .file_size = action == UPLOAD_START ? 100 : 0,
        .channel_id = action == UPLOAD_START ? 1 : 0,
        .is_posted = true,
        .chunk_index = 3,
        .chunk_bytes = action == UPLOAD_CHUNK ? 5 : 0,
        .blob = 8};
}

static inline void send_upload(const struct up_upload *u)
{
    const struct up_envelope env = {.kind = UP_UPLOAD, .conn = CONN, .upload = *u};

    requests_start(bench.requests, BYTES_LIT(GATEWAY), &env);
}

/* The one answer, a frame for the socket. */
static inline void assert_reply(const struct up_upload *u, const char *json)
{
    const struct down_item *item;

    send_upload(u);
    item = bench_answer(CONN);
    assert_int_equal(item->kind, DOWN_REPLY);
    assert_int_equal(item->reply.frame_no, u->frame_no);
    assert_int_equal(item->reply.received_us, u->received_us);
    if (!bytes_eq_str(item->reply.json, json)) {
        fail_msg("%.*s", BYTES_FMT(item->reply.json));
    }
}

/* An error frame with this code in it, and this sentence unless it is NULL. */
static inline void assert_error(const struct up_upload *u, const char *code, const char *sentence)
{
    const struct down_item *item;

    send_upload(u);
    item = bench_answer(CONN);
    assert_int_equal(item->kind, DOWN_REPLY);
    assert_int_equal(item->reply.frame_no, u->frame_no);
    if (!memmem(item->reply.json.ptr, item->reply.json.len, code, strlen(code)) ||
        !memmem(item->reply.json.ptr, item->reply.json.len, "\"type\":\"error\"", 14) ||
        (sentence &&
         !memmem(item->reply.json.ptr, item->reply.json.len, sentence, strlen(sentence)))) {
        fail_msg("%.*s, not %s", BYTES_FMT(item->reply.json), code);
    }
}
