/* SPDX-License-Identifier: MIT */
/* The web application's files: paths, encodings, tags, header lines, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gateway/web_files.h"

static struct web_files *files;
static struct buf headers;

static int set_up(void **state)
{
    static const struct {
        const char *path, *content;
    } ALL[] = {{"index.html", "<p>"},
               {"assets/app-1a2b.js", "script"},
               {"assets/app-1a2b.js.gz", "GZ"},
               {"assets/app-1a2b.js.br", "BR"},
               {"sw.js", "worker"},
               {"only.css.gz", "no plain form"}};

    (void)state;
    buf_init(&headers, WEB_HEADERS_MAX_BYTES);
    files = web_files_new();
    for (size_t i = 0; i < sizeof(ALL) / sizeof(ALL[0]); i++) {
        assert_int_equal(web_files_add(files, bytes_str(ALL[i].path), bytes_str(ALL[i].content)),
                         0);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    web_files_free(files);
    buf_done(&headers);
    return 0;
}

static int ask(const char *path, const char *encodings, const char *tag, struct web_answer *out)
{
    const struct web_request req = {bytes_str(path), bytes_str(encodings), bytes_str(tag)};

    buf_reset(&headers);
    return web_files_answer(files, &req, BYTES_LIT("https://s3.example"), out, &headers);
}

static bool has_line(const char *line)
{
    return memmem(headers.data, headers.len, line, strlen(line)) != NULL;
}

static void test_paths(void **state)
{
    static const char *const NONE[] = {"/index.htm",
                                       "/assets",
                                       "/assets/",
                                       "/../index.html",
                                       "",
                                       "/only.css",
                                       "/assets/app-1a2b.js.gz",
                                       "//index.html"};
    struct web_answer a;

    (void)state;
    assert_int_equal(web_files_count(files), 3);
    assert_int_equal(ask("/", "", "", &a), 0);
    assert_true(bytes_eq_str(a.body, "<p>"));
    assert_true(bytes_eq_str(a.type, "text/html; charset=utf-8"));
    assert_true(has_line("Cache-Control: no-cache\r\n"));
    assert_true(has_line("connect-src 'self' ws: wss: https://s3.example;"));
    assert_int_equal(ask("/sw.js", "", "", &a), 0);
    assert_true(has_line("Cache-Control: no-cache\r\n"));
    assert_false(has_line("Content-Security-Policy"));
    for (size_t i = 1; i < sizeof(NONE) / sizeof(NONE[0]); i++) {
        if (NONE[i][0] != '\0') {
            assert_int_equal(ask(NONE[i], "", "", &a), ERR_NOT_FOUND);
            assert_int_equal(headers.len, 0);
        }
    }
}

static void test_encodings(void **state)
{
    static const struct {
        const char *accept, *body, *line;
    } ROWS[] = {
        {"", "script", NULL},
        {"gzip", "GZ", "Content-Encoding: gzip\r\n"},
        {"gzip, deflate, br", "BR", "Content-Encoding: br\r\n"},
        {"br;q=0, gzip;q=0.5", "GZ", "Content-Encoding: gzip\r\n"},
        {"br;q=0.0, gzip ;q=1", "BR", "Content-Encoding: br\r\n"},
        {"gzip;q=0", "script", NULL},
        {"xgzip, brx", "script", NULL},
        {"identity", "script", NULL},
    };
    struct web_answer a;

    (void)state;
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        assert_int_equal(ask("/assets/app-1a2b.js", ROWS[i].accept, "", &a), 0);
        assert_true(bytes_eq_str(a.body, ROWS[i].body));
        assert_int_equal(has_line("Content-Encoding"), ROWS[i].line != NULL);
        assert_true(!ROWS[i].line || has_line(ROWS[i].line));
        assert_true(has_line("Cache-Control: public, max-age=31536000, immutable\r\n"));
        assert_true(has_line("Vary: Accept-Encoding\r\n"));
    }
}

static void test_tags(void **state)
{
    struct web_answer a;
    char tag[64];
    const char *at;

    (void)state;
    assert_int_equal(ask("/assets/app-1a2b.js", "gzip", "", &a), 0);
    at = memmem(headers.data, headers.len, "ETag: ", 6);
    assert_non_null(at);
    (void)snprintf(tag, sizeof(tag), "W/\"x\", %.*s", (int)strcspn(at + 6, "\r"), at + 6);
    assert_int_equal(ask("/assets/app-1a2b.js", "gzip", tag, &a), 0);
    assert_int_equal(a.status, 304);
    assert_int_equal(a.body.len, 0);
    assert_int_equal(ask("/assets/app-1a2b.js", "br", tag, &a), 0); /* other bytes, another tag */
    assert_int_equal(a.status, 200);
}

static void test_limits(void **state)
{
    char *large = calloc(1, WEB_FILE_MAX_BYTES + 1), path[32];
    int err = 0;

    (void)state;
    assert_int_equal(web_files_add(files, BYTES_LIT("sw.js"), BYTES_LIT("x")), ERR_LIMIT);
    assert_int_equal(
        web_files_add(files, BYTES_LIT("large"), bytes_of(large, WEB_FILE_MAX_BYTES + 1)),
        ERR_LIMIT);
    for (int i = 0; i < 20 && err == 0; i++) {
        int len = snprintf(path, sizeof(path), "f%d", i);
        err =
            web_files_add(files, bytes_of(path, (size_t)len), bytes_of(large, WEB_FILE_MAX_BYTES));
    }
    assert_int_equal(err, ERR_LIMIT);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_encodings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
