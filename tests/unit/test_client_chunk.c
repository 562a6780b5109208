/* SPDX-License-Identifier: MIT */
/* An upload_chunk whose data is cut out of the text is read as if it had not been. A frame with an
 * escape in it is never cut: with such a key in front, each frame is its own comparison. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/buf.h"
#include "common/mem.h"
#include "proto/client_msg.h"
#include "proto/encoding.h"

#define FRAME_MAX (4u * 1024u * 1024u)
#define NEVER_CUT "{\"z\\\\z\":0,"
#define HEAD "{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":7,"

static struct arena *arena, *other_arena;
static struct buf frame, other;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(8u << 20);
    other_arena = arena_new(8u << 20);
    buf_init(&frame, FRAME_MAX);
    buf_init(&other, FRAME_MAX);
    return arena && other_arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    buf_done(&frame);
    buf_done(&other);
    arena_free(arena);
    arena_free(other_arena);
    return 0;
}

static void add(struct buf *b, const char *text)
{
    assert_int_equal(buf_append(b, bytes_str(text)), 0);
}

/* So many characters of base64, all different enough. */
static void add_data(struct buf *b, size_t count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < count; i++) {
        assert_int_equal(buf_append_char(b, digits[i * 7 % 64]), 0);
    }
}

static void assert_same(int err, const struct client_msg *a, int want, const struct client_msg *b)
{
    if (err != want || a->kind != b->kind) {
        fail_msg("%d %d, not %d %d: %.300s", err, a->kind, want, b->kind, frame.data);
    }
    assert_true(bytes_eq(a->client_id, b->client_id));
    assert_true(bytes_eq(a->text, b->text));
    assert_true(bytes_eq(a->upload_id, b->upload_id));
    assert_true(bytes_eq(a->chunk, b->chunk));
    assert_int_equal(a->chunk_index, b->chunk_index);
    assert_int_equal(a->part_count, b->part_count);
    for (uint32_t i = 0; i < a->part_count; i++) {
        assert_true(bytes_eq(a->parts[i], b->parts[i]));
    }
}

/* Parse `frame`, and compare. Its first byte is a '{' that a key follows. */
static int parse(struct client_msg *out)
{
    struct client_msg want;
    char *copy = mem_alloc(frame.len); /* so that a sanitizer sees a read past the end */
    int err, want_err;

    assert_non_null(copy);
    memcpy(copy, frame.data, frame.len);
    arena_reset(arena);
    arena_reset(other_arena);
    buf_reset(&other);
    add(&other, NEVER_CUT);
    assert_int_equal(buf_append(&other, bytes_skip(buf_bytes(&frame), 1)), 0);
    err = client_msg_parse(bytes_of(copy, frame.len), arena, out);
    want_err = client_msg_parse(buf_bytes(&other), other_arena, &want);
    assert_same(err, out, want_err, &want);
    mem_free(copy);
    return err;
}

/* What stands before, data of so many characters, what stands behind. */
static int parse_around(const char *before, size_t count, const char *behind)
{
    struct client_msg msg;

    buf_reset(&frame);
    add(&frame, before);
    add_data(&frame, count);
    add(&frame, behind);
    return parse(&msg);
}

/* ---- sizes ---- */

static void test_every_size_around_the_bound(void **state)
{
    struct client_msg msg;

    (void)state;
    for (size_t count = 4; count < 2400; count += count < 400 ? 128 : 4) {
        buf_reset(&frame);
        add(&frame, HEAD "\"chunk_data\":\"");
        add_data(&frame, count);
        add(&frame, "\"}");
        assert_int_equal(parse(&msg), 0);
        assert_int_equal(msg.chunk.len, count / 4 * 3);
        assert_int_equal(msg.chunk_index, 7);
        assert_true(bytes_eq_str(msg.upload_id, "u"));
    }
}

