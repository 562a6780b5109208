/* SPDX-License-Identifier: MIT */
/* Tests of the administrative commands against a real PostgreSQL: what they store, print and
 * refuse, and their exit codes. */
#include "tests/integration/pg_fixture.h"

#include <fcntl.h>

#include "broker/django_password.h"
#include "broker/io/admin.h"

#define ARGS_MAX 12

static char printed[128]; /* standard output of the last command */

static int set_up(void **state)
{
    (void)setenv("KIBRAY_PASSWORD", "s3cret pass", 1);
    return fixture_set_up(state) != 0 ? -1 : migrate_run(fx.dsn);
}

/* Run "user add alice --staff" the way main does: words and flags apart. */
static int admin(const char *line)
{
    static char text[512];
    char *argv[ARGS_MAX] = {"kibray-broker"};
    const char *words[ARGS_MAX];
    size_t word_count = 0;
    int argc = 1, code, saved, file;
    bool is_value = false;
    ssize_t n;

    (void)snprintf(text, sizeof(text), "%s", line);
    for (char *word = strtok(text, " "); word && argc < ARGS_MAX; word = strtok(NULL, " ")) {
        bool is_flag = !is_value && admin_is_flag(word, &is_value);

        argv[argc++] = word;
        if (!is_flag && !is_value) {
            words[word_count++] = word;
        } else if (!is_flag) {
            is_value = false;
        }
    }
    (void)fflush(stdout);
    saved = dup(STDOUT_FILENO);
    file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    assert_true(saved >= 0 && file >= 0);
    (void)dup2(file, STDOUT_FILENO);
    code = admin_run(fx.dsn, words, word_count, argc, argv);
    (void)fflush(stdout);
    (void)dup2(saved, STDOUT_FILENO);
    n = pread(file, printed, sizeof(printed) - 1, 0);
    printed[n > 0 ? n : 0] = '\0';
    (void)close(saved);
    (void)close(file);
    return code;
}

static int check_password(const char *user, const char *password)
{
    struct bytes name = bytes_str(user);
    struct pg_result *r = NULL;
    int err;

    assert_int_equal(pg_cli_query(fx.sql,
                                  "SELECT password FROM auth_user WHERE username = $1::text", &name,
                                  1, &r),
                     0);
    assert_int_equal(pg_result_rows(r), 1);
    assert_true(bytes_has_prefix(pg_result_get(r, 0, 0), BYTES_LIT("pbkdf2_sha256$600000$")));
    err = django_password_check(bytes_str(password), pg_result_get(r, 0, 0));
    pg_cli_result_free(r);
    return err;
}

static void users_are_added(void **state)
{
    (void)state;
    assert_int_equal(admin("user add alice --staff --email a@example.com"), 0);
    assert_int_equal(strtoll(printed, NULL, 10),
                     fixture_number("SELECT id FROM auth_user WHERE username = 'alice' AND is_staff"
                                    " AND is_active AND NOT is_superuser"
                                    " AND email = 'a@example.com' AND last_login IS NULL"));
    assert_int_equal(check_password("alice", "s3cret pass"), 0);
    assert_int_equal(check_password("alice", "other"), ERR_DENIED);
    assert_int_equal(admin("user add bob --email=b@example.com"), 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM auth_user WHERE NOT is_staff"
                                    " AND email = 'b@example.com'"),
                     1);
}

static void an_existing_user_is_an_error_unless_asked(void **state)
{
    char first[sizeof(printed)];

    (void)state;
    assert_int_equal(admin("user add alice"), 0);
    (void)snprintf(first, sizeof(first), "%s", printed);
    assert_int_equal(admin("user add alice --staff"), 1);
    assert_string_equal(printed, "");
    (void)unsetenv("KIBRAY_PASSWORD"); /* not even asked for */
    assert_int_equal(admin("user add --if-absent alice --staff"), 0);
    assert_string_equal(printed, first);
    assert_int_equal(fixture_number("SELECT count(*) FROM auth_user WHERE is_staff"), 0);
}

static void unfit_users_are_refused(void **state)
{
    static const char *const lines[] = {"user add a'b", "user add a/b", "user add a\tb",
                                        "user add \xff"};
    char line[256] = "user add ";

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(admin(lines[i]), 1);
    }
    memset(line + strlen(line), 'x', 151);
    assert_int_equal(admin(line), 1);
    assert_int_equal(fixture_number("SELECT count(*) FROM auth_user"), 0);
    line[strlen(line) - 1] = '\0';
    assert_int_equal(admin(line), 0);
    (void)setenv("KIBRAY_PASSWORD", "", 1);
    assert_int_equal(admin("user add carol"), 1);
    assert_int_equal(fixture_number("SELECT count(*) FROM auth_user"), 1);
}

