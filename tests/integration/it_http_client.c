/* SPDX-License-Identifier: MIT */
/* Tests of the HTTP client against an HTTPS server that is slow, huge, resets, redirects, or has
 * another authority's certificate; connections kept; bounds; addresses that are not public. HTTP/2
 * is offered here and spoken in the end-to-end tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "broker/io/http_client.h"
#include "common/io/clock.h"
#include "tests/integration/https_server.h"

#define RESPONSE_MAX 65536u
#define ANSWERS_MAX 64

static struct {
    struct loop *loop;
    struct http_client *client;
    int wanted, answers, errs[ANSWERS_MAX];
    uint32_t statuses[ANSWERS_MAX], retry_after_s;
    char body[256]; /* of the last one */
    bool is_submitting, submits_again;
} t;

static void post(const char *path, const struct http_request *more);

static void on_answer(void *arg, int err, const struct http_response *r)
{
    intptr_t i = (intptr_t)arg;

    assert_false(t.is_submitting);
    t.errs[i] = err;
    assert_int_equal(r != NULL, err == 0);
    if (r) {
        t.statuses[i] = r->status;
        t.retry_after_s = r->retry_after_s;
        (void)snprintf(t.body, sizeof(t.body), "%.*s", BYTES_FMT(r->body));
    }
    t.answers++;
    if (t.submits_again) {
        t.submits_again = false;
        t.wanted++;
        post("/ok", NULL);
    } else if (t.answers == t.wanted) {
        loop_stop(t.loop);
    }
}

static int submit(const char *host, const char *path, const struct http_request *more, intptr_t i)
{
    char url[128];
    struct http_request request = more ? *more : (struct http_request){.body = BYTES_LIT("hello")};
    int err;

    (void)snprintf(url, sizeof(url), "https://%s:%d%s", host, https.port, path);
    request.url = url;
    request.timeout_ms = request.timeout_ms ? request.timeout_ms : 5000;
    t.is_submitting = true;
    err = http_client_post(t.client, &request, on_answer, (void *)i);
    t.is_submitting = false;
    return err;
}

static void post(const char *path, const struct http_request *more)
{
    assert_int_equal(submit("127.0.0.1", path, more, t.answers), 0);
}

static void wait_for(int count)
{
    t.wanted = count;
    if (t.answers < t.wanted) {
        loop_run(t.loop);
    }
    assert_int_equal(t.answers, t.wanted);
}

/* The error of one request. */
static int one(const char *path, const struct http_request *more)
{
    post(path, more);
    wait_for(t.answers + 1);
    return t.errs[t.answers - 1];
}

static int new_client(const char *ca)
{
    memset(&t, 0, sizeof(t));
    t.loop = loop_new();
    t.client = http_client_new(
        t.loop, &(struct http_client_conf){
                    .ca_file = ca, .concurrency = 16, .response_max_bytes = RESPONSE_MAX});
    return t.client ? 0 : -1;
}

static int set_up(void **state)
{
    (void)state;
    https.seen->connections = 0;
    return new_client(https_file("server.pem"));
}

static int tear_down(void **state)
{
    (void)state;
    http_client_free(t.client);
    loop_free(t.loop);
    return 0;
}

static int group_up(void **state)
{
    (void)state;
    return https_start();
}

static int group_down(void **state)
{
    (void)state;
    https_stop();
    return 0;
}

static void test_answers_on_one_connection(void **state)
{
    const struct http_request with_header = {.body = BYTES_LIT("hello you"),
                                             .headers = {"X-Test: yes", "A: b"}};

    (void)state;
    assert_int_equal(one("/ok", &with_header), 0);
    assert_int_equal(t.statuses[0], 200);
    assert_string_equal(t.body, "connection 1 request 1 bytes 9 header yes");
    assert_int_equal(t.retry_after_s, 0);
    assert_true(https.seen->offered_h2);
    assert_int_equal(one("/later", NULL), 0);
    assert_int_equal(t.statuses[1], 429);
    assert_int_equal(t.retry_after_s, 7);
    t.submits_again = true;
    assert_int_equal(one("/ok", &(struct http_request){.body = BYTES_NONE}), 0);
    assert_string_equal(t.body, "connection 1 request 4 bytes 5 header no");
}

static void test_many_at_once(void **state)
{
    (void)state;
    for (intptr_t i = 0; i < 16; i++) {
        assert_int_equal(submit("127.0.0.1", "/ok", NULL, i), 0);
    }
    assert_int_equal(submit("127.0.0.1", "/ok", NULL, 16), ERR_BUSY);
    wait_for(16);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(t.errs[i], 0);
    }
    assert_in_range(https.seen->connections, 1, 16);
    assert_int_equal(one("/ok", NULL), 0); /* there is room again */
}