static void test_the_largest(void **state)
{
    static const size_t sizes[] = {UPLOAD_CHUNK_MAX_BYTES - 1, UPLOAD_CHUNK_MAX_BYTES,
                                   UPLOAD_CHUNK_MAX_BYTES + 1, UPLOAD_CHUNK_MAX_BYTES + 2,
                                   UPLOAD_CHUNK_MAX_BYTES + 3};
    char *bytes = mem_zalloc(UPLOAD_CHUNK_MAX_BYTES + 3);
    struct client_msg msg;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        buf_reset(&frame);
        add(&frame, HEAD "\"chunk_data\":\"");
        assert_int_equal(base64_encode(BASE64_STANDARD, bytes_of(bytes, sizes[i]), &frame), 0);
        add(&frame, "\"}");
        assert_int_equal(parse(&msg), i < 2 ? 0 : ERR_LIMIT);
        assert_int_equal(msg.chunk.len, i < 2 ? sizes[i] : 0);
    }
    mem_free(bytes);
}

static void test_padding(void **state)
{
    (void)state;
    assert_int_equal(parse_around(HEAD "\"chunk_data\":\"", 2000, "AA==\"}"), 0);
    assert_int_equal(parse_around(HEAD "\"chunk_data\":\"", 2000, "AAA=\"}"), 0);
    assert_int_equal(parse_around(HEAD "\"chunk_data\":\"", 2000, "AAA\"}"), ERR_SYNTAX);
    assert_int_equal(parse_around(HEAD "\"chunk_data\":\"", 2000, "AB==\"}"), ERR_SYNTAX);
    assert_int_equal(parse_around(HEAD "\"chunk_data\":\"", 2000, "A===\"}"), ERR_SYNTAX);
    assert_int_equal(parse_around(HEAD "\"chunk_data\":\"=", 2000, "\"}"), ERR_SYNTAX);
}

/* ---- what stands around it ---- */

