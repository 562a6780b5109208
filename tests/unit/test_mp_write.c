/* SPDX-License-Identifier: MIT */
/* msgpack writing: exact bytes, sticky error, and everything written can be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/mem.h"
#include "proto/mp_write.h"
#include "tests/unit/wire_test.h"

static void unsigned_integers(void **state)
{
    static const struct {
        uint64_t n;
        const char *hex;
    } CASES[] = {
        {0, "00"},
        {127, "7f"},
        {128, "cc 80"},
        {255, "cc ff"},
        {256, "cd 01 00"},
        {65535, "cd ff ff"},
        {65536, "ce 00 01 00 00"},
        {UINT32_MAX, "ce ff ff ff ff"},
        {UINT64_C(1) << 32, "cf 00 00 00 01 00 00 00 00"},
        {UINT64_MAX, "cf ff ff ff ff ff ff ff ff"},
    };
    struct buf out;
    struct mp_write w;

    (void)state;
    buf_init(&out, 64);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        buf_reset(&out);
        mp_write_init(&w, &out);
        mp_put_u64(&w, CASES[i].n);
        assert_int_equal(w.err, 0);
        wire_assert_hex(buf_bytes(&out), CASES[i].hex);
    }
    buf_done(&out);
}

static void signed_integers(void **state)
{
    static const struct {
        int64_t n;
        const char *hex;
    } CASES[] = {
        {0, "00"},
        {1, "01"},
        {-1, "ff"},
        {-32, "e0"},
        {-33, "d0 df"},
        {-128, "d0 80"},
        {-129, "d1 ff 7f"},
        {INT16_MIN, "d1 80 00"},
        {INT32_MIN, "d2 80 00 00 00"},
        {INT64_MIN, "d3 80 00 00 00 00 00 00 00"},
        {128, "cc 80"},
        {INT64_MAX, "cf 7f ff ff ff ff ff ff ff"},
    };
    struct buf out;
    struct mp_write w;

    (void)state;
    buf_init(&out, 64);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        buf_reset(&out);
        mp_write_init(&w, &out);
        mp_put_i64(&w, CASES[i].n);
        assert_int_equal(w.err, 0);
        wire_assert_hex(buf_bytes(&out), CASES[i].hex);
    }
    buf_done(&out);
}

static void other_values(void **state)
{
    struct buf out;
    struct mp_write w;

    (void)state;
    buf_init(&out, 256);
    mp_write_init(&w, &out);
    mp_put_array(&w, 2);
    mp_put_bool(&w, true);
    mp_put_bool(&w, false);
    mp_put_str(&w, BYTES_LIT("ab"));
    mp_put_bin(&w, BYTES_LIT("ab"));
    mp_put_str(&w, BYTES_NONE);
    mp_put_bin(&w, BYTES_NONE);
    mp_put_array(&w, 16);
    mp_put_array(&w, 0);
    assert_int_equal(w.err, 0);
    wire_assert_hex(buf_bytes(&out), "92 c3 c2 a2 61 62 c4 02 61 62 a0 c4 00 dc 00 10 90");
    buf_done(&out);
}

/* The lengths where the head of a string grows. */
static void string_lengths(void **state)
{
    static const size_t LENGTHS[] = {0, 1, 31, 32, 255, 256, 65535, 65536};
    struct buf out;
    char *body = calloc(1, 65536);

    (void)state;
    memset(body, 'x', 65536);
    buf_init(&out, 1u << 20);
    for (size_t i = 0; i < sizeof(LENGTHS) / sizeof(LENGTHS[0]); i++) {
        struct mp_write w;
        struct mp_read r;
        buf_reset(&out);
        mp_write_init(&w, &out);
        mp_put_str(&w, bytes_of(body, LENGTHS[i]));
        mp_put_bin(&w, bytes_of(body, LENGTHS[i]));
        assert_int_equal(w.err, 0);
        mp_read_init(&r, buf_bytes(&out));
        assert_int_equal(mp_text(&r, LENGTHS[i]).len, LENGTHS[i]);
        assert_int_equal(mp_bytes(&r, LENGTHS[i]).len, LENGTHS[i]);
        assert_int_equal(mp_read_finish(&r), 0);
    }
    buf_done(&out);
    free(body);
}

static void a_full_buffer_is_a_sticky_error(void **state)
{
    struct buf out;
    struct mp_write w;

    (void)state;
    buf_init(&out, 3);
    mp_write_init(&w, &out);
    mp_put_str(&w, BYTES_LIT("ab"));
    assert_int_equal(w.err, 0);
    mp_put_u64(&w, 1);
    assert_int_equal(w.err, ERR_FULL);
    buf_reset(&out);
    mp_put_u64(&w, 1); /* there is room again, but what is written has a hole */
    mp_put_i64(&w, 1);
    mp_put_bool(&w, true);
    mp_put_str(&w, BYTES_LIT("a"));
    mp_put_bin(&w, BYTES_LIT("a"));
    mp_put_array(&w, 1);
    assert_int_equal(w.err, ERR_FULL);
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void no_memory(void **state)
{
    struct buf out;
    struct mp_write w;

    (void)state;
    buf_init(&out, 64);
    mp_write_init(&w, &out);
    mem_fail_after(1);
    mp_put_u64(&w, 1);
    mem_fail_after(0);
    assert_int_equal(w.err, ERR_NOMEM);
    buf_done(&out);
}

static void too_long_for_the_format(void **state)
{
    struct buf out;
    struct mp_write w;

    (void)state;
    buf_init(&out, 64);
    mp_write_init(&w, &out);
    mp_put_str(&w, bytes_of("", (size_t)UINT32_MAX + 1)); /* never looked at */
    assert_int_equal(w.err, ERR_LIMIT);
    mp_write_init(&w, &out);
    mp_put_bin(&w, bytes_of("", (size_t)UINT32_MAX + 1));
    assert_int_equal(w.err, ERR_LIMIT);
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void random_integers_come_back(void **state)
{
    uint64_t random = 1;
    struct buf out;

    (void)state;
    buf_init(&out, 64);
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = wire_random(&random);
        uint64_t n = bits >> (wire_random(&random) % 64);
        struct mp_write w;
        struct mp_read r;
        buf_reset(&out);
        mp_write_init(&w, &out);
        mp_put_u64(&w, n);
        mp_put_i64(&w, (int64_t)(bits & 1 ? n : 0 - n));
        mp_read_init(&r, buf_bytes(&out));
        assert_true(mp_u64(&r, UINT64_MAX) == n);
        assert_true(mp_i64(&r, INT64_MIN, INT64_MAX) == (int64_t)(bits & 1 ? n : 0 - n));
        assert_int_equal(mp_read_finish(&r), 0);
    }
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_integers),
        cmocka_unit_test(signed_integers),
        cmocka_unit_test(other_values),
        cmocka_unit_test(string_lengths),
        cmocka_unit_test(a_full_buffer_is_a_sticky_error),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(too_long_for_the_format),
        cmocka_unit_test(random_integers_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
