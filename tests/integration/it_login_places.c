/* SPDX-License-Identifier: MIT */
/* The places of a user and the login throttle against a real Redis: the script, the expiry, the
 * sweep of dead gateways and the window mean there what the fakes of the scenarios take them for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "broker/login_throttle.h"
#include "broker/user_registry.h"
#include "tests/integration/link_probe.h"

#define PLACES "kb:user:{u1}"

static struct {
    int count, err;
    uint32_t retry_after_s;
} done;

static void on_place(void *arg, int err)
{
    (void)arg;
    done.count++;
    done.err = err;
}

static void on_failure(void *arg, int err, uint32_t retry_after_s)
{
    (void)arg;
    done.count++;
    done.err = err;
    done.retry_after_s = retry_after_s;
}

static void start(void)
{
    memset(&done, 0, sizeof(done));
    redis_child_start(&server, "--appendonly", "no");
    open_link(url, 2000);
    wait_for(&seen.ups, 1);
}

static int take(const char *gateway, uint64_t conn)
{
    struct user_registry registry = {.link = seen.link, .prefix = "kb:", .limit = 3};
    struct user_slot slot = {.gateway = bytes_str(gateway), .conn = conn, .user_id = 1};
    int count = done.count;

    assert_int_equal(user_registry_take(&registry, &slot, BYTES_LIT("chat:1"), on_place, NULL), 0);
    assert_int_equal(done.count, count); /* never inside the call */
    wait_for(&done.count, count + 1);
    return done.err;
}

static void give_back(const char *gateway, uint64_t conn)
{
    struct user_registry registry = {.link = seen.link, .prefix = "kb:", .limit = 3};
    struct user_slot slot = {.gateway = bytes_str(gateway), .conn = conn, .user_id = 1};

    user_registry_give_back(&registry, &slot);
}

/* The text or number that the command answers. */
static const char *ask(const char *name, const char *a, const char *b)
{
    int replies = seen.replies;

    assert_int_equal(command(seen.link, name, a, b), 0);
    wait_for(&seen.replies, replies + 1);
    assert_int_equal(seen.last_err, 0);
    return seen.text;
}

static void places_are_taken_and_given_back(void **state)
{
    (void)state;
    start();
    assert_int_equal(take("gw1.aa", 0xab), 0);
    assert_int_equal(take("gw1.aa", 0xab), 0); /* a repeat */
    assert_string_equal(ask("HGET", PLACES, "gw1.aa/ab"), "chat:1");
    assert_int_equal(take("gw1.aa", 2), 0);
    assert_int_equal(take("gw1.aa", 3), 0);
    assert_int_equal(take("gw1.aa", 4), ERR_LIMIT);
    assert_int_equal(take("gw1.aa", 3), 0); /* whose place it is keeps it */
    assert_string_equal(ask("HGET", PLACES, "gw1.aa/4"), "");
    give_back("gw1.aa", 2);
    assert_int_equal(take("gw1.aa", 4), 0);
    assert_string_equal(
        ask("EVAL", "return redis.call('PTTL','" PLACES "') > 86000000 and 'a day'", "0"), "a day");
}

static void places_of_the_dead_are_swept(void **state)
{
    (void)state;
    start();
    assert_int_equal(take("gw2.bb", 1), 0);
    assert_int_equal(take("gw3.cc", 1), 0);
    assert_int_equal(take("gw3.cc", 2), 0);
    ask("SET", "kb:gw:{gw2.bb}", "alive");
    ask("SET", "kb:gw:{gw3.cc}", "alive");
    assert_int_equal(take("gw1.aa", 1), ERR_LIMIT);
    ask("DEL", "kb:gw:{gw3.cc}", NULL);
    assert_int_equal(take("gw1.aa", 1), 0);
    assert_string_equal(ask("HGET", PLACES, "gw2.bb/1"), "chat:1");
    assert_string_equal(ask("HGET", PLACES, "gw3.cc/1"), "");
    assert_string_equal(ask("HGET", PLACES, "gw3.cc/2"), "");
}

static void a_key_of_another_type_is_unavailable(void **state)
{
    (void)state;
    start();
    ask("SET", PLACES, "no hash");
    assert_int_equal(take("gw1.aa", 1), ERR_UNAVAILABLE);
}

static void under_way_when_the_link_is_freed(void **state)
{
    struct user_registry registry = {.link = NULL, .prefix = "kb:", .limit = 3};
    struct user_slot slot = {.gateway = BYTES_LIT("gw1.aa"), .conn = 1, .user_id = 1};

    (void)state;
    start();
    registry.link = seen.link;
    assert_int_equal(user_registry_take(&registry, &slot, BYTES_LIT("chat:1"), on_place, NULL), 0);
    drop(&seen.link);
    assert_int_equal(done.count, 1);
    assert_int_equal(done.err, ERR_UNAVAILABLE);
}

static int fail_login(const char *username)
{
    struct login_throttle throttle = {.link = seen.link, .prefix = "kb:", .limit = 2};
    struct login_subject subject = login_subject_of(bytes_str(username), BYTES_LIT("192.0.2.1"));
    int count = done.count;

    assert_int_equal(login_throttle_count(&throttle, &subject, on_failure, NULL), 0);
    wait_for(&done.count, count + 1);
    return done.err;
}

static void failures_are_counted_in_a_window(void **state)
{
    struct login_subject subject = login_subject_of(BYTES_LIT("alice"), BYTES_LIT("192.0.2.1"));
    char key[64];

    (void)state;
    start();
    assert_int_equal(strlen(subject.hex), LOGIN_SUBJECT_HEX);
    (void)snprintf(key, sizeof(key), "kb:fail:{%s}", subject.hex);
    assert_int_equal(fail_login("alice"), 0);
    assert_int_equal(fail_login("alice"), 0);
    assert_int_equal(fail_login("alice"), ERR_LIMIT);
    assert_in_range(done.retry_after_s, 50, 60);
    assert_int_equal(fail_login("bob"), 0);
    /* A window that never began, because its first counter died, begins now. */
    ask("PERSIST", key, NULL);
    assert_int_equal(fail_login("alice"), ERR_LIMIT);
    assert_in_range(done.retry_after_s, 50, 60);
    ask("PEXPIRE", key, "1");
    while (strcmp(ask("GET", key, NULL), "") != 0) {
    }
    assert_int_equal(fail_login("alice"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(places_are_taken_and_given_back),
        LINK_TEST(places_of_the_dead_are_swept),
        LINK_TEST(a_key_of_another_type_is_unavailable),
        LINK_TEST(under_way_when_the_link_is_freed),
        LINK_TEST(failures_are_counted_in_a_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
