/* SPDX-License-Identifier: MIT */
/* Tests of what both storages promise, run against a local directory and an S3 server. */
#include <pthread.h>
#include <sys/resource.h>

#include "tests/integration/storage_probe.h"

static void test_put_get_delete(void **state)
{
    (void)state;
    assert_int_equal(get_error("ab/cd/x.png", 0, 1), ERR_NOT_FOUND);
    assert_int_equal(get_error("ab/cd/x.png", 0, 0), ERR_NOT_FOUND);
    assert_int_equal(storage_put(t.s, "ab/cd/x.png", BYTES_LIT("first")), 0);
    assert_object("ab/cd/x.png", "first");
    assert_int_equal(storage_put(t.s, "ab/cd/x.png", BYTES_LIT("second one")), 0);
    assert_object("ab/cd/x.png", "second one");
    assert_int_equal(storage_put(t.s, "ab/cd/x.png", BYTES_LIT("3")), 0);
    assert_object("ab/cd/x.png", "3");
    assert_int_equal(storage_put(t.s, "ab/other", BYTES_LIT("neighbour")), 0);
    assert_int_equal(storage_put(t.s, "top", BYTES_LIT("at the top")), 0);
    assert_int_equal(storage_delete(t.s, "ab/cd/x.png"), 0);
    assert_int_equal(get_error("ab/cd/x.png", 0, 1), ERR_NOT_FOUND);
    assert_int_equal(storage_delete(t.s, "ab/cd/x.png"), 0);
    assert_int_equal(storage_delete(t.s, "never/was/there"), 0);
    assert_object("ab/other", "neighbour");
    assert_object("top", "at the top");
    assert_int_equal(storage_delete(t.s, "ab/other"), 0);
    assert_int_equal(storage_delete(t.s, "top"), 0);
}

static void test_ranges(void **state)
{
    static char data[10000];

    (void)state;
    fill_content(data, sizeof(data), 0);
    assert_int_equal(storage_put(t.s, "r/x", bytes_of(data, sizeof(data))), 0);
    assert_content("r/x", 0, 10000);
    assert_content("r/x", 0, 1);
    assert_content("r/x", 9999, 1);
    assert_content("r/x", 5000, 123);
    assert_content("r/x", 10000, 0);
    assert_content("r/x", 0, 0);
    assert_int_equal(get_error("r/x", 0, 10001), ERR_SHORT);
    assert_int_equal(get_error("r/x", 9999, 2), ERR_SHORT);
    assert_int_equal(get_error("r/x", 10000, 1), ERR_SHORT);
    assert_int_equal(get_error("r/x", 10001, 0), ERR_SHORT);
    assert_int_equal(get_error("r/x", INT64_MAX - 5, 5), ERR_SHORT);
    assert_int_equal(get_error("r/x", INT64_MAX, 1), ERR_SHORT);
    assert_int_equal(get_error("r/x", UINT64_MAX, 1), ERR_SHORT);
    assert_int_equal(storage_delete(t.s, "r/x"), 0);
}

static void test_empty_object(void **state)
{
    int fd = content_file(0);

    (void)state;
    assert_int_equal(storage_put(t.s, "e/mpty", BYTES_NONE), 0);
    assert_int_equal(get_error("e/mpty", 0, 0), 0);
    assert_int_equal(get_error("e/mpty", 0, 1), ERR_SHORT);
    assert_int_equal(storage_put_file(t.s, "e/file", fd, 0), 0);
    assert_int_equal(get_error("e/file", 0, 0), 0);
    assert_int_equal(get_error("e/file", 0, 1), ERR_SHORT);
    assert_int_equal(storage_delete(t.s, "e/mpty"), 0);
    assert_int_equal(storage_delete(t.s, "e/file"), 0);
    (void)close(fd);
}

