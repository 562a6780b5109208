/* SPDX-License-Identifier: MIT */
/* The msgpack cursor: every format byte, every bound, every way to end too early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/limits.h"
#include "tests/unit/wire_test.h"

struct fixture {
    struct buf in;
    struct mp_read r;
};

static void load(struct fixture *f, const char *hex)
{
    mp_read_init(&f->r, wire_unhex(hex, &f->in));
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    buf_init(&f->in, 1u << 20);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    buf_done(&f->in);
    free(f);
    return 0;
}

static const struct {
    const char *hex;
    uint64_t max;
    int err;
    uint64_t value;
} UNSIGNED[] = {
    {"00", UINT64_MAX, 0, 0},
    {"7f", UINT64_MAX, 0, 127},
    {"cc 80", UINT64_MAX, 0, 128},
    {"cc ff", UINT64_MAX, 0, 255},
    {"cd 01 00", UINT64_MAX, 0, 256},
    {"ce 00 01 00 00", UINT64_MAX, 0, 65536},
    {"cf 00 00 00 01 00 00 00 00", UINT64_MAX, 0, UINT64_C(1) << 32},
    {"cf ff ff ff ff ff ff ff ff", UINT64_MAX, 0, UINT64_MAX},
    {"cc 05", UINT64_MAX, 0, 5}, /* longer than needed */
    {"d0 05", UINT64_MAX, 0, 5}, /* signed, not negative */
    {"d3 7f ff ff ff ff ff ff ff", UINT64_MAX, 0, INT64_MAX},
    {"05", 5, 0, 5},
    {"06", 5, ERR_RANGE, 0},
    {"cd 01 00", 255, ERR_RANGE, 0},
    {"cf 00 20 00 00 00 00 00 00", ID_MAX, ERR_RANGE, 0},
    {"cf 00 1f ff ff ff ff ff ff", ID_MAX, 0, ID_MAX},
    {"ff", UINT64_MAX, ERR_RANGE, 0},
    {"e0", UINT64_MAX, ERR_RANGE, 0},
    {"d0 80", UINT64_MAX, ERR_RANGE, 0},
    {"d3 ff ff ff ff ff ff ff ff", UINT64_MAX, ERR_RANGE, 0},
    {"", UINT64_MAX, ERR_SHORT, 0},
    {"cc", UINT64_MAX, ERR_SHORT, 0},
    {"cd 01", UINT64_MAX, ERR_SHORT, 0},
    {"ce 01 02 03", UINT64_MAX, ERR_SHORT, 0},
    {"cf 01 02 03 04 05 06 07", UINT64_MAX, ERR_SHORT, 0},
    {"c0", UINT64_MAX, ERR_TYPE, 0},
    {"c1", UINT64_MAX, ERR_TYPE, 0}, /* never used by msgpack */
    {"c3", UINT64_MAX, ERR_TYPE, 0},
    {"ca 3f 80 00 00", UINT64_MAX, ERR_TYPE, 0}, /* 1.0 */
    {"cb 3f f0 00 00 00 00 00 00", UINT64_MAX, ERR_TYPE, 0},
    {"a1 31", UINT64_MAX, ERR_TYPE, 0},
    {"91 01", UINT64_MAX, ERR_TYPE, 0},
    {"81 01 01", UINT64_MAX, ERR_TYPE, 0},
};

static void unsigned_integers(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(UNSIGNED) / sizeof(UNSIGNED[0]); i++) {
        load(f, UNSIGNED[i].hex);
        uint64_t value = mp_u64(&f->r, UNSIGNED[i].max);
        assert_int_equal(f->r.err, UNSIGNED[i].err);
        assert_true(value == UNSIGNED[i].value);
        assert_int_equal(f->r.pos, UNSIGNED[i].err ? 0 : f->in.len);
        assert_int_equal(mp_read_finish(&f->r), UNSIGNED[i].err);
    }
}

