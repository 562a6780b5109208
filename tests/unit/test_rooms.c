/* SPDX-License-Identifier: MIT */
/* Who is where: first and last connections, gateways that come and go, topics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <utlist.h>

#include "broker/rooms.h"
#include "common/mem.h"

#define GW_A BYTES_LIT("a.01")
#define GW_B BYTES_LIT("b.02")
#define ANN BYTES_LIT("ann")
#define BOB BYTES_LIT("bob")

static void test_first_and_last(void **state)
{
    struct rooms rooms = {0};
    struct room *room = rooms_get(&rooms, BYTES_LIT("chat:7"));
    bool flag = false;
    (void)state;

    assert_int_equal(room_add(room, GW_A, 1, 10, ANN, &flag), 0);
    assert_true(flag);
    assert_int_equal(room_add(room, GW_B, 1, 10, ANN, &flag), 0);
    assert_false(flag);
    assert_int_equal(room_add(room, GW_A, 2, 11, BOB, &flag), 0);
    assert_true(flag);
    assert_int_equal(room_user_count(room), 2);

    assert_true(room_remove(room, GW_A, 1, &flag));
    assert_false(flag);
    assert_false(room_remove(room, GW_A, 1, &flag));
    assert_true(room_remove(room, GW_B, 1, &flag));
    assert_true(flag);
    assert_false(room_has_gateway(room, GW_B));
    assert_true(room_remove(room, GW_A, 2, &flag));
    assert_true(flag);
    assert_true(room_is_empty(room));
    assert_null(room->gateways);
    rooms_clear(&rooms);
}

static void test_adding_again_says_the_same(void **state)
{
    struct rooms rooms = {0};
    struct room *room = rooms_get(&rooms, BYTES_LIT("chat:7"));
    bool flag = false;
    (void)state;

    assert_int_equal(room_add(room, GW_A, 1, 10, ANN, &flag), 0);
    assert_int_equal(room_add(room, GW_A, 1, 10, ANN, &flag), 0);
    assert_true(flag);
    assert_int_equal(room->gateways->connections, 1);
    assert_int_equal(room_add(room, GW_A, 2, 10, ANN, &flag), 0);
    assert_int_equal(room_add(room, GW_A, 1, 10, ANN, &flag), 0);
    assert_false(flag);
    rooms_clear(&rooms);
}

static void count_gone(void *arg, struct room *room, int64_t user_id, struct bytes username)
{
    int64_t *sum = arg;
    assert_non_null(room);
    assert_true(username.len == 3);
    *sum += user_id;
}

static void test_dead_gateway(void **state)
{
    struct rooms rooms = {0};
    struct room *room = rooms_get(&rooms, BYTES_LIT("chat:7"));
    bool flag;
    int64_t gone = 0;
    (void)state;

    assert_int_equal(room_add(room, GW_A, 1, 10, ANN, &flag), 0);
    assert_int_equal(room_add(room, GW_B, 5, 10, ANN, &flag), 0);
    assert_int_equal(room_add(room, GW_A, 2, 11, BOB, &flag), 0);
    room_remove_gateway(room, BYTES_LIT("c.03"), count_gone, &gone);
    assert_int_equal(gone, 0);
    room_remove_gateway(room, GW_A, count_gone, &gone);
    assert_int_equal(gone, 11);
    assert_false(room_has_gateway(room, GW_A));
    assert_int_equal(room_user_count(room), 1);
    assert_true(room_remove(room, GW_B, 5, &flag));
    assert_true(flag);
    rooms_clear(&rooms);
}

static void test_limits(void **state)
{
    struct rooms rooms = {0};
    char name[GATEWAY_NAME_MAX + 1], topic[TOPIC_MAX_BYTES + 1];
    struct room *room = rooms_get(&rooms, BYTES_LIT("chat:7"));
    bool flag;
    (void)state;

    memset(name, 'g', sizeof(name));
    memset(topic, 't', sizeof(topic));
    assert_int_equal(room_add(room, bytes_of(name, GATEWAY_NAME_MAX), 1, 1, ANN, &flag), 0);
    assert_int_equal(room_add(room, bytes_of(name, GATEWAY_NAME_MAX + 1), 1, 1, ANN, &flag),
                     ERR_LIMIT);
    assert_int_equal(room_add(room, BYTES_NONE, 1, 1, ANN, &flag), ERR_LIMIT);
    assert_non_null(rooms_get(&rooms, bytes_of(topic, TOPIC_MAX_BYTES)));
    assert_null(rooms_get(&rooms, bytes_of(topic, TOPIC_MAX_BYTES + 1)));
    assert_null(rooms_get(&rooms, BYTES_NONE));
    assert_ptr_equal(rooms_find(&rooms, BYTES_LIT("chat:7")), room);
    assert_null(rooms_find(&rooms, BYTES_LIT("chat:8")));
    rooms_clear(&rooms);
    assert_null(rooms.table);
}

static void test_without_memory(void **state)
{
    (void)state;
    for (size_t nth = 1; nth <= 3; nth++) {
        struct rooms rooms = {0};
        struct room *room = rooms_get(&rooms, BYTES_LIT("chat:7"));
        bool flag;
        assert_non_null(room);
        mem_fail_after(nth);
        assert_int_equal(room_add(room, GW_A, 1, 10, ANN, &flag), ERR_NOMEM);
        mem_fail_after(0);
        assert_true(room_is_empty(room));
        assert_int_equal(room_user_count(room), 0);
        assert_null(room->gateways);
        rooms_clear(&rooms);
    }
}

static void test_topic_channel(void **state)
{
    static const struct {
        const char *topic;
        int err;
        int64_t id;
    } rows[] = {
        {"chat:1", 0, 1},
        {"chat:9007199254740991", 0, ID_MAX},
        {"chat:9007199254740992", ERR_SYNTAX, 0},
        {"chat:0", ERR_SYNTAX, 0},
        {"chat:", ERR_SYNTAX, 0},
        {"chat:1x", ERR_SYNTAX, 0},
        {"chat:-1", ERR_SYNTAX, 0},
        {"", ERR_SYNTAX, 0},
        {"room:1", ERR_SYNTAX, 0},
        {"chat:12345678901234567", ERR_SYNTAX, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t id = 0;
        assert_int_equal(topic_channel(bytes_str(rows[i].topic), &id), rows[i].err);
        assert_int_equal(id, rows[i].id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_and_last), cmocka_unit_test(test_adding_again_says_the_same),
        cmocka_unit_test(test_dead_gateway),   cmocka_unit_test(test_limits),
        cmocka_unit_test(test_without_memory), cmocka_unit_test(test_topic_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
