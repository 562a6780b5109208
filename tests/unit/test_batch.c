/* SPDX-License-Identifier: MIT */
/* Stream entries become work whole or not at all; effects become sections per gateway. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "broker/batch.h"
#include "proto/mp_read.h"

static struct bytes two_envelopes(struct buf *b)
{
    struct up_envelope leave = {.kind = UP_LEAVE, .conn = 9};
    leave.leave.user_id = 4;
    leave.leave.username = BYTES_LIT("ann");
    leave.leave.topic = BYTES_LIT("chat:7");
    buf_init(b, 4096);
    assert_int_equal(up_envelope_encode(&leave, b), 0);
    leave.conn = 10;
    assert_int_equal(up_envelope_encode(&leave, b), 0);
    return buf_bytes(b);
}

static void test_entry_becomes_work(void **state)
{
    struct partition p = {.id = 2, .replay_until = {50, 0}};
    struct batch *b = batch_new(NULL);
    struct buf raw;
    struct bytes e = two_envelopes(&raw);
    struct entry_fields f = {BYTES_LIT("2"), BYTES_LIT("gw.1"), BYTES_LIT("250"), e};
    struct origin stored = {2, {50, 0}, 1};
    (void)state;

    assert_int_equal(partition_note_stored(&p, &stored), 0);
    assert_int_equal(batch_add_entry(b, &p, (struct entry_id){50, 0}, &f), 0);
    assert_int_equal(batch_add_entry(b, &p, (struct entry_id){50, 1}, &f), 0);
    assert_int_equal(b->work_count, 4);
    assert_int_equal(b->entry_count, 2);
    assert_int_equal(b->works[1].env.conn, 10);
    assert_int_equal(b->works[1].waited_ms, 250);
    assert_int_equal(b->works[1].origin.index, 1);
    assert_true(bytes_eq_str(b->works[1].gateway, "gw.1"));
    assert_true(b->works[0].is_replay && !b->works[0].is_stored);
    assert_true(b->works[1].is_replay && b->works[1].is_stored);
    assert_false(b->works[2].is_replay || b->works[3].is_stored);
    buf_done(&raw);
    batch_free(b);
    partition_reset(&p, PARTITION_NONE);
}

static void test_bad_entries_add_nothing(void **state)
{
    struct partition p = {.id = 2};
    struct batch *b = batch_new(NULL);
    struct buf raw;
    struct bytes e = two_envelopes(&raw);
    char long_name[GATEWAY_NAME_MAX + 1];
    const struct entry_fields rows[] = {
        {BYTES_LIT("1"), BYTES_LIT("gw.1"), BYTES_NONE, e},
        {BYTES_LIT("3"), BYTES_LIT("gw.1"), BYTES_NONE, e},
        {BYTES_LIT("0"), BYTES_LIT("gw.1"), BYTES_NONE, e},
        {BYTES_LIT("1025"), BYTES_LIT("gw.1"), BYTES_NONE, e},
        {BYTES_LIT("-2"), BYTES_LIT("gw.1"), BYTES_NONE, e},
        {BYTES_LIT("2x"), BYTES_LIT("gw.1"), BYTES_NONE, e},
        {BYTES_LIT("9999999"), BYTES_LIT("gw.1"), BYTES_NONE, e},
        {BYTES_NONE, BYTES_LIT("gw.1"), BYTES_NONE, e},
        {BYTES_LIT("2"), BYTES_NONE, BYTES_NONE, e},
        {BYTES_LIT("2"), {long_name, sizeof(long_name)}, BYTES_NONE, e},
        {BYTES_LIT("2"), BYTES_LIT("gw.1"), BYTES_LIT("1000000"), e},
        {BYTES_LIT("2"), BYTES_LIT("gw.1"), BYTES_LIT("x"), e},
        {BYTES_LIT("2"), BYTES_LIT("gw.1"), BYTES_NONE, BYTES_NONE},
        {BYTES_LIT("2"), BYTES_LIT("gw.1"), BYTES_NONE, {e.ptr, e.len - 1}},
    };
    (void)state;

    memset(long_name, 'x', sizeof(long_name));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(batch_add_entry(b, &p, (struct entry_id){1, i}, &rows[i]) < 0);
        assert_int_equal(b->work_count, 0);
        assert_int_equal(b->entry_count, 0);
    }
    buf_done(&raw);
    batch_free(b);
}

static void read_section(struct mp_read *r, uint64_t ms, uint32_t items, struct down_item *last)
{
    struct down_section s;
    assert_int_equal(down_section_decode(r, &s), 0);
    assert_int_equal(s.origin.ms, ms);
    assert_int_equal(s.item_count, items);
    for (uint32_t i = 0; i < items; i++) {
        assert_int_equal(down_item_decode(r, last), 0);
    }
}

static void test_sections_follow_entries(void **state)
{
    struct arena *arena = arena_new(1u << 20);
    struct rooms rooms = {0};
    struct room *room = rooms_get(&rooms, BYTES_LIT("chat:7"));
    struct effects fx;
    struct effects_gateway *g;
    struct down_item ack = {.kind = DOWN_ACK, .conn = 5}, topic = {.kind = DOWN_TOPIC}, last;
    struct mp_read r;
    bool flag;
    (void)state;

    topic.topic.topic = BYTES_LIT("chat:7");
    topic.topic.seq = 3;
    topic.topic.json = BYTES_LIT("{}");
    assert_int_equal(room_add(room, BYTES_LIT("a"), 1, 1, BYTES_LIT("x"), &flag), 0);
    assert_int_equal(room_add(room, BYTES_LIT("b"), 1, 2, BYTES_LIT("y"), &flag), 0);
    effects_init(&fx, arena);
    effects_begin(&fx, 1, (struct entry_id){10, 0});
    effects_publish(&fx, room, &topic);
    effects_item(&fx, BYTES_LIT("a"), &ack);
    effects_begin(&fx, 1, (struct entry_id){11, 0});
    effects_item(&fx, BYTES_LIT("a"), &ack);
    effects_end(&fx);
    assert_int_equal(fx.err, 0);

    HASH_FIND(hh, fx.gateways, "a", 1, g);
    assert_int_equal(g->section_count, 2);
    mp_read_init(&r, buf_bytes(&g->sections));
    read_section(&r, 10, 2, &last);
    assert_int_equal(last.kind, DOWN_ACK);
    read_section(&r, 11, 1, &last);
    assert_int_equal(mp_read_finish(&r), 0);
    HASH_FIND(hh, fx.gateways, "b", 1, g);
    assert_int_equal(g->section_count, 1);
    mp_read_init(&r, buf_bytes(&g->sections));
    read_section(&r, 10, 1, &last);
    assert_int_equal(last.topic.seq, 3);
    assert_int_equal(mp_read_finish(&r), 0);
    effects_done(&fx);
    rooms_clear(&rooms);
    arena_free(arena);
}

static void test_seqs_are_moved_once_per_channel(void **state)
{
    struct arena *arena = arena_new(1u << 20);
    struct effects fx;
    struct content_row rows[] = {{.id = 1, .channel_id = 7, .seq = 4},
                                 {.id = 2, .channel_id = 8, .seq = 1},
                                 {.id = 3, .channel_id = 7, .seq = 5}};
    (void)state;

    effects_init(&fx, arena);
    for (size_t i = 0; i < 3; i++) {
        effects_store(&fx, &rows[i]);
    }
    assert_int_equal(fx.row_count, 3);
    assert_int_equal(fx.seq_count, 2);
    assert_int_equal(fx.seqs[0].channel_id, 7);
    assert_int_equal(fx.seqs[0].expected, 3);
    assert_int_equal(fx.seqs[0].next, 5);
    assert_int_equal(fx.seqs[1].expected, 0);
    assert_int_equal(fx.seqs[1].next, 1);
    effects_done(&fx);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry_becomes_work),
        cmocka_unit_test(test_bad_entries_add_nothing),
        cmocka_unit_test(test_sections_follow_entries),
        cmocka_unit_test(test_seqs_are_moved_once_per_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