static void passwords_come_from_standard_input_too(void **state)
{
    int pipe_fds[2], saved = dup(STDIN_FILENO);

    (void)state;
    assert_int_equal(admin("user add alice"), 0);
    (void)unsetenv("KIBRAY_PASSWORD");
    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(write(pipe_fds[1], "from a line\r\nnot this", 21), 21);
    (void)close(pipe_fds[1]);
    (void)dup2(pipe_fds[0], STDIN_FILENO);
    assert_int_equal(admin("user passwd alice"), 0);
    (void)dup2(saved, STDIN_FILENO);
    (void)close(saved);
    (void)close(pipe_fds[0]);
    assert_int_equal(check_password("alice", "from a line"), 0);
}

static void users_are_deactivated(void **state)
{
    (void)state;
    assert_int_equal(admin("user add alice"), 0);
    assert_int_equal(admin("user deactivate alice"), 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM auth_user WHERE is_active"), 0);
    assert_int_equal(admin("user deactivate nobody"), 1);
    assert_int_equal(admin("user passwd nobody"), 1);
}

static void channels_are_added(void **state)
{
    static const char *const unfit[] = {"channel add 123", "channel add a.b", "channel add a'b"};
    char first[sizeof(printed)];

    (void)state;
    assert_int_equal(admin("channel add general"), 0);
    (void)snprintf(first, sizeof(first), "%s", printed);
    assert_int_equal(strtoll(printed, NULL, 10), fixture_number("SELECT id FROM chat_channel"));
    assert_int_equal(admin("channel add leads --private"), 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_channel WHERE is_private"
                                    " AND name = 'leads' AND kind = 'group' AND last_seq = 0"),
                     1);
    assert_int_equal(admin("channel add general"), 1);
    assert_int_equal(admin("channel add general --private --if-absent"), 0);
    assert_string_equal(printed, first);
    for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++) {
        assert_int_equal(admin(unfit[i]), 1);
    }
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_channel"), 2);
}

static void members_are_added(void **state)
{
    char line[64];

    (void)state;
    assert_int_equal(admin("user add alice"), 0);
    assert_int_equal(admin("user add bob"), 0);
    assert_int_equal(admin("channel add leads --private"), 0);
    (void)snprintf(line, sizeof(line), "member add %lld bob", strtoll(printed, NULL, 10));
    assert_int_equal(admin("member add leads alice --owner"), 0);
    assert_int_equal(admin(line), 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_membership JOIN auth_user ON"
                                    " user_id = id WHERE (username, role) IN"
                                    " (('alice', 'owner'), ('bob', 'member'))"),
                     2);
    assert_int_equal(admin("member add leads alice"), 1);
    assert_int_equal(admin("member add leads alice --if-absent"), 0);
    assert_int_equal(admin("member add nowhere alice"), 1);
    assert_int_equal(admin("member add 999 alice"), 1);
    assert_int_equal(admin("member add leads nobody"), 1);
}

static void other_words_are_usage(void **state)
{
    static const char *const lines[] = {
        "user",         "user add",    "user add a b",       "user remove a",
        "member add x", "channel add", "user add a --email", "nothing at all"};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(admin(lines[i]), 2);
    }
}

static void flags_are_known(void **state)
{
    static const struct {
        const char *argument;
        bool is_flag, takes_next;
    } cases[] = {
        {"--staff", true, false},  {"--private", true, false},    {"--if-absent", true, false},
        {"--owner", true, false},  {"--email", true, true},       {"--email=a", true, false},
        {"--email=", true, false}, {"--staff=1", false, false},   {"--emailx", false, false},
        {"staff", false, false},   {"--log-level", false, false}, {"", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool takes_next = false;

        assert_int_equal(admin_is_flag(cases[i].argument, &takes_next), cases[i].is_flag);
        assert_int_equal(takes_next, cases[i].takes_next);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(users_are_added),
        TEST(an_existing_user_is_an_error_unless_asked),
        TEST(unfit_users_are_refused),
        TEST(passwords_come_from_standard_input_too),
        TEST(users_are_deactivated),
        TEST(channels_are_added),
        TEST(members_are_added),
        TEST(other_words_are_usage),
        cmocka_unit_test(flags_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