static void test_slow(void **state)
{
    const struct http_request impatient = {.timeout_ms = 300};
    uint64_t start_ms = clock_mono_ms();

    (void)state;
    assert_int_equal(one("/slow", &impatient), ERR_TIMEOUT);
    assert_int_equal(one("/drip", &impatient), ERR_TIMEOUT);
    assert_in_range(clock_mono_ms() - start_ms, 600, 2000);
    assert_int_equal(one("/ok", NULL), 0);
}

static void test_huge_and_reset(void **state)
{
    (void)state;
    assert_int_equal(one("/huge", NULL), ERR_LIMIT);
    assert_int_equal(one("/reset", NULL), ERR_UNAVAILABLE);
    assert_int_equal(one("/ok", NULL), 0);
}

static void test_redirects_are_answers(void **state)
{
    (void)state;
    assert_int_equal(one("/redirect", NULL), 0);
    assert_int_equal(t.statuses[0], 302);
}

static void test_another_authority(void **state)
{
    (void)state;
    tear_down(state);
    assert_int_equal(new_client(https_file("other.pem")), 0);
    assert_int_equal(one("/ok", NULL), ERR_REMOTE);
    tear_down(state);
    assert_int_equal(new_client(NULL), 0); /* the system's */
    assert_int_equal(one("/ok", NULL), ERR_REMOTE);
    tear_down(state);
    assert_int_equal(new_client(https_file("none.pem")), 0);
    assert_int_equal(one("/ok", NULL), ERR_REMOTE);
}

static void test_another_name(void **state)
{
    (void)state;
    assert_int_equal(submit("127.0.0.2", "/ok", NULL, 0), 0); /* the same server, maybe nobody */
    wait_for(1);
    assert_true(t.errs[0] == ERR_REMOTE || t.errs[0] == ERR_UNAVAILABLE);
}

static int raw(const char *url)
{
    const struct http_request request = {.url = url, .timeout_ms = 1000};

    assert_int_equal(http_client_post(t.client, &request, on_answer, (void *)(intptr_t)t.answers),
                     0);
    wait_for(t.answers + 1);
    return t.errs[t.answers - 1];
}

static void test_addresses(void **state)
{
    (void)state;
    assert_int_equal(raw("http://127.0.0.1:1/"), ERR_SYNTAX);
    assert_int_equal(raw("file:///etc/passwd"), ERR_SYNTAX);
    assert_int_equal(raw("ftp://127.0.0.1/"), ERR_SYNTAX);
    assert_int_equal(raw(""), ERR_SYNTAX);
    assert_int_equal(raw("https://127.0.0.1:1/"), ERR_UNAVAILABLE);
    assert_int_equal(raw("https://does-not-exist.invalid/"), ERR_UNAVAILABLE);
}

static void test_public_only(void **state)
{
    static const char *const urls[] = {
        "https://127.0.0.1:%d/ok",        "https://localhost:%d/ok", "https://[::1]:%d/ok",
        "https://[::ffff:127.0.0.1]:%d/", "https://2130706433:%d/",  "https://0:%d/",
    };
    struct http_request request = {.timeout_ms = 2000, .is_public_only = true};
    char url[96];

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        (void)snprintf(url, sizeof(url), urls[i], https.port);
        request.url = url;
        assert_int_equal(
            http_client_post(t.client, &request, on_answer, (void *)(intptr_t)t.answers), 0);
        wait_for(t.answers + 1);
        assert_int_equal(t.errs[t.answers - 1], ERR_DENIED);
    }
    assert_int_equal(https.seen->connections, 0);
    /* Nor on a connection that somebody else has opened. */
    assert_int_equal(one("/ok", NULL), 0);
    request.url = NULL;
    assert_int_equal(one("/ok", &request), ERR_DENIED);
    assert_int_equal(https.seen->connections, 1);
}

static void test_freed_under_way(void **state)
{
    (void)state;
    for (intptr_t i = 0; i < 3; i++) {
        assert_int_equal(submit("127.0.0.1", "/slow", NULL, i), 0);
    }
    assert_int_equal(one("/ok", NULL), 0);
    http_client_free(t.client);
    t.client = NULL;
    assert_int_equal(t.answers, 4);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_answers_on_one_connection),
        CASE(test_many_at_once),
        CASE(test_slow),
        CASE(test_huge_and_reset),
        CASE(test_redirects_are_answers),
        CASE(test_another_authority),
        CASE(test_another_name),
        CASE(test_addresses),
        CASE(test_public_only),
        CASE(test_freed_under_way),
    };

    return cmocka_run_group_tests(tests, group_up, group_down);
}