static const struct {
    const char *hex;
    int64_t min, max;
    int err;
    int64_t value;
} SIGNED[] = {
    {"00", INT64_MIN, INT64_MAX, 0, 0},
    {"ff", INT64_MIN, INT64_MAX, 0, -1},
    {"e0", INT64_MIN, INT64_MAX, 0, -32},
    {"d0 df", INT64_MIN, INT64_MAX, 0, -33},
    {"d0 80", INT64_MIN, INT64_MAX, 0, -128},
    {"d1 80 00", INT64_MIN, INT64_MAX, 0, INT16_MIN},
    {"d2 80 00 00 00", INT64_MIN, INT64_MAX, 0, INT32_MIN},
    {"d3 80 00 00 00 00 00 00 00", INT64_MIN, INT64_MAX, 0, INT64_MIN},
    {"cf 7f ff ff ff ff ff ff ff", INT64_MIN, INT64_MAX, 0, INT64_MAX},
    {"cf 80 00 00 00 00 00 00 00", INT64_MIN, INT64_MAX, ERR_RANGE, 0},
    {"01", 1, 3, 0, 1},
    {"03", 1, 3, 0, 3},
    {"00", 1, 3, ERR_RANGE, 0},
    {"04", 1, 3, ERR_RANGE, 0},
    {"ff", 0, 3, ERR_RANGE, 0},
    {"d1 ff", INT64_MIN, INT64_MAX, ERR_SHORT, 0},
    {"d3 ff ff ff ff ff ff ff", INT64_MIN, INT64_MAX, ERR_SHORT, 0},
    {"c2", INT64_MIN, INT64_MAX, ERR_TYPE, 0},
    {"cb 3f f0 00 00 00 00 00 00", INT64_MIN, INT64_MAX, ERR_TYPE, 0},
};

static void signed_integers(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(SIGNED) / sizeof(SIGNED[0]); i++) {
        load(f, SIGNED[i].hex);
        int64_t value = mp_i64(&f->r, SIGNED[i].min, SIGNED[i].max);
        assert_int_equal(f->r.err, SIGNED[i].err);
        assert_true(value == SIGNED[i].value);
        assert_int_equal(f->r.pos, SIGNED[i].err ? 0 : f->in.len);
    }
}

static void booleans(void **state)
{
    struct fixture *f = *state;

    load(f, "c3 c2");
    assert_true(mp_bool(&f->r));
    assert_false(mp_bool(&f->r));
    assert_int_equal(mp_read_finish(&f->r), 0);
    assert_false(mp_bool(&f->r));
    assert_int_equal(f->r.err, ERR_SHORT);
    load(f, "01");
    assert_false(mp_bool(&f->r));
    assert_int_equal(f->r.err, ERR_TYPE);
    load(f, "c0");
    assert_false(mp_bool(&f->r));
    assert_int_equal(f->r.err, ERR_TYPE);
}

static const struct {
    const char *hex;
    size_t max;
    int bytes_err, text_err;
    size_t len;
} STRINGS[] = {
    {"a0", 0, 0, 0, 0},
    {"a1 61", 1, 0, 0, 1},
    {"a2 61 62", 1, ERR_LIMIT, ERR_LIMIT, 0},
    {"d9 01 61", 1, 0, 0, 1},
    {"da 00 01 61", 1, 0, 0, 1},
    {"db 00 00 00 01 61", 1, 0, 0, 1},
    {"c4 01 61", 1, 0, ERR_TYPE, 1},
    {"c5 00 01 61", 1, 0, ERR_TYPE, 1},
    {"c6 00 00 00 01 61", 1, 0, ERR_TYPE, 1},
    {"c4 02 61 62", 1, ERR_LIMIT, ERR_TYPE, 0},
    {"a1 80", 9, 0, ERR_UTF8, 1},
    {"a2 61 00", 9, 0, ERR_UTF8, 2}, /* NUL */
    {"a2 c3 bc", 9, 0, 0, 2},
    {"a1 c3", 9, 0, ERR_UTF8, 1},
    {"a1", 9, ERR_SHORT, ERR_SHORT, 0},
    {"a2 61", 9, ERR_SHORT, ERR_SHORT, 0},
    {"d9", 9, ERR_SHORT, ERR_SHORT, 0},
    {"d9 02 61", 9, ERR_SHORT, ERR_SHORT, 0},
    {"da 00", 9, ERR_SHORT, ERR_SHORT, 0},
    {"db 00 00 00", 9, ERR_SHORT, ERR_SHORT, 0},
    {"db ff ff ff ff 61", SIZE_MAX, ERR_SHORT, ERR_SHORT, 0},
    {"db ff ff ff ff 61", 9, ERR_LIMIT, ERR_LIMIT, 0},
    {"c6 ff ff ff ff 61", SIZE_MAX, ERR_SHORT, ERR_TYPE, 0},
    {"c0", 9, ERR_TYPE, ERR_TYPE, 0},
    {"61", 9, ERR_TYPE, ERR_TYPE, 0},
    {"91 a1 61", 9, ERR_TYPE, ERR_TYPE, 0},
    {"d4 01 61", 9, ERR_TYPE, ERR_TYPE, 0}, /* ext */
};

