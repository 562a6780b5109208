/* SPDX-License-Identifier: MIT */
/* Tests of the settings: precedence, every type at its limits, the sentences about problems, and
 * that secrets are never shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/conf.h"
#include "common/mem.h"

struct settings {
    char *url;
    char *origins;
    char *token;
    uint32_t limit;
    uint32_t level;
    bool is_fast;
};

static const struct conf_row rows[] = {
    {"redis-url", "REDIS_URL", CONF_STR, offsetof(struct settings, url), "", "redis://localhost", 0,
     0, NULL, true, false, "Where Redis is."},
    {"origins", "ORIGINS", CONF_LIST, offsetof(struct settings, origins), "", "", 0, 0, NULL, false,
     true, "Who may connect."},
    {"token", "TOKEN", CONF_STR, offsetof(struct settings, token), "", "", 0, 0, NULL, true, false,
     "A secret."},
    {"limit", "LIMIT", CONF_U32, offsetof(struct settings, limit), "bytes", "10", 5, 4294967295u,
     NULL, false, true, "How much."},
    {"level", "LEVEL", CONF_ENUM, offsetof(struct settings, level), "", "info", 0, 0,
     "debug|info|warn", false, false, "How loud."},
    {"fast", "FAST", CONF_BOOL, offsetof(struct settings, is_fast), "", "no", 0, 0, NULL, false,
     false, "Whether to hurry."},
};
static const size_t row_count = sizeof(rows) / sizeof(rows[0]);

/* The environment of a test: name, value, name, value, NULL. */
static const char *from_pairs(void *arg, const char *name)
{
    const char **pairs = arg;

    for (size_t i = 0; pairs[i]; i += 2) {
        if (strcmp(pairs[i], name) == 0) {
            return pairs[i + 1];
        }
    }
    return NULL;
}

static const char *no_env[] = {NULL};

/* Load from a NULL-terminated list of arguments (without the program's name). */
static int load(struct settings *s, const char **args, const char **env, struct conf_words *words,
                struct buf *problem)
{
    char *argv[16] = {(char *)"program"};
    int argc = 1;

    for (; args[argc - 1]; argc++) {
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
    }
    memset(s, 0, sizeof(*s));
    return conf_load(rows, row_count, s, &(struct conf_input){argc, argv, from_pairs, env}, words,
                     problem);
}

static void defaults(void **state)
{
    struct settings s;

    (void)state;
    assert_int_equal(load(&s, no_env, no_env, NULL, NULL), 0);
    assert_string_equal(s.url, "redis://localhost");
    assert_string_equal(s.origins, "");
    assert_int_equal(s.limit, 10);
    assert_int_equal(s.level, 1);
    assert_false(s.is_fast);
    conf_free(rows, row_count, &s);
    assert_null(s.url);
}

static void flag_wins_over_environment_over_default(void **state)
{
    const char *args[] = {"--limit", "7", "--origins=a, b", "--limit=8", NULL};
    const char *env[] = {"LIMIT", "6", "LEVEL", "warn", "FAST", "", "REDIS_URL", "", NULL};
    struct settings s;

    (void)state;
    assert_int_equal(load(&s, args, env, NULL, NULL), 0);
    assert_int_equal(s.limit, 8); /* the last flag */
    assert_string_equal(s.origins, "a,b");
    assert_int_equal(s.level, 2);
    assert_false(s.is_fast);        /* empty cannot be a bool: as if not set */
    assert_string_equal(s.url, ""); /* empty can be a text */
    conf_free(rows, row_count, &s);
}

