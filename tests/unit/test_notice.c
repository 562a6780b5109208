/* SPDX-License-Identifier: MIT */
/* Entries of the stream "notify": what is accepted, and with which error the rest is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "broker/notice.h"

#define FIELDS_MAX 8u

struct fields {
    const char *pairs[2 * FIELDS_MAX]; /* name, value */
};

static struct bytes field_of(const void *arg, const char *name)
{
    const struct fields *f = arg;

    for (size_t i = 0; i < FIELDS_MAX && f->pairs[2 * i]; i++) {
        if (strcmp(f->pairs[2 * i], name) == 0) {
            return bytes_str(f->pairs[2 * i + 1]);
        }
    }
    return BYTES_NONE;
}

static struct buf kept;

static int read(const struct fields *f, struct notice *out)
{
    return notice_read(field_of, f, SANITIZE_MARKUP, &kept, out);
}

static int set_up(void **state)
{
    (void)state;
    buf_init(&kept, NOTICE_BYTES_MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_done(&kept);
    return 0;
}

static int64_t user(struct bytes users, size_t i)
{
    const struct up_notify n = {.users = users};

    assert_true(i < notify_user_count(&n));
    return notify_user(&n, i);
}

static void of_a_service(void **state)
{
    const struct fields f = {{"user_ids", "7,9007199254740991", "title", "Hi <b>", "message",
                              "javascript:x", "category", "ops", "url", "/a?b=c"}};
    struct notice n;

    (void)state;
    assert_int_equal(read(&f, &n), 0);
    assert_false(n.is_chat);
    assert_int_equal(n.users.len, 16);
    assert_int_equal(user(n.users, 0), 7);
    assert_int_equal(user(n.users, 1), ID_MAX);
    assert_true(bytes_eq_str(n.title, "Hi <\xe2\x80\x8b"
                                      "b>"));
    assert_true(bytes_eq_str(n.message, "x"));
    assert_true(bytes_eq_str(n.category, "ops"));
    assert_true(bytes_eq_str(n.url, "/a?b=c"));
}

static void of_a_service_with_the_least(void **state)
{
    const struct fields f = {{"user_ids", "7", "title", "t"}};
    struct notice n;

    (void)state;
    assert_int_equal(read(&f, &n), 0);
    assert_true(bytes_eq_str(n.category, NOTICE_CATEGORY));
    assert_int_equal(n.message.len, 0);
    assert_int_equal(n.url.len, 0);
}

static void of_a_chat(void **state)
{
    const struct fields f = {{"channel", "7", "message_id", "12", "author", "3", "at",
                              "1700000000000", "names", "bob\ncarol\n", "here", "3,4", "members",
                              "1"}};
    struct notice n;

    (void)state;
    assert_int_equal(read(&f, &n), 0);
    assert_true(n.is_chat);
    assert_int_equal(n.chat.channel_id, 7);
    assert_int_equal(n.chat.message_id, 12);
    assert_int_equal(n.chat.author_id, 3);
    assert_int_equal(n.chat.at_ms, 1700000000000);
    assert_true(n.chat.has_members);
    assert_true(bytes_eq_str(n.chat.names, "bob\ncarol\n"));
    assert_int_equal(user(n.chat.here, 1), 4);
    assert_true(bytes_eq_str(n.url, "/chat/7"));
    assert_true(bytes_eq_str(n.title, "New Message"));
}

static void what_is_refused(void **state)
{
    static const struct {
        struct fields fields;
        int err;
    } rows[] = {
        {{{"title", "t"}}, ERR_MISSING},
        {{{"user_ids", "1"}}, ERR_MISSING},
        {{{"user_ids", "1", "title", "javascript:"}}, ERR_MISSING}, /* nothing is left of it */
        {{{"user_ids", "alice", "title", "t"}}, ERR_SYNTAX},
        {{{"user_ids", "0", "title", "t"}}, ERR_SYNTAX},
        {{{"user_ids", "-1", "title", "t"}}, ERR_SYNTAX},
        {{{"user_ids", "1,,2", "title", "t"}}, ERR_SYNTAX},
        {{{"user_ids", "9007199254740992", "title", "t"}}, ERR_SYNTAX},
        {{{"user_ids", "99999999999999999999", "title", "t"}}, ERR_SYNTAX},
        {{{"user_ids", "1", "title", "t", "category", "a b"}}, ERR_SYNTAX},
        {{{"user_ids", "1", "title", "t", "url", "javascript:x"}}, ERR_SYNTAX},
        {{{"user_ids", "1", "title", "\xc3("}}, ERR_UTF8},
        {{{"channel", "x", "message_id", "1", "author", "1", "at", "1"}}, ERR_SYNTAX},
        {{{"channel", "1", "author", "1", "at", "1"}}, ERR_SYNTAX},
        {{{"channel", "1", "message_id", "1", "author", "1", "at", "1", "here", "x"}}, ERR_SYNTAX},
        {{{"channel", "1", "message_id", "1", "author", "1", "at", "1", "names", "\xff"}},
         ERR_UTF8},
    };
    struct notice n;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int err = read(&rows[i].fields, &n);
        if (err != rows[i].err) {
            fail_msg("row %zu: %s", i, err_name(err));
        }
    }
}

static void lengths(void **state)
{
    static const struct {
        const char *name;
        size_t max;
    } rows[] = {{"title", NOTICE_TITLE_MAX}, {"message", NOTICE_MESSAGE_MAX}};
    char *text = malloc(2 * NOTICE_MESSAGE_MAX + 4);
    struct notice n;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct fields f = {{rows[i].name, text, "title", "t", "user_ids", "1"}};
        for (size_t k = 0; k <= rows[i].max; k++) {
            memcpy(text + 2 * k, "\xc3\xa4", 3); /* two bytes, one character */
        }
        assert_int_equal(read(&f, &n), ERR_LIMIT);
        text[2 * rows[i].max] = '\0';
        assert_int_equal(read(&f, &n), 0);
    }
    free(text);
}

static void ids_are_counted(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 64);
    assert_int_equal(notice_ids(BYTES_LIT("1,2,3"), 3, &out), 0);
    assert_int_equal(out.len, 24);
    buf_reset(&out);
    assert_int_equal(notice_ids(BYTES_LIT("1,2,3,4"), 3, &out), ERR_LIMIT);
    buf_reset(&out);
    assert_int_equal(notice_ids(BYTES_NONE, 3, &out), 0);
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void urls(void **state)
{
    static const struct {
        const char *url;
        bool is_good;
    } rows[] = {
        {"/", true},
        {"/a/b?c=d#e", true},
        {"https://example.org/", true},
        {"http://x", true},
        {"", false},
        {"//example.org", false},
        {"a/b", false},
        {"javascript:x", false},
        {"ftp://x", false},
        {"/a b", false},
        {"/a\n", false},
        {"/\\example.org", false},
        {"/\x7f", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(notice_is_url(bytes_str(rows[i].url)), rows[i].is_good);
    }
    assert_true(notice_is_category(BYTES_LIT("a-B_9")));
    assert_false(notice_is_category(BYTES_LIT("")));
    assert_false(notice_is_category(BYTES_LIT("a.b")));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(of_a_service), TEST(of_a_service_with_the_least),
        TEST(of_a_chat),    TEST(what_is_refused),
        TEST(lengths),      TEST(ids_are_counted),
        TEST(urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
