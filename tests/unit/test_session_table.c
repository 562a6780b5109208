/* SPDX-License-Identifier: MIT */
/* Ids of sessions: never 0, never repeated, and dead ones find nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/mem.h"
#include "gateway/session.h"
#include "gateway/session_table.h"

static struct session sessions[200];

static void test_ids_find_their_session(void **state)
{
    struct session_table *t = session_table_new(1000);
    uint64_t ids[200];

    (void)state;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(session_table_add(t, &sessions[i], &ids[i]), 0);
        assert_true(ids[i] != 0);
    }
    assert_int_equal(session_table_count(t), 200);
    for (int i = 0; i < 200; i++) {
        assert_ptr_equal(session_table_find(t, ids[i]), &sessions[i]);
    }
    session_table_free(t);
}

static void test_a_dead_id_finds_nothing_when_its_slot_lives_again(void **state)
{
    struct session_table *t = session_table_new(10);
    uint64_t first, again, last = 0;

    (void)state;
    assert_int_equal(session_table_add(t, &sessions[0], &first), 0);
    session_table_remove(t, first);
    assert_null(session_table_find(t, first));
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(session_table_add(t, &sessions[1], &again), 0);
        assert_true(again != first && again != last);
        assert_null(session_table_find(t, first));
        assert_ptr_equal(session_table_find(t, again), &sessions[1]);
        session_table_remove(t, again);
        last = again;
    }
    session_table_remove(t, first);
    session_table_remove(t, last);
    assert_int_equal(session_table_count(t), 0);
    session_table_free(t);
}

static void test_nonsense_ids(void **state)
{
    static const uint64_t ids[] = {0, 1, 2, UINT64_MAX, 1ull << 32, (1ull << 32) + 1, UINT32_MAX};
    struct session_table *t = session_table_new(10);

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        assert_null(session_table_find(t, ids[i]));
        session_table_remove(t, ids[i]);
    }
    session_table_free(t);
}

static void test_limit(void **state)
{
    struct session_table *t = session_table_new(65);
    uint64_t id, untouched = 7;

    (void)state;
    for (int i = 0; i < 65; i++) {
        assert_int_equal(session_table_add(t, &sessions[i], &id), 0);
    }
    assert_int_equal(session_table_add(t, &sessions[65], &untouched), ERR_FULL);
    assert_int_equal(untouched, 7);
    session_table_remove(t, id);
    assert_int_equal(session_table_add(t, &sessions[65], &id), 0);
    session_table_free(t);
}

static void test_walk(void **state)
{
    struct session_table *t = session_table_new(10);
    uint64_t ids[3];
    uint32_t cursor = 0;
    int seen = 0;
    struct session *s;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(session_table_add(t, &sessions[i], &ids[i]), 0);
    }
    session_table_remove(t, ids[1]);
    while ((s = session_table_next(t, &cursor)) != NULL) {
        assert_true(s == &sessions[0] || s == &sessions[2]);
        seen++;
        session_table_remove(t, s == &sessions[0] ? ids[0] : ids[2]);
    }
    assert_int_equal(seen, 2);
    assert_int_equal(session_table_count(t), 0);
    session_table_free(t);
}

static void test_no_memory(void **state)
{
    struct session_table *t = session_table_new(10);
    uint64_t id = 7;

    (void)state;
    mem_fail_after(1);
    assert_int_equal(session_table_add(t, &sessions[0], &id), ERR_NOMEM);
    mem_fail_after(0);
    assert_int_equal(id, 7);
    assert_int_equal(session_table_add(t, &sessions[0], &id), 0);
    session_table_free(t);
    session_table_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_find_their_session),
        cmocka_unit_test(test_a_dead_id_finds_nothing_when_its_slot_lives_again),
        cmocka_unit_test(test_nonsense_ids),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