static const struct {
    const char *before, *behind;
    int err;
} AROUND[] = {
    {"{\"chunk_data\":\"",
     "\",\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":7,\"client_id\":\"c\"}", 0},
    {HEAD "\"client_id\":\"c\",\"chunk_data\":\"", "\"}", 0},
    {HEAD "\"client_id\":\"\\u00fc\",\"chunk_data\":\"", "\"}", 0},
    {HEAD "\"x\":{\"y\":[1,2,{}]},\"chunk_data\":\"", "\",\"z\":null}", 0},
    /* white space */
    {HEAD "\"chunk_data\"\t\r\n : \t\r\n \"", "\" \t\r\n }", 0},
    {HEAD "\"chunk_data\" : \"", "\"} \n", 0},
    {HEAD "\"chunk_data\"\x0b:\"", "\"}", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\f\"", "\"}", ERR_SYNTAX},
    /* the key twice: the last one counts */
    {HEAD "\"chunk_data\":\"", "\",\"chunk_data\":\"aGk=\"}", 0},
    {HEAD "\"chunk_data\":\"", "\",\"chunk_data\":\"=\"}", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"", "\",\"chunk_data\":7}", ERR_TYPE},
    {HEAD "\"chunk_data\":\"", "\",\"chunk_data\":\"\"}", ERR_LIMIT},
    {HEAD "\"chunk_data\":\"", "\",\"chunk_data\":null}", ERR_MISSING},
    {HEAD "\"chunk_data\":\"", "\",\"chunk\\u005fdata\":\"=\"}", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"", "\",\"chunk_dat\\u0061\":\"aGk=\"}", 0},
    {HEAD "\"chunk_data\":\"", "\",\"chunk_data\":\"\\u003d\"}", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"aGk=\",\"chunk_data\":\"", "\"}", 0},
    {HEAD "\"chunk_data\":\"=\",\"chunk_data\":\"", "\"}", 0},
    {HEAD "\"chunk\\u005fdata\":\"=\",\"chunk_data\":\"", "\"}", 0},
    /* the mark in other places */
    {HEAD "\"client_id\":\"=\",\"chunk_data\":\"", "\"}", 0},
    {HEAD "\"chunk_data\":\"", "\",\"x\":\"=\"}", 0},
    /* the key in other places */
    {HEAD "\"x\":{\"chunk_data\":\"", "\"}}", ERR_MISSING},
    {HEAD "\"x\":{\"chunk_data\":\"", "\"},\"chunk_data\":\"aGk=\"}", 0},
    {HEAD "\"x\":{\"chunk_data\":\"", "\"},\"chunk_data\":\"=\"}", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"aGk=\",\"x\":{\"chunk_data\":\"", "\"}}", 0},
    {HEAD "\"chunk_data\":\"=\",\"x\":{\"chunk_data\":\"", "\"}}", ERR_SYNTAX},
    {HEAD "\"x\":\"\\\"chunk_data\\\":\\\"\",\"chunk_data\":\"", "\"}", 0},
    {HEAD "\"x\":\"chunk_data\",\"chunk_data\":\"", "\"}", 0},
    {HEAD "\"x\":\"chunk_data\",\"y\":\"", "\"}", ERR_MISSING},
    {HEAD "\"x\":[\"chunk_data\",\"", "\"]}", ERR_MISSING},
    {HEAD "\"x\":[\"chunk_data\":\"", "\"]}", ERR_SYNTAX},
    {HEAD "\"x\":\"a\"chunk_data\":\"", "\"}", ERR_SYNTAX},
    {HEAD "\"Chunk_data\":\"", "\"}", ERR_MISSING},
    {HEAD "\"chunk_data \":\"", "\"}", ERR_MISSING},
    /* no text */
    {HEAD "\"chunk_data\":[\"", "\"]}", ERR_TYPE},
    {HEAD "\"chunk_data\":{\"a\":\"", "\"}}", ERR_TYPE},
    /* in the data */
    {HEAD "\"chunk_data\":\"aGk\\u003d", "\"}", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"", "aGk\\u003d\"}", 0},
    {HEAD "\"chunk_data\":\"", "\\/\\/\\/\\/\"}", 0},
    {HEAD "\"chunk_data\":\"", "\\\"\"}", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"", "\\\\\"}", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"", "\\u0000\"}", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"", "\\ud800\"}", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"", "\n\",\"client_id\":\"c\"}", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"", "\x01\",\"client_id\":\"c\"}", ERR_SYNTAX},
    {HEAD "\"client_id\":\"c\",\"chunk_data\":\"", "\x7f\"}", ERR_SYNTAX},
    {HEAD "\"client_id\":\"c\",\"chunk_data\":\"", " \"}", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"", "\xC3\xBC\"}", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"", "\xC3\"}", ERR_UTF8},
    /* what is wrong beside it */
    {"{\"type\":\"upload_chunk\",\"chunk_index\":7,\"chunk_data\":\"", "\"}", ERR_MISSING},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_data\":\"", "\"}", ERR_MISSING},
    {HEAD "\"chunk_index\":4096,\"client_id\":\"c\",\"chunk_data\":\"", "\"}", ERR_RANGE},
    {HEAD "\"n\":9223372036854775808,\"client_id\":\"c\",\"chunk_data\":\"", "\"}", ERR_RANGE},
    {HEAD "\"client_id\":\"c\",\"n\":\"\\ud800\",\"chunk_data\":\"", "\"}", ERR_SYNTAX},
    {HEAD "\"client_id\":\"c\",\"n\":\"\\u0000\",\"chunk_data\":\"", "\"}", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"", "\"", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"", "", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"", "\"}}", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"", "\"x\"}", ERR_SYNTAX},
    {HEAD "\"chunk_data\":\"", "\",}", ERR_SYNTAX},
    /* other kinds, in which it is nothing */
    {"{\"type\":\"ping\",\"chunk_data\":\"", "\"}", 0},
    {"{\"type\":\"ping\",\"chunk_data\":\"", "\\u0000\"}", ERR_SYNTAX},
    {"{\"type\":\"ping\",\"chunk_data\":\"", "\n\"}", ERR_SYNTAX},
    {"{\"type\":\"nope\",\"client_id\":\"c\",\"chunk_data\":\"", "\"}", ERR_NOT_FOUND},
    {"{\"type\":7,\"chunk_data\":\"", "\"}", ERR_TYPE},
    {"{\"type\":\"chat_message\",\"message\":\"x\",\"chunk_data\":\"", "\"}", 0},
    {"{\"type\":\"upload_chunk\",\"type\":\"ping\",\"chunk_data\":\"", "\"}", 0},
    {"{\"chunk_data\":\"", "\",\"type\":\"ping\"}", 0},
    {"{\"type\":\"batch_update\",\"updates\":[{\"op\":\"a\",\"chunk_data\":\"", "\"}]}", 0},
    {"{\"type\":\"batch_update\",\"updates\":[{\"type\":\"upload_chunk\",\"upload_id\":\"u\","
     "\"chunk_index\":0,\"chunk_data\":\"",
     "\"}]}", 0},
    {"{\"type\":\"batch_update\",\"chunk_data\":\"", "\",\"updates\":[{\"a\":1}]}", 0},
};

