/* SPDX-License-Identifier: MIT */
/* Tests of Redis addresses: all forms, every part at its limit and one over it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <stdio.h>

#include "common/mem.h"
#include "common/redis_url.h"

static void good_urls(void **state)
{
    static const struct {
        const char *text;
        bool is_unix;
        const char *host;
        uint16_t port;
        uint32_t db;
        const char *user, *password;
    } rows[] = {
        {"redis://localhost", false, "localhost", 6379, 0, "", ""},
        {"redis://localhost/", false, "localhost", 6379, 0, "", ""},
        {"redis://10.0.0.1:7000/15", false, "10.0.0.1", 7000, 15, "", ""},
        {"redis://h:65535/65535", false, "h", 65535, 65535, "", ""},
        {"redis://:secret@h", false, "h", 6379, 0, "", "secret"},
        {"redis://me:se%2Fcr%40t@h:1/2", false, "h", 1, 2, "me", "se/cr@t"},
        {"redis://:with@and:colon@h", false, "h", 6379, 0, "", "with@and:colon"},
        {"redis://:wi?th@h/1", false, "h", 6379, 1, "", "wi?th"},
        {"redis://[::1]", false, "::1", 6379, 0, "", ""},
        {"redis://:p@[fe80::2]:1234/3", false, "fe80::2", 1234, 3, "", "p"},
        {"unix:///run/redis.sock", true, "/run/redis.sock", 6379, 0, "", ""},
        {"unix:///run/redis.sock?db=4", true, "/run/redis.sock", 6379, 4, "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct redis_url url;

        assert_int_equal(redis_url_parse(rows[i].text, &url), 0);
        assert_int_equal(url.is_unix, rows[i].is_unix);
        assert_string_equal(url.host, rows[i].host);
        assert_int_equal(url.port, rows[i].port);
        assert_int_equal(url.db, rows[i].db);
        assert_string_equal(url.user, rows[i].user);
        assert_string_equal(url.password, rows[i].password);
    }
}

static void sentinel_urls(void **state)
{
    static const char long_list[] = "redis+sentinel://a,b,c,d,e,f,g,h,i/s";
    struct redis_url url;

    (void)state;
    assert_int_equal(
        redis_url_parse(
            "redis+sentinel://me:p%40w@a,10.0.0.2:5000,[::1]:6/main/3?sentinel_password=q%2F",
            &url),
        0);
    assert_int_equal(url.seeds.topology, REDIS_SENTINEL);
    assert_int_equal(url.seeds.count, 3);
    assert_string_equal(url.seeds.at[0].host, "a");
    assert_int_equal(url.seeds.at[0].port, 26379);
    assert_string_equal(url.seeds.at[1].host, "10.0.0.2");
    assert_int_equal(url.seeds.at[1].port, 5000);
    assert_string_equal(url.seeds.at[2].host, "::1");
    assert_int_equal(url.seeds.at[2].port, 6);
    assert_string_equal(url.seeds.service, "main");
    assert_string_equal(url.seeds.password, "q/");
    assert_string_equal(url.user, "me");
    assert_string_equal(url.password, "p@w");
    assert_int_equal(url.db, 3);
    assert_int_equal(redis_url_parse("redis+sentinel://a/s", &url), 0);
    assert_int_equal(url.seeds.count, 1);
    assert_int_equal(url.db, 0);
    assert_string_equal(url.seeds.password, "");
    assert_int_equal(redis_url_parse("redis://a/1", &url), 0);
    assert_int_equal(url.seeds.count, 0);
    assert_int_equal(redis_url_parse(long_list, &url), ERR_LIMIT);
    assert_int_equal(redis_url_parse("redis+sentinel://a", &url), ERR_SYNTAX);
    assert_int_equal(redis_url_parse("redis+sentinel://a/", &url), ERR_SYNTAX);
    assert_int_equal(redis_url_parse("redis+sentinel:///s", &url), ERR_SYNTAX);
    assert_int_equal(redis_url_parse("redis+sentinel://a,/s", &url), ERR_SYNTAX);
    assert_int_equal(redis_url_parse("redis+sentinel://a:0/s", &url), ERR_RANGE);
    assert_int_equal(redis_url_parse("redis+sentinel://a/s/99999999", &url), ERR_RANGE);
    assert_int_equal(redis_url_parse("redis+sentinel://a/s?x=1", &url), ERR_SYNTAX);
}

static void cluster_urls(void **state)
{
    struct redis_url url;

    (void)state;
    assert_int_equal(redis_url_parse("redis+cluster://me:p%40w@a,10.0.0.2:5000,[::1]:6", &url), 0);
    assert_int_equal(url.seeds.topology, REDIS_CLUSTER);
    assert_int_equal(url.seeds.count, 3);
    assert_string_equal(url.seeds.at[0].host, "a");
    assert_int_equal(url.seeds.at[0].port, 6379);
    assert_int_equal(url.seeds.at[1].port, 5000);
    assert_string_equal(url.seeds.at[2].host, "::1");
    assert_string_equal(url.user, "me");
    assert_string_equal(url.password, "p@w");
    assert_string_equal(url.seeds.user, "me");
    assert_string_equal(url.seeds.password, "p@w");
    assert_false(url.is_tls);
    assert_int_equal(redis_url_parse("redis+cluster://a/", &url), 0);
    assert_int_equal(redis_url_parse("redis+cluster://a,b,c,d,e,f,g,h", &url), 0);
    assert_int_equal(redis_url_parse("redis+cluster://a,b,c,d,e,f,g,h,i", &url), ERR_LIMIT);
    assert_int_equal(redis_url_parse("redis+cluster://a/0", &url), ERR_SYNTAX);
    assert_int_equal(redis_url_parse("redis+cluster://u:p@a,u:p@b", &url), ERR_SYNTAX);
    assert_int_equal(redis_url_parse("redis+cluster://", &url), ERR_SYNTAX);
    assert_int_equal(redis_url_parse("redis+cluster://a?sentinel_password=x", &url), ERR_SYNTAX);
}

static void tls_urls(void **state)
{
    static const struct {
        const char *text;
        enum redis_topology topology;
        const char *ca_file;
    } rows[] = {
        {"rediss://h", REDIS_ALONE, ""},
        {"rediss://:p@h:1/2?ca_file=/etc/a%20b.pem", REDIS_ALONE, "/etc/a b.pem"},
        {"rediss+sentinel://a,b/s?sentinel_password=q&ca_file=/x", REDIS_SENTINEL, "/x"},
        {"rediss+sentinel://a,b/s?ca_file=/x&sentinel_password=q", REDIS_SENTINEL, "/x"},
        {"rediss+cluster://a,b?ca_file=/x", REDIS_CLUSTER, "/x"},
    };
    struct redis_url url;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(redis_url_parse(rows[i].text, &url), 0);
        assert_true(url.is_tls);
        assert_int_equal(url.seeds.topology, rows[i].topology);
        assert_string_equal(url.ca_file, rows[i].ca_file);
        assert_string_equal(url.seeds.password, rows[i].topology == REDIS_SENTINEL ? "q" : "");
        assert_int_equal(redis_url_check(rows[i].text), KIBRAY_REDIS_TLS ? 0 : ERR_MISSING);
    }
    assert_int_equal(redis_url_parse("rediss://h?x=1", &url), ERR_SYNTAX);
    assert_int_equal(redis_url_parse("rediss://h?ca_file=%00", &url), ERR_SYNTAX);
    assert_int_equal(redis_url_check("rediss://"), ERR_SYNTAX);
    assert_int_equal(redis_url_check("redis://h"), 0);
}

static void prefixes(void **state)
{
    static const struct {
        const char *url, *prefix, *fitted; /* fitted NULL: a problem */
    } rows[] = {
        {"redis://h", "kb:", "kb:"},
        {"redis://h", "", ""},
        {"redis+sentinel://h/s", "kb:", "kb:"},
        {"redis+cluster://h", "kb:", "{kb:}"},
        {"redis+cluster://h", "", NULL},
        {"redis://h", "{kb}:", NULL},
        {"redis://h", "k b", NULL},
        {"redis://h", "k\xc3\xa4", NULL},
        {"redis://h", "12345678901234567890123456789012", "12345678901234567890123456789012"},
        {"redis://h", "123456789012345678901234567890123", NULL},
        {"redis+cluster://h", "123456789012345678901234567890", "{123456789012345678901234567890}"},
        {"redis+cluster://h", "1234567890123456789012345678901", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *problem = redis_prefix_problem(rows[i].url, rows[i].prefix);
        char *prefix = mem_dup_str(bytes_str(rows[i].prefix));

        assert_non_null(prefix);
        if (rows[i].fitted) {
            assert_null(problem);
            assert_int_equal(redis_prefix_fit(rows[i].url, &prefix), 0);
            assert_string_equal(prefix, rows[i].fitted);
        } else {
            assert_non_null(problem);
        }
        mem_free(prefix);
    }
}