static void test_get_into_little_room(void **state)
{
    struct buf out;

    (void)state;
    assert_int_equal(storage_put(t.s, "r/y", BYTES_LIT("0123456789")), 0);
    buf_init(&out, 5);
    assert_int_equal(storage_get(t.s, "r/y", 0, 6, &out), ERR_FULL);
    assert_int_equal(out.len, 0);
    assert_int_equal(storage_get(t.s, "r/y", 2, 3, &out), 0);
    assert_int_equal(storage_get(t.s, "r/y", 8, 2, &out), 0);
    assert_true(bytes_eq_str(buf_bytes(&out), "23489"));
    buf_done(&out);
    assert_int_equal(storage_delete(t.s, "r/y"), 0);
}

/* A sanitizer keeps what was freed for a while. */
#ifdef __SANITIZE_ADDRESS__
#define GROWTH_MAX_KIB (64 * 1024)
#else
#define GROWTH_MAX_KIB (4 * 1024)
#endif

static long peak_kib(void)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

static void test_large_file_in_bounded_memory(void **state)
{
    const uint64_t size = 25u * MIB + 12345;
    int fd = content_file(size);
    long before;

    (void)state;
    assert_int_equal(storage_put(t.s, "l/warm", BYTES_LIT("up")), 0);
    before = peak_kib();
    assert_int_equal(storage_put_file(t.s, "l/large.bin", fd, size), 0);
    assert_in_range(peak_kib() - before, 0, GROWTH_MAX_KIB);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), (off_t)size);
    assert_content("l/large.bin", 0, 3u * MIB);
    assert_content("l/large.bin", 8u * MIB - 100, 200);
    assert_content("l/large.bin", 24u * MIB, 1u * MIB + 12345);
    assert_int_equal(get_error("l/large.bin", size - 1, 2), ERR_SHORT);
    assert_int_equal(storage_delete(t.s, "l/large.bin"), 0);
    assert_int_equal(storage_delete(t.s, "l/warm"), 0);
    (void)close(fd);
}

static void test_sizes_around_a_part(void **state)
{
    static const uint64_t sizes[] = {1,        65536,        65537,    8u * MIB - 1,
                                     8u * MIB, 8u * MIB + 1, 16u * MIB};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int fd = content_file(sizes[i]);
        uint64_t from = sizes[i] > 70000 ? sizes[i] - 70000 : 0;

        assert_int_equal(storage_put_file(t.s, "l/part", fd, sizes[i]), 0);
        assert_content("l/part", from, (size_t)(sizes[i] - from));
        assert_int_equal(get_error("l/part", sizes[i], 1), ERR_SHORT);
        (void)close(fd);
    }
    assert_int_equal(storage_delete(t.s, "l/part"), 0);
}

static void test_file_that_ends_early(void **state)
{
    int fd = content_file(9u * MIB);

    (void)state;
    assert_int_equal(storage_put(t.s, "l/short", BYTES_LIT("stays")), 0);
    assert_int_equal(storage_put_file(t.s, "l/short", fd, 9u * MIB + 1), ERR_SHORT);
    assert_int_equal(storage_put_file(t.s, "l/short", fd, 20u * MIB), ERR_SHORT);
    assert_object("l/short", "stays");
    assert_int_equal(storage_put_file(t.s, "l/short", -1, 5), ERR_IO);
    assert_object("l/short", "stays");
    assert_int_equal(storage_put_file(t.s, "l/short", fd, 3), 0); /* the beginning */
    assert_content("l/short", 0, 3);
    assert_int_equal(storage_delete(t.s, "l/short"), 0);
    (void)close(fd);
}

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A80 A64 "aaaaaaaaaaaaaaaa"