static void test_what_stands_around_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(AROUND) / sizeof(AROUND[0]); i++) {
        for (size_t count = 400; count <= 2000; count += 400) { /* with and without a cut */
            int err = parse_around(AROUND[i].before, count, AROUND[i].behind);
            if (err != AROUND[i].err) {
                fail_msg("%zu: %s…%s: %s", i, AROUND[i].before, AROUND[i].behind, err_name(err));
            }
        }
    }
}

static void test_a_raw_nul(void **state)
{
    static const char *const before[] = {HEAD "\"client_id\":\"c\",\"chunk_data\":\"",
                                         "{\"type\":\"ping\",\"chunk_data\":\""};
    struct client_msg msg;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        buf_reset(&frame);
        add(&frame, before[i]);
        add_data(&frame, 2000);
        assert_int_equal(buf_append_char(&frame, '\0'), 0);
        add(&frame, "\"}");
        assert_int_equal(parse(&msg), ERR_SYNTAX);
    }
}

/* What is relayed is what was sent, down to the last byte. */
static void test_a_batch_is_relayed_unharmed(void **state)
{
    struct client_msg msg;
    struct buf want;

    (void)state;
    buf_init(&want, FRAME_MAX);
    add(&want, "[{\"op\":\"a\",\"chunk_data\":\"");
    add_data(&want, 4000);
    add(&want, "\"},{\"x\":\"=\"}]");
    buf_reset(&frame);
    add(&frame, "{\"type\":\"batch_update\",\"updates\":");
    assert_int_equal(buf_append(&frame, buf_bytes(&want)), 0);
    add(&frame, "}");
    assert_int_equal(parse(&msg), 0);
    assert_true(bytes_eq(msg.text, buf_bytes(&want)));
    buf_done(&want);
}

static void test_the_mark_alone_is_no_data(void **state)
{
    (void)state;
    assert_int_equal(parse_around(HEAD "\"chunk_data\":\"=", 0, "\"}"), ERR_SYNTAX);
    assert_int_equal(parse_around(HEAD "\"y\":\"", 2000, "\",\"chunk_data\":\"=\"}"), ERR_SYNTAX);
    assert_int_equal(parse_around("{\"y\":\"", 2000,
                                  "\",\"type\":\"upload_chunk\",\"upload_id\":"
                                  "\"u\",\"chunk_index\":0,\"chunk_data\":\"="
                                  "\"}"),
                     ERR_SYNTAX);
}

/* ---- damage ---- */

static void test_truncations(void **state)
{
    struct client_msg msg;
    size_t whole;

    (void)state;
    buf_reset(&frame);
    add(&frame, HEAD "\"client_id\":\"c\",\"chunk_data\":\"");
    add_data(&frame, 1200);
    add(&frame, "\",\"x\":1}");
    whole = frame.len;
    for (size_t len = whole - 1; len > 8; len -= len > whole - 20 || len < 90 ? 1 : 37) {
        frame.len = len;
        assert_int_equal(parse(&msg), ERR_SYNTAX);
    }
}

