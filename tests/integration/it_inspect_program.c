/* SPDX-License-Identifier: MIT */
/* Tests of inspect_file with programs in the place of kibray-inspect that hang, die, flood or lie.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "common/io/clock.h"
#include "tests/integration/inspect_probe.h"

/* What inspect_file makes of a shell script. */
static int answer_of(const char *script, uint32_t timeout_ms)
{
    char path[] = "/tmp/kibray-it-program.XXXXXX";
    int fd = mkstemp(path), err;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, script, strlen(script)), (ssize_t)strlen(script));
    assert_int_equal(fchmod(fd, 0700), 0);
    (void)close(fd);
    err = inspect_with(file_of_text("x"), path, timeout_ms);
    (void)unlink(path);
    return err;
}

#define SH "#!/bin/sh\n"
#define PNG_BEGIN "\\211PNG\\r\\n\\032\\n"

static void test_hanging_program(void **state)
{
    uint64_t begin_ms = clock_mono_ms();

    (void)state;
    assert_int_equal(answer_of(SH "exec sleep 60", 300), ERR_UNAVAILABLE);
    assert_int_equal(answer_of(SH "trap '' TERM INT; exec sleep 60", 300), ERR_UNAVAILABLE);
    assert_int_equal(answer_of(SH "echo 'type image/png'; exec sleep 60", 300), 0);
    assert_string_equal(r.type, "image/png");
    assert_int_equal(answer_of(SH "printf 'type image/p'; exec sleep 60", 300), ERR_UNAVAILABLE);
    assert_in_range(clock_mono_ms() - begin_ms, 1200, 4000);
    /* It closes its output and stays. */
    assert_int_equal(answer_of(SH "echo 'type a/b'; exec sleep 60 >&-", 20000), 0);
    assert_in_range(clock_mono_ms() - begin_ms, 1200, 5000);
}

static void test_dying_program(void **state)
{
    (void)state;
    assert_int_equal(answer_of(SH "kill -9 $$", 0), ERR_UNAVAILABLE);
    assert_int_equal(answer_of(SH "exit 0", 0), ERR_UNAVAILABLE);
    assert_int_equal(answer_of(SH "echo 'type image/png'; echo size 3 4; kill -9 $$", 0), 0);
    assert_string_equal(r.type, "image/png");
    assert_int_equal(r.width, 3);
    assert_no_thumbnail();
    assert_int_equal(inspect_with(file_of_text("x"), "/none/there", 0), ERR_UNAVAILABLE);
    assert_int_equal(inspect_with(file_of_text("x"), "/etc/passwd", 0), ERR_UNAVAILABLE);
    assert_int_equal(inspect_with(file_of_text("x"), NULL, 0),
                     ERR_UNAVAILABLE); /* beside us: none */
}

static void test_flooding_program(void **state)
{
    (void)state;
    assert_int_equal(answer_of(SH "exec yes", 0), ERR_UNAVAILABLE);
    assert_int_equal(answer_of(SH "echo 'type image/png'; echo size 3 4; exec yes", 0), 0);
    assert_no_thumbnail();
}

static void test_lying_program(void **state)
{
    static const char *const no_type[] = {
        "",
        "\n",
        "type\n",
        "type \n",
        "type png\n",
        "kind image/png\n",
        "type image/png x\n",
        "type image/\\001\n",
        "type image/png\\000\n",
        " type image/png\n",
        "type  image/png\n",
    };
    static const char *const no_thumbnail[] = {
        "thumbnail image/png 10 10 8\n" PNG_BEGIN "x",
        "thumbnail image/png 10 10 9\n" PNG_BEGIN,
        "thumbnail image/png 10 10 -8\n" PNG_BEGIN,
        "thumbnail image/png 321 10 8\n" PNG_BEGIN,
        "thumbnail image/png 10 99999999999 8\n" PNG_BEGIN,
        "thumbnail image/png 0 10 8\n" PNG_BEGIN,
        "thumbnail image/png 10 8\n" PNG_BEGIN,
        "thumbnail text/html 10 10 8\n" PNG_BEGIN,
        "thumbnail image/jpeg 10 10 8\n" PNG_BEGIN,
        "thumbnail image/png 10 10 8\n<script>",
        "thumbnail image/png 10 10 0\n",
        "thumb image/png 10 10 8\n" PNG_BEGIN,
    };
    char script[256];

    (void)state;
    for (size_t i = 0; i < sizeof(no_type) / sizeof(no_type[0]); i++) {
        (void)snprintf(script, sizeof(script), SH "printf '%s'", no_type[i]);
        assert_int_equal(answer_of(script, 0), ERR_UNAVAILABLE);
    }
    for (size_t i = 0; i < sizeof(no_thumbnail) / sizeof(no_thumbnail[0]); i++) {
        (void)snprintf(script, sizeof(script), SH "printf 'type image/PNG\nsize 3 4\n%s'",
                       no_thumbnail[i]);
        assert_int_equal(answer_of(script, 0), 0);
        assert_string_equal(r.type, "image/png");
        assert_no_thumbnail();
    }
    assert_int_equal(
        answer_of(
            SH "printf 'type image/png\nsize 3 4\nthumbnail image/png 10 10 8\n" PNG_BEGIN "'", 0),
        0);
    assert_int_equal(r.thumbnail.len, 8);
    assert_string_equal(r.thumbnail_type, "image/png");
}

static void test_what_the_program_gets(void **state)
{
    int marker = fcntl(STDIN_FILENO, F_DUPFD, 200); /* one that is not closed by exec */

    (void)state;
    assert_true(marker >= 200);
    assert_int_equal(setenv("KIBRAY_TEST_SECRET", "x", 1), 0);
    assert_int_equal(answer_of(SH "echo type fd/$(ls /proc/$$/fd | tr '\\n' .)", 0), 0);
    assert_null(strstr(r.type, "200"));
    assert_int_equal(answer_of(SH "echo type env/$(env | grep -c SECRET)", 0), 0);
    assert_string_equal(r.type, "env/0");
    assert_int_equal(answer_of(SH "echo type cwd/$(pwd)", 0), 0);
    assert_string_equal(r.type, "cwd//");
    assert_int_equal(answer_of(SH "echo type in/$(cat)", 0), 0);
    assert_string_equal(r.type, "in/x");
    (void)close(marker);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_hanging_program), CASE(test_dying_program),         CASE(test_flooding_program),
        CASE(test_lying_program),   CASE(test_what_the_program_gets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