static void what_a_sentinel_answers(void **state)
{
    struct redis_url url;

    (void)state;
    assert_int_equal(redis_url_parse("redis+sentinel://a/s/2", &url), 0);
    assert_int_equal(redis_url_set_address(&url, BYTES_LIT("10.0.0.9"), BYTES_LIT("7001")), 0);
    assert_string_equal(url.host, "10.0.0.9");
    assert_int_equal(url.port, 7001);
    assert_int_equal(redis_url_set_address(&url, BYTES_NONE, BYTES_LIT("1")), ERR_SYNTAX);
    assert_int_equal(redis_url_set_address(&url, BYTES_LIT("h x"), BYTES_LIT("1")), ERR_SYNTAX);
    assert_int_equal(redis_url_set_address(&url, BYTES_LIT("h"), BYTES_LIT("0")), ERR_RANGE);
    assert_int_equal(redis_url_set_address(&url, BYTES_LIT("h"), BYTES_LIT("65536")), ERR_RANGE);
    assert_int_equal(redis_url_set_address(&url, BYTES_LIT("h"), BYTES_LIT("-1")), ERR_SYNTAX);
    assert_string_equal(url.host, "10.0.0.9");
}

static void bad_urls(void **state)
{
    static const struct {
        const char *text;
        int err;
    } rows[] = {
        {NULL, ERR_SYNTAX},
        {"", ERR_SYNTAX},
        {"localhost", ERR_SYNTAX},
        {"http://localhost", ERR_SYNTAX},
        {"redis:/localhost", ERR_SYNTAX},
        {"redis://", ERR_SYNTAX},
        {"redis://:6379", ERR_SYNTAX},
        {"redis://h:", ERR_SYNTAX},
        {"redis://h:0", ERR_RANGE},
        {"redis://h:65536", ERR_RANGE},
        {"redis://h:99999999999999", ERR_RANGE},
        {"redis://h:12a", ERR_SYNTAX},
        {"redis://h/x", ERR_SYNTAX},
        {"redis://h/65536", ERR_RANGE},
        {"redis://h /1", ERR_SYNTAX},
        {"redis://h\x7f", ERR_SYNTAX},
        {"redis://user@h", ERR_SYNTAX},
        {"redis://:p%4@h", ERR_SYNTAX},
        {"redis://:p%zz@h", ERR_SYNTAX},
        {"redis://:p%00@h", ERR_SYNTAX},
        {"redis://[::1", ERR_SYNTAX},
        {"redis://[::1]6379", ERR_SYNTAX},
        {"redis://[]", ERR_SYNTAX},
        {"unix://relative", ERR_SYNTAX},
        {"unix://", ERR_SYNTAX},
        {"unix:///a?db=", ERR_SYNTAX},
        {"unix:///a?x=1", ERR_SYNTAX},
        {"unix:///a?db=65536", ERR_RANGE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct redis_url url = {.port = 7};

        assert_int_equal(redis_url_parse(rows[i].text, &url), rows[i].err);
        assert_int_equal(url.port, 7);
    }
}

static void lengths(void **state)
{
    struct redis_url url;
    char text[600];

    (void)state;
    for (int over = 0; over < 2; over++) {
        int err = over ? ERR_LIMIT : 0;

        (void)snprintf(text, sizeof(text), "redis://%0*d", (int)REDIS_URL_PART_MAX + over, 1);
        assert_int_equal(redis_url_parse(text, &url), err);
        (void)snprintf(text, sizeof(text), "redis://:%0*d@h", (int)REDIS_URL_PART_MAX + over, 1);
        assert_int_equal(redis_url_parse(text, &url), err);
        (void)snprintf(text, sizeof(text), "redis://%0*d:p@h", (int)REDIS_URL_PART_MAX + over, 1);
        assert_int_equal(redis_url_parse(text, &url), err);
        (void)snprintf(text, sizeof(text), "unix:///%0*d", (int)REDIS_URL_PATH_MAX - 1 + over, 1);
        assert_int_equal(redis_url_parse(text, &url), err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_urls),    cmocka_unit_test(sentinel_urls),
        cmocka_unit_test(cluster_urls), cmocka_unit_test(tls_urls),
        cmocka_unit_test(prefixes),     cmocka_unit_test(what_a_sentinel_answers),
        cmocka_unit_test(bad_urls),     cmocka_unit_test(lengths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