static void strings(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(STRINGS) / sizeof(STRINGS[0]); i++) {
        load(f, STRINGS[i].hex);
        struct bytes b = mp_bytes(&f->r, STRINGS[i].max);
        assert_int_equal(f->r.err, STRINGS[i].bytes_err);
        assert_int_equal(b.len, STRINGS[i].len);
        assert_int_equal(f->r.pos, STRINGS[i].bytes_err ? 0 : f->in.len);
        if (!STRINGS[i].bytes_err) {
            assert_ptr_equal(b.ptr + b.len, f->in.data + f->in.len); /* a view, not a copy */
        }
        load(f, STRINGS[i].hex);
        struct bytes t = mp_text(&f->r, STRINGS[i].max);
        assert_int_equal(f->r.err, STRINGS[i].text_err);
        assert_int_equal(t.len, STRINGS[i].text_err ? 0 : STRINGS[i].len);
        assert_int_equal(f->r.pos, STRINGS[i].text_err ? 0 : f->in.len);
    }
}

static void arrays(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *hex;
        uint32_t max;
        int err;
        uint32_t count;
    } CASES[] = {
        {"90", 0, 0, 0},
        {"93", 3, 0, 3},
        {"94", 3, ERR_LIMIT, 0},
        {"9f", 15, 0, 15},
        {"dc 00 03", 3, 0, 3},
        {"dd 00 00 00 03", 3, 0, 3},
        {"dd 00 01 00 00", 65535, ERR_LIMIT, 0},
        {"dd ff ff ff ff", UINT32_MAX, 0, UINT32_MAX},
        {"", 3, ERR_SHORT, 0},
        {"dc 00", 3, ERR_SHORT, 0},
        {"dd 00 00 00", 3, ERR_SHORT, 0},
        {"80", 3, ERR_TYPE, 0},
        {"c0", 3, ERR_TYPE, 0},
        {"a0", 3, ERR_TYPE, 0},
        {"03", 3, ERR_TYPE, 0},
    };

    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        load(f, CASES[i].hex);
        assert_int_equal(mp_array(&f->r, CASES[i].max), CASES[i].count);
        assert_int_equal(f->r.err, CASES[i].err);
        assert_int_equal(f->r.pos, CASES[i].err ? 0 : f->in.len);
    }
    static const struct {
        const char *hex;
        int err;
    } EXACT[] = {{"93", 0},       {"dc 00 03", 0},  {"92", ERR_TYPE},    {"94", ERR_TYPE},
                 {"", ERR_SHORT}, {"83", ERR_TYPE}, {"a3 61", ERR_TYPE}, {"c0", ERR_TYPE}};
    for (size_t i = 0; i < sizeof(EXACT) / sizeof(EXACT[0]); i++) {
        load(f, EXACT[i].hex);
        mp_array_exact(&f->r, 3);
        assert_int_equal(f->r.err, EXACT[i].err);
        assert_int_equal(f->r.pos, EXACT[i].err ? 0 : f->in.len);
    }
}

/* One valid value of every kind of head. */
static const char *const VALUES[] = {
    "00",
    "ff",
    "c0",
    "c2",
    "c3",
    "cc 01",
    "cd 01 02",
    "ce 01 02 03 04",
    "cf 01 02 03 04 05 06 07 08",
    "d0 01",
    "d1 01 02",
    "d2 01 02 03 04",
    "d3 01 02 03 04 05 06 07 08",
    "ca 01 02 03 04",
    "cb 01 02 03 04 05 06 07 08",
    "a0",
    "a3 61 62 63",
    "d9 02 61 62",
    "da 00 02 61 62",
    "db 00 00 00 02 61 62",
    "c4 02 61 62",
    "c5 00 02 61 62",
    "c6 00 00 00 02 61 62",
    "d4 01 aa",
    "d5 01 aa aa",
    "d6 01 aa aa aa aa",
    "d7 01 aa aa aa aa aa aa aa aa",
    "d8 01 aa aa aa aa aa aa aa aa aa aa aa aa aa aa aa aa",
    "c7 02 01 aa aa",
    "c7 00 01",
    "c8 00 02 01 aa aa",
    "c9 00 00 00 02 01 aa aa",
    "90",
    "92 01 91 02",
    "dc 00 02 01 02",
    "dd 00 00 00 01 c0",
    "80",
    "82 01 02 a1 61 81 03 04",
    "de 00 01 01 02",
    "df 00 00 00 01 01 92 01 02",
};