static void test_keys(void **state)
{
    static const char *const bad[] = {
        "",       "/",           "/a",     "a/",    "a//b",  "..",         ".",
        "a/..",   "a/../b",      "a/.",    "a/./b", "../a",  "a/b/..",     "a/b/c/d",
        "A",      "a/B",         "a b",    "a\\b",  "a\nb",  "~tmp",       "~tmp/x",
        "a/~x",   ".a",          "a.b",    "a-b",   "a_b",   "\xC3\xA4",   "a/\xC3\xA4",
        "a/b?c",  "a/b#c",       "a/b%2e", "a/*",   A64 "a", "a/" A80 "a", "a/b/" A80 "a",
        "a/b/c/", "/etc/passwd",
    };
    static const char *const good[] = {"a1",    A64,    "b/" A80, "b2/" A80 "/" A80,
                                       "b/...", "b/.x", "b/-_.y"};
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct storage_link link = {.expires_s = 60};

        assert_int_equal(storage_put(t.s, bad[i], BYTES_LIT("x")), ERR_SYNTAX);
        assert_int_equal(storage_put_file(t.s, bad[i], 0, 0), ERR_SYNTAX);
        assert_int_equal(storage_get(t.s, bad[i], 0, 1, &out), ERR_SYNTAX);
        assert_int_equal(storage_delete(t.s, bad[i]), ERR_SYNTAX);
        assert_int_equal(storage_link(t.s, bad[i], &link, &out), ERR_SYNTAX);
    }
    assert_int_equal(storage_put(t.s, NULL, BYTES_LIT("x")), ERR_SYNTAX);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(storage_put(t.s, good[i], BYTES_LIT("x")), 0);
        assert_object(good[i], "x");
        assert_int_equal(storage_delete(t.s, good[i]), 0);
    }
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void test_check(void **state)
{
    (void)state;
    assert_int_equal(storage_check(t.s), 0);
    assert_int_equal(storage_check(t.s), 0);
}

#define THREADS 6
#define ROUNDS 20

static void *on_thread(void *arg)
{
    char key[32], text[64];
    struct buf out;
    intptr_t failed = 0;

    for (int i = 0; i < ROUNDS && !failed; i++) {
        (void)snprintf(key, sizeof(key), "th%d/x%d", t.root[0] ? i % 2 : (int)(intptr_t)arg,
                       (int)(intptr_t)arg);
        (void)snprintf(text, sizeof(text), "thread %d round %d", (int)(intptr_t)arg, i);
        buf_init(&out, sizeof(text));
        failed = storage_put(t.s, key, bytes_str(text)) != 0 ||
                 storage_get(t.s, key, 0, strlen(text), &out) != 0 ||
                 !bytes_eq_str(buf_bytes(&out), text) || storage_delete(t.s, key) != 0;
        buf_done(&out);
    }
    return (void *)failed;
}

/* They empty and fill the same folders; not at the S3 server of the tests, whose folders do not
 * stand that. */
static void test_threads(void **state)
{
    pthread_t threads[THREADS];
    void *failed;

    (void)state;
    for (intptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, on_thread, (void *)i), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

static int group_up(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    if (is_other_server()) {
        return 0;
    }
    return s3_child_init(&t.server) == 0 ? s3_child_start(&t.server, NULL) : -1;
}

static int group_down(void **state)
{
    (void)state;
    s3_child_done(&t.server);
    return 0;
}

int main(void)
{
#define BOTH(f)                                                                                    \
    {#f " (local)", f, open_local, close_storage, NULL},                                           \
    {                                                                                              \
#f " (s3)", f, open_s3, close_storage, NULL                                                \
    }
    const struct CMUnitTest tests[] = {
        BOTH(test_put_get_delete),
        BOTH(test_ranges),
        BOTH(test_empty_object),
        BOTH(test_get_into_little_room),
        BOTH(test_large_file_in_bounded_memory),
        BOTH(test_sizes_around_a_part),
        BOTH(test_file_that_ends_early),
        BOTH(test_keys),
        BOTH(test_check),
        BOTH(test_threads),
    };

    return cmocka_run_group_tests(tests, group_up, group_down);
}
