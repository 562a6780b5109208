/* SPDX-License-Identifier: MIT */
/* Positions, what a successor must deliver again, and how partitions are shared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/partition.h"

static struct entry_id at(uint64_t ms)
{
    return (struct entry_id){ms, 0};
}

static void test_redeliver_from(void **state)
{
    struct partition p = {.id = 3};
    (void)state;

    assert_int_equal(partition_redeliver_from(&p, 50), 50);
    assert_int_equal(partition_note_undelivered(&p, at(10), 50), 0);
    assert_int_equal(partition_note_undelivered(&p, at(20), 60), 0);
    assert_int_equal(partition_redeliver_from(&p, 70), 50);
    partition_watermark_written(&p, at(9));
    assert_int_equal(partition_redeliver_from(&p, 70), 50);
    partition_watermark_written(&p, at(10));
    assert_int_equal(partition_redeliver_from(&p, 70), 60);
    partition_watermark_written(&p, at(25));
    assert_int_equal(partition_redeliver_from(&p, 70), 70);
    assert_int_equal(entry_id_cmp(p.watermark, at(25)), 0);
    partition_reset(&p, PARTITION_NONE);
}

/* Ids of a takeover's rows come first in the list and may be higher than what follows. */
static void test_redeliver_from_is_the_lowest(void **state)
{
    struct partition p = {.id = 3};
    (void)state;

    assert_int_equal(partition_note_undelivered(&p, at(10), 500), 0);
    assert_int_equal(partition_note_undelivered(&p, at(20), 60), 0);
    assert_int_equal(partition_redeliver_from(&p, 700), 60);
    assert_int_equal(partition_redeliver_from(&p, 0), 60);
    assert_int_equal(partition_redeliver_from(&p, 59), 59);
    partition_reset(&p, PARTITION_NONE);
    assert_int_equal(partition_redeliver_from(&p, 0), REDELIVER_NOTHING);
}

static void test_stored_origins(void **state)
{
    struct partition p = {.id = 3, .replay_until = {10, 0}};
    struct origin here = {3, {10, 0}, 1}, other = {3, {10, 0}, 2}, later = {3, {10, 1}, 1};
    (void)state;

    assert_false(partition_is_stored(&p, &here));
    assert_int_equal(partition_note_stored(&p, &here), 0);
    assert_true(partition_is_stored(&p, &here));
    assert_false(partition_is_stored(&p, &other));
    assert_false(partition_is_stored(&p, &later));
    partition_watermark_written(&p, at(9));
    assert_true(partition_is_stored(&p, &here));
    partition_watermark_written(&p, at(10));
    assert_false(partition_is_stored(&p, &here));
    partition_reset(&p, PARTITION_NONE);
}

static void test_reset_starts_a_new_generation(void **state)
{
    struct partition p = {.id = 5,
                          .generation = 8,
                          .state = PARTITION_ACTIVE,
                          .fence = 4,
                          .is_taking = true,
                          .lease_until_ms = 77};
    (void)state;

    assert_non_null(rooms_get(&p.rooms, BYTES_LIT("chat:1")));
    assert_int_equal(partition_note_undelivered(&p, at(1), 1), 0);
    partition_reset(&p, PARTITION_CLAIMING);
    assert_int_equal(p.id, 5);
    assert_int_equal(p.generation, 9);
    assert_int_equal(p.state, PARTITION_CLAIMING);
    assert_int_equal(p.fence, 0);
    assert_false(p.is_taking);
    assert_int_equal(p.lease_until_ms, 77); /* the lease is not the generation's */
    assert_null(p.rooms.table);
    assert_null(p.undelivered);
    assert_string_equal(partition_state_name(p.state), "CLAIMING");
}

static void test_shares_add_up(void **state)
{
    (void)state;
    for (uint32_t partitions = 1; partitions <= 64; partitions++) {
        for (uint32_t count = 1; count <= 70; count++) {
            uint32_t sum = 0, least = UINT32_MAX, most = 0;
            for (uint32_t rank = 0; rank < count; rank++) {
                uint32_t n = partition_share(partitions, count, rank);
                sum += n;
                least = n < least ? n : least;
                most = n > most ? n : most;
            }
            assert_int_equal(sum, partitions);
            assert_true(most - least <= 1);
        }
    }
    assert_int_equal(partition_share(16, 0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redeliver_from), cmocka_unit_test(test_redeliver_from_is_the_lowest),
        cmocka_unit_test(test_stored_origins), cmocka_unit_test(test_reset_starts_a_new_generation),
        cmocka_unit_test(test_shares_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