static void skip_takes_exactly_one_value(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(VALUES) / sizeof(VALUES[0]); i++) {
        struct bytes value = wire_unhex(VALUES[i], &f->in);
        size_t len = value.len;
        for (size_t cut = 0; cut < len; cut++) {
            char *copy = wire_copy(bytes_of(value.ptr, cut));
            mp_read_init(&f->r, bytes_of(copy, cut));
            mp_skip(&f->r);
            assert_int_equal(f->r.err, ERR_SHORT);
            assert_int_equal(f->r.pos, 0);
            free(copy);
        }
        mp_read_init(&f->r, value);
        mp_skip(&f->r);
        assert_int_equal(mp_read_finish(&f->r), 0);
        assert_int_equal(buf_append_char(&f->in, '\x2A'), 0); /* one byte extra */
        mp_read_init(&f->r, buf_bytes(&f->in));
        mp_skip(&f->r);
        assert_int_equal(f->r.err, 0);
        assert_int_equal(f->r.pos, len);
        assert_int_equal(mp_read_finish(&f->r), ERR_TRAILING);
        assert_int_equal(mp_u64(&f->r, 100), 42);
    }
    load(f, "c1");
    mp_skip(&f->r);
    assert_int_equal(f->r.err, ERR_TYPE);
    load(f, "92 01 c1");
    mp_skip(&f->r);
    assert_int_equal(f->r.err, ERR_TYPE);
    assert_int_equal(f->r.pos, 0);
}

static int skip_nested(char head, size_t levels)
{
    char in[2 * MP_DEPTH_MAX + 8];
    struct mp_read r;
    size_t len = 0;

    for (size_t i = 0; i < levels; i++) {
        in[len++] = head;
        if (head == '\x81') {
            in[len++] = '\x01'; /* the key */
        }
    }
    in[len++] = '\x01';
    mp_read_init(&r, bytes_of(in, len));
    mp_skip(&r);
    return mp_read_finish(&r);
}

static void skip_bounds_the_depth(void **state)
{
    (void)state;
    assert_int_equal(skip_nested('\x91', MP_DEPTH_MAX), 0);
    assert_int_equal(skip_nested('\x91', MP_DEPTH_MAX + 1), ERR_DEPTH);
    assert_int_equal(skip_nested('\x81', MP_DEPTH_MAX), 0);
    assert_int_equal(skip_nested('\x81', MP_DEPTH_MAX + 1), ERR_DEPTH);

    /* a million opening brackets, and a count that promises 2^32 elements */
    size_t len = 1000000;
    char *deep = malloc(len);
    struct mp_read r;
    memset(deep, '\x91', len);
    mp_read_init(&r, bytes_of(deep, len));
    mp_skip(&r);
    assert_int_equal(r.err, ERR_DEPTH);
    free(deep);
    mp_read_init(&r, bytes_of("\xdf\xff\xff\xff\xff\x01", 6));
    mp_skip(&r);
    assert_int_equal(r.err, ERR_SHORT);
}

static void the_first_error_stays(void **state)
{
    struct fixture *f = *state;

    load(f, "a1 61 05 c3");
    assert_int_equal(mp_u64(&f->r, 9), 0);
    assert_int_equal(f->r.err, ERR_TYPE);
    assert_int_equal(mp_bytes(&f->r, 9).len, 0);
    assert_int_equal(mp_text(&f->r, 9).len, 0);
    assert_int_equal(mp_u64(&f->r, 9), 0);
    assert_int_equal(mp_i64(&f->r, 0, 9), 0);
    assert_int_equal(mp_array(&f->r, 9), 0);
    assert_false(mp_bool(&f->r));
    mp_array_exact(&f->r, 9);
    mp_skip(&f->r);
    mp_fail(&f->r, ERR_LIMIT);
    assert_int_equal(f->r.err, ERR_TYPE);
    assert_int_equal(f->r.pos, 0);
    assert_true(mp_at_end(&f->r));
    assert_int_equal(mp_read_finish(&f->r), ERR_TYPE);
}

static void fail_and_end(void **state)
{
    struct fixture *f = *state;

    load(f, "01 02");
    assert_false(mp_at_end(&f->r));
    assert_int_equal(mp_u64(&f->r, 9), 1);
    assert_false(mp_at_end(&f->r));
    assert_int_equal(mp_read_finish(&f->r), ERR_TRAILING);
    assert_int_equal(mp_u64(&f->r, 9), 2);
    assert_true(mp_at_end(&f->r));
    assert_int_equal(mp_read_finish(&f->r), 0);
    mp_fail(&f->r, ERR_RANGE);
    assert_int_equal(mp_read_finish(&f->r), ERR_RANGE);
    mp_read_init(&f->r, BYTES_NONE);
    assert_true(mp_at_end(&f->r));
    assert_int_equal(mp_read_finish(&f->r), 0);
}

int main(void)
{
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(unsigned_integers),
        WITH_FIXTURE(signed_integers),
        WITH_FIXTURE(booleans),
        WITH_FIXTURE(strings),
        WITH_FIXTURE(arrays),
        WITH_FIXTURE(skip_takes_exactly_one_value),
        cmocka_unit_test(skip_bounds_the_depth),
        WITH_FIXTURE(the_first_error_stays),
        WITH_FIXTURE(fail_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