static uint64_t seed;

static size_t any(size_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(seed >> 33) % below;
}

/* A field; '@' stands for data. */
static void add_field(const char *field)
{
    for (; *field; field++) {
        if (*field == '@') {
            add_data(&frame, any(4) ? 600 + any(4) * 400 : 4);
        } else {
            assert_int_equal(buf_append_char(&frame, *field), 0);
        }
    }
}

/* Frames of fields that matter, in any order, and half of them damaged in a place. */
static void test_generated(void **state)
{
    static const char *const fields[] = {"\"type\":\"upload_chunk\"",
                                         "\"upload_id\":\"u\"",
                                         "\"chunk_index\":3",
                                         "\"chunk_data\":\"@\"",
                                         "\"type\":\"upload_chunk\"",
                                         "\"upload_id\":\"u\"",
                                         "\"chunk_index\":3",
                                         "\"chunk_data\":\"@\"",
                                         "\"chunk_data\":\"=\"",
                                         "\"client_id\":\"c\"",
                                         "\"x\":{\"chunk_data\":\"@\"}",
                                         "\"chunk\\u005fdata\":\"=\"",
                                         "\"chunk_data\" : \"@\"",
                                         "\"x\":\"chunk_data\"",
                                         "\"y\":\"@\"",
                                         "\"chunk_data\":\"aG\\u003d\"",
                                         "\"chunk_data\":null",
                                         "\"type\":\"ping\"",
                                         "\"x\":\"\\\"chunk_data\\\":\\\"@\"",
                                         "\"x\":\"=\"",
                                         "\"n\":1e999",
                                         "\"x\":\"\\ud800\""};
    static const char damage[] = "\"\\=:,{}[] \n\x01"
                                 "a";
    struct client_msg msg;
    unsigned good = 0;

    (void)state;
    seed = 20261125;
    for (int round = 0; round < 20000; round++) {
        size_t count = 4 + any(5);
        buf_reset(&frame);
        add(&frame, "{");
        for (size_t i = 0; i < count; i++) {
            add(&frame, i > 0 ? "," : "");
            add_field(fields[any(3) ? any(8) : any(sizeof(fields) / sizeof(fields[0]))]);
        }
        add(&frame, "}");
        if (any(2)) {
            size_t at = any(2) ? any(frame.len - 1) : frame.len - 2 - any(frame.len < 90 ? 1 : 80);
            frame.data[1 + at] = damage[any(sizeof(damage) - 1)];
        }
        good += frame.data[1] == '"' && parse(&msg) == 0 && msg.kind == KIND_UPLOAD_CHUNK;
    }
    assert_in_range(good, 500, 19000);
}

static void test_no_memory(void **state)
{
    struct client_msg msg;
    struct arena *fresh;
    int err = ERR_NOMEM;

    (void)state;
    buf_reset(&frame);
    add(&frame, HEAD "\"client_id\":\"c\",\"chunk_data\":\"");
    add_data(&frame, 4000);
    add(&frame, "\"}");
    for (unsigned n = 1; err != 0; n++) {
        fresh = arena_new(1u << 20);
        mem_fail_after(n);
        err = client_msg_parse(buf_bytes(&frame), fresh, &msg);
        mem_fail_after(0);
        assert_true(err == 0 || err == ERR_NOMEM);
        assert_int_equal(msg.chunk.len, err ? 0 : 3000);
        arena_free(fresh);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size_around_the_bound),
        cmocka_unit_test(test_the_largest),
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_what_stands_around_it),
        cmocka_unit_test(test_a_raw_nul),
        cmocka_unit_test(test_a_batch_is_relayed_unharmed),
        cmocka_unit_test(test_the_mark_alone_is_no_data),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_generated),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