static void bools_and_words(void **state)
{
    static const struct {
        const char *args[6];
        bool is_fast;
        size_t word_count;
        const char *first_word;
    } table[] = {
        {{"--fast", NULL}, true, 0, NULL},
        {{"--fast", "run", NULL}, true, 1, "run"},
        {{"--fast", "off", "run", NULL}, false, 1, "run"},
        {{"--fast=yes", "-", NULL}, true, 1, "-"},
        {{"--fast=0", "--", "--limit", NULL}, false, 1, "--limit"},
        {{"a", "--fast", "--limit", "9", "b", NULL}, true, 2, "a"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *args[6];
        struct conf_words words = {.count = 99};
        struct settings s;

        memcpy(args, table[i].args, sizeof(args));
        assert_int_equal(load(&s, args, no_env, &words, NULL), 0);
        assert_int_equal(s.is_fast, table[i].is_fast);
        assert_int_equal(words.count, table[i].word_count);
        if (words.count > 0) {
            assert_string_equal(words.items[0], table[i].first_word);
        }
        conf_free(rows, row_count, &s);
    }
}

static void problems_name_the_setting_and_the_value(void **state)
{
    static const struct {
        const char *args[4];
        int err;
        const char *sentence;
    } table[] = {
        {{"--limit=4", NULL}, ERR_RANGE, "--limit (LIMIT): \"4\" is below the minimum"},
        {{"--limit=4294967296", NULL},
         ERR_RANGE,
         "--limit (LIMIT): \"4294967296\" is above the maximum"},
        {{"--limit=99999999999999999999999", NULL},
         ERR_RANGE,
         "--limit (LIMIT): \"99999999999999999999999\" is above the maximum"},
        {{"--limit=", NULL}, ERR_SYNTAX, "--limit (LIMIT): \"\" is not a whole number"},
        {{"--limit=-5", NULL}, ERR_SYNTAX, "--limit (LIMIT): \"-5\" is not a whole number"},
        {{"--limit= 5", NULL}, ERR_SYNTAX, "--limit (LIMIT): \" 5\" is not a whole number"},
        {{"--limit", NULL}, ERR_SYNTAX, "--limit (LIMIT): \"\" has no value after the flag"},
        {{"--level=loud", NULL}, ERR_SYNTAX, "--level (LEVEL): \"loud\" is none of the choices"},
        {{"--level=info|warn", NULL},
         ERR_SYNTAX,
         "--level (LEVEL): \"info|warn\" is none of the choices"},
        {{"--fast=maybe", NULL}, ERR_SYNTAX, "--fast (FAST): \"maybe\" is neither yes nor no"},
        {{"--wrong", NULL}, ERR_NOT_FOUND, "\"wrong\" is not a known flag"},
        {{"--limi=5", NULL}, ERR_NOT_FOUND, "\"limi\" is not a known flag"},
        {{"-x", NULL}, ERR_NOT_FOUND, "\"-x\" is not a known flag"},
        {{"word", NULL}, ERR_SYNTAX, "\"word\" is not a flag"},
        {{"--token", NULL}, ERR_SYNTAX, "--token (TOKEN): <redacted> has no value after the flag"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *args[4];
        struct buf problem;
        struct settings s;

        memcpy(args, table[i].args, sizeof(args));
        buf_init(&problem, 1000);
        assert_int_equal(load(&s, args, no_env, NULL, &problem), table[i].err);
        assert_int_equal(buf_append_char(&problem, '\0'), 0);
        assert_string_equal(problem.data, table[i].sentence);
        assert_null(s.url);
        buf_done(&problem);
    }
}

static void words_are_bounded(void **state)
{
    const char *args[] = {"1", "2", "3", "4", "5", "6", "7", "8", NULL, NULL};
    struct conf_words words = {.count = 77};
    struct settings s;

    (void)state;
    args[8] = "9";
    assert_int_equal(load(&s, args, no_env, &words, NULL), ERR_SYNTAX);
    assert_int_equal(words.count, 77);
    args[8] = NULL;
    assert_int_equal(load(&s, args, no_env, &words, NULL), 0);
    assert_int_equal(words.count, 8);
    conf_free(rows, row_count, &s);
}

static void assert_dumps(const char *url, const char *shown)
{
    const char *env[] = {"REDIS_URL", url, "TOKEN", "hu://sh", "ORIGINS", "a,b", NULL};
    struct settings s;
    struct buf out, expected;

    buf_init(&out, 1000);
    buf_init(&expected, 1000);
    assert_int_equal(load(&s, no_env, env, NULL, NULL), 0);
    assert_int_equal(conf_dump_json(rows, row_count, &s, &out), 0);
    assert_int_equal(buf_append_char(&out, '\0'), 0);
    assert_int_equal(buf_printf(&expected,
                                "{\"REDIS_URL\":\"%s\",\"ORIGINS\":\"a,b\",\"TOKEN\":"
                                "\"<redacted>\",\"LIMIT\":10,\"LEVEL\":\"info\",\"FAST\":false}",
                                shown),
                     0);
    assert_int_equal(buf_append_char(&expected, '\0'), 0);
    assert_string_equal(out.data, expected.data);
    buf_done(&out);
    buf_done(&expected);
    conf_free(rows, row_count, &s);
}

static void dumps_hide_secrets(void **state)
{
    (void)state;
    assert_dumps("redis://host", "redis://host");
    assert_dumps("redis://host:6379/1", "redis://host:6379/1");
    assert_dumps("redis://:pw@host", "redis://:<redacted>@host");
    assert_dumps("postgresql://me:p/w?@h:5432/db", "postgresql://me:<redacted>@h:5432/db");
    assert_dumps("postgresql://me@h/db", "postgresql://me@h/db");
    assert_dumps("redis://:a@b@host", "redis://:<redacted>@host");
    assert_dumps("redis://:a@h1,redis://:b@h2", "redis://:<redacted>@h2");
    assert_dumps("postgresql://h/db?user=u&password=pw&x=1",
                 "postgresql://h/db?user=u&password=<redacted>&x=1");
    assert_dumps("postgresql://h/db?sslPassword=pw", "postgresql://h/db?sslPassword=<redacted>");
    assert_dumps("host=h password=pw", "<redacted>");
    assert_dumps("", "");
}

static void lists(void **state)
{
    static const char list[] = " a , b,,c ,";
    struct bytes item;
    size_t pos = 0;

    (void)state;
    assert_true(conf_list_next(list, &pos, &item) && bytes_eq_str(item, "a"));
    assert_true(conf_list_next(list, &pos, &item) && bytes_eq_str(item, "b"));
    assert_true(conf_list_next(list, &pos, &item) && bytes_eq_str(item, "c"));
    assert_false(conf_list_next(list, &pos, &item));
    assert_false(conf_list_next(list, &pos, &item));
    assert_true(conf_list_has(list, BYTES_LIT("b")));
    assert_false(conf_list_has(list, BYTES_LIT("")));
    assert_false(conf_list_has(list, BYTES_LIT("a ")));
    assert_false(conf_list_has("", BYTES_LIT("a")));
    assert_false(conf_list_has(NULL, BYTES_LIT("a")));
    assert_false(conf_list_has("abc", BYTES_LIT("ab")));
}

static void texts_for_people(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 10000);
    assert_int_equal(conf_help(rows, row_count, &out), 0);
    assert_int_equal(buf_append_char(&out, '\0'), 0);
    assert_non_null(strstr(out.data,
                           "  --limit <number>\n      How much.\n      environment LIMIT; "
                           "default 10 bytes; 5 to 4294967295; reloadable\n"));
    assert_non_null(strstr(out.data, "  --level <debug|info|warn>\n"));
    buf_reset(&out);
    assert_int_equal(conf_markdown(rows, row_count, &out), 0);
    assert_int_equal(buf_append_char(&out, '\0'), 0);
    assert_non_null(strstr(out.data, "| `LIMIT` | `--limit` | number, bytes, 5–4294967295 | `10` "
                                     "|  | yes | How much. |\n"));
    assert_non_null(strstr(out.data, "debug\\|info\\|warn"));
    buf_done(&out);
}

static void every_allocation_may_fail(void **state)
{
    const char *args[] = {"--limit=9", "--origins", "x,y", "word", NULL};
    int err = ERR_NOMEM;

    (void)state;
    for (size_t nth = 1; err == ERR_NOMEM; nth++) {
        struct conf_words words = {.count = 55};
        struct buf problem;
        struct settings s;

        assert_true(nth < 1000);
        buf_init(&problem, 1000);
        (void)mem_fail_after(nth);
        err = load(&s, args, no_env, &words, &problem);
        (void)mem_fail_after(0);
        assert_true(err == 0 || err == ERR_NOMEM);
        assert_int_equal(words.count, err == 0 ? 1 : 55);
        assert_true((s.url != NULL) == (err == 0));
        conf_free(rows, row_count, &s);
        buf_done(&problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(flag_wins_over_environment_over_default),
        cmocka_unit_test(bools_and_words),
        cmocka_unit_test(problems_name_the_setting_and_the_value),
        cmocka_unit_test(words_are_bounded),
        cmocka_unit_test(dumps_hide_secrets),
        cmocka_unit_test(lists),
        cmocka_unit_test(texts_for_people),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
