/* SPDX-License-Identifier: MIT */
/* Names in Redis, letter by letter: a running system depends on each of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "proto/limits.h"
#include "proto/stream_keys.h"

static void check(struct stream_key key, const char *want)
{
    assert_string_equal(key.text, want);
    assert_int_equal(key.len, strlen(want));
    assert_true(bytes_eq_str(stream_key_bytes(&key), want));
}

static void names(void **state)
{
    struct bytes gateway = BYTES_LIT("gw1.9f00000000000001");

    (void)state;
    check(key_in("kb:", 3), "kb:in:{3}");
    check(key_in("", 0), "in:{0}");
    check(key_in("kb:", PARTITIONS_MAX - 1), "kb:in:{255}");
    check(key_in("kb:", UINT32_MAX), "kb:in:{4294967295}");
    check(key_lease("kb:", 3), "kb:lease:{3}");
    check(key_out("kb:", gateway), "kb:out:{gw1.9f00000000000001}");
    check(key_gateway("kb:", gateway), "kb:gw:{gw1.9f00000000000001}");
    check(key_sub("kb:", 3, BYTES_LIT("chat:7")), "kb:sub:{3}:chat:7");
    check(key_user("kb:", 42), "kb:user:{u42}");
    check(key_user("kb:", ID_MAX), "kb:user:{u9007199254740991}");
    check(key_brokers("kb:"), "kb:brokers");
    check(key_gateways("x:"), "x:gateways");
    check(key_rate_user("kb:", 42), "kb:rate:{u42}");
    check(key_login_failures("kb:", BYTES_LIT("0123abcd")), "kb:fail:{0123abcd}");
}

static void the_longest_names_fit(void **state)
{
    char prefix[REDIS_PREFIX_MAX + 1];
    char name[GATEWAY_NAME_MAX];
    char topic[TOPIC_MAX_BYTES];

    (void)state;
    memset(prefix, 'p', sizeof(prefix) - 1);
    prefix[sizeof(prefix) - 1] = '\0';
    memset(name, 'g', sizeof(name));
    memset(topic, 't', sizeof(topic));
    struct stream_key key = key_out(prefix, bytes_of(name, sizeof(name)));
    assert_int_equal(key.len, REDIS_PREFIX_MAX + strlen("out:{}") + GATEWAY_NAME_MAX);
    assert_int_equal(strlen(key.text), key.len);
    assert_int_equal(key.text[key.len - 1], '}');
    key = key_sub(prefix, UINT32_MAX, bytes_of(topic, sizeof(topic)));
    assert_int_equal(key.len, REDIS_PREFIX_MAX + strlen("sub:{4294967295}:") + TOPIC_MAX_BYTES);
    assert_int_equal(key.text[key.len - 1], 't');
}

/* Published FNV-1a 64 hashes, folded by hand: a change would tear running partitions apart. */
static void partitions_of_topics(void **state)
{
    static const struct {
        const char *topic;
        uint64_t fnv;
    } KNOWN[] = {
        {"", UINT64_C(0xcbf29ce484222325)},
        {"a", UINT64_C(0xaf63dc4c8601ec8c)},
        {"foobar", UINT64_C(0x85944171f73967e8)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++) {
        uint32_t folded = (uint32_t)(KNOWN[i].fnv >> 32) ^ (uint32_t)(KNOWN[i].fnv & 0xFFFFFFFF);
        for (uint32_t n = 1; n <= PARTITIONS_MAX; n++) {
            assert_int_equal(partition_of(bytes_str(KNOWN[i].topic), n), folded % n);
        }
    }
}

#define SPREAD_OVER 16u
#define SPREAD_COUNT 16000u

static void check_spread(const unsigned counts[SPREAD_OVER])
{
    for (size_t i = 0; i < SPREAD_OVER; i++) {
        assert_in_range(counts[i], SPREAD_COUNT / SPREAD_OVER * 8 / 10,
                        SPREAD_COUNT / SPREAD_OVER * 12 / 10);
    }
}

static void work_is_spread(void **state)
{
    unsigned topics[SPREAD_OVER] = {0};
    unsigned ids[SPREAD_OVER] = {0};
    unsigned tagged[SPREAD_OVER] = {0};

    (void)state;
    for (uint64_t i = 0; i < SPREAD_COUNT; i++) {
        char topic[32];
        snprintf(topic, sizeof(topic), "chat:%u", (unsigned)i);
        topics[partition_of(bytes_str(topic), SPREAD_OVER)]++;
        ids[partition_of_id(i, SPREAD_OVER)]++;
        tagged[partition_of_id(i << 32 | 5, SPREAD_OVER)]++;
    }
    check_spread(topics);
    check_spread(ids);
    check_spread(tagged);
    assert_int_equal(partition_of_id(UINT64_MAX, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(the_longest_names_fit),
        cmocka_unit_test(partitions_of_topics),
        cmocka_unit_test(work_is_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
