/* SPDX-License-Identifier: MIT */
/* Tests of the local directory: modes, links in the way, names in the way, a full disk, readers
 * beside writers, what dead writers leave. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/integration/storage_probe.h"

static const char *in_root(const char *name)
{
    static char paths[4][256];
    static unsigned turn;
    char *path = paths[turn++ % 4];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", t.root, name);
    return path;
}

static mode_t mode_of(const char *name)
{
    struct stat st;

    assert_int_equal(lstat(in_root(name), &st), 0);
    return st.st_mode;
}

static bool is_there(const char *name)
{
    struct stat st;

    return lstat(in_root(name), &st) == 0;
}

static int temp_count(void)
{
    DIR *dir = opendir(in_root("~tmp"));
    int count = 0;

    assert_non_null(dir);
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    return count - 2;
}

static void test_modes_and_folders(void **state)
{
    (void)state;
    umask(0);
    assert_int_equal(storage_put(t.s, "ab/cd/x", BYTES_LIT("data")), 0);
    assert_int_equal(mode_of("ab"), S_IFDIR | 0700);
    assert_int_equal(mode_of("ab/cd"), S_IFDIR | 0700);
    assert_int_equal(mode_of("ab/cd/x"), S_IFREG | 0600);
    assert_int_equal(mode_of("~tmp"), S_IFDIR | 0700);
    assert_int_equal(storage_put(t.s, "ab/y", BYTES_LIT("data")), 0);
    assert_int_equal(storage_delete(t.s, "ab/cd/x"), 0);
    assert_false(is_there("ab/cd"));
    assert_true(is_there("ab/y"));
    assert_int_equal(storage_delete(t.s, "ab/y"), 0);
    assert_false(is_there("ab"));
    assert_int_equal(temp_count(), 0);
}

static void test_root(void **state)
{
    struct storage_conf conf = {.kind = STORAGE_LOCAL, .root = NULL};
    char root[80];
    int err = 0;
    struct storage *s;

    (void)state;
    assert_null(storage_new(&conf, &err));
    assert_int_equal(err, ERR_SYNTAX);
    conf.root = "";
    assert_null(storage_new(&conf, &err));
    assert_int_equal(err, ERR_SYNTAX);
    conf.root = "/proc/none/there";
    assert_null(storage_new(&conf, &err));
    assert_int_equal(err, ERR_NOT_FOUND);
    conf.root = "/dev/null";
    assert_null(storage_new(&conf, &err));
    assert_int_equal(err, ERR_NOT_FOUND);
    (void)snprintf(root, sizeof(root), "%s/new", t.root);
    conf.root = root;
    s = storage_new(&conf, &err);
    assert_non_null(s);
    assert_int_equal(mode_of("new"), S_IFDIR | 0700);
    assert_int_equal(storage_check(s), 0);
    storage_free(s);
    storage_free(NULL);
}

static void test_links_are_not_followed(void **state)
{
    char outside[64] = "/tmp/kibray-it-outside.XXXXXX", path[96], secret[16] = "";
    int fd;

    (void)state;
    assert_non_null(mkdtemp(outside));
    (void)snprintf(path, sizeof(path), "%s/x", outside);
    fd = open(path, O_CREAT | O_RDWR, 0600);
    assert_int_equal(write(fd, "secret", 6), 6);
    assert_int_equal(symlink(outside, in_root("ab")), 0);
    assert_int_equal(mkdir(in_root("cd"), 0700), 0);
    assert_int_equal(symlink(outside, in_root("cd/ef")), 0);
    assert_int_equal(symlink(path, in_root("cd/file")), 0);
    assert_int_equal(get_error("ab/x", 0, 6), ERR_NOT_FOUND);
    assert_int_equal(get_error("cd/ef/x", 0, 6), ERR_NOT_FOUND);
    assert_int_equal(get_error("cd/file", 0, 6), ERR_DENIED);
    assert_int_equal(storage_put(t.s, "ab/x", BYTES_LIT("evil")), ERR_CONFLICT);
    assert_int_equal(storage_put(t.s, "cd/ef/x", BYTES_LIT("evil")), ERR_CONFLICT);
    assert_int_equal(storage_put(t.s, "cd/ef/new", BYTES_LIT("evil")), ERR_CONFLICT);
    assert_int_equal(storage_delete(t.s, "ab/x"), 0);
    assert_int_equal(storage_delete(t.s, "cd/ef/x"), 0);
    /* A link in the place of an object is replaced or removed itself. */
    assert_int_equal(storage_put(t.s, "cd/file", BYTES_LIT("ours")), 0);
    assert_object("cd/file", "ours");
    assert_int_equal(pread(fd, secret, sizeof(secret), 0), 6);
    assert_string_equal(secret, "secret");
    assert_int_equal(temp_count(), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(outside), 0); /* nothing else has come into it */
    (void)close(fd);
}

static void test_names_in_the_way(void **state)
{
    (void)state;
    assert_int_equal(storage_put(t.s, "a/b/c", BYTES_LIT("deep")), 0);
    assert_int_equal(storage_put(t.s, "a/b", BYTES_LIT("x")), ERR_CONFLICT);
    assert_int_equal(storage_put(t.s, "a", BYTES_LIT("x")), ERR_CONFLICT);
    assert_int_equal(get_error("a/b", 0, 1), ERR_NOT_FOUND);
    assert_int_equal(storage_delete(t.s, "a/b"), 0);
    assert_object("a/b/c", "deep");
    assert_int_equal(storage_put(t.s, "f", BYTES_LIT("file")), 0);
    assert_int_equal(storage_put(t.s, "f/x", BYTES_LIT("x")), ERR_CONFLICT);
    assert_int_equal(get_error("f/x", 0, 1), ERR_NOT_FOUND);
    assert_int_equal(storage_delete(t.s, "f/x"), 0);
    assert_int_equal(mkfifo(in_root("pipe"), 0600), 0);
    assert_int_equal(get_error("pipe", 0, 1), ERR_NOT_FOUND); /* and it does not wait */
    assert_int_equal(temp_count(), 0);
}

static void test_has_no_links(void **state)
{
    const struct storage_link link = {.expires_s = 60};
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    assert_int_equal(storage_link(t.s, "a/b", &link, &out), ERR_STATE);
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void test_left_over(void **state)
{
    const struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    int err = 0;
    struct storage *again;

    (void)state;
    (void)close(open(in_root("~tmp/young"), O_CREAT | O_WRONLY, 0600));
    (void)close(open(in_root("~tmp/old"), O_CREAT | O_WRONLY, 0600));
    assert_int_equal(utimensat(AT_FDCWD, in_root("~tmp/old"), old, 0), 0);
    again = storage_new(&(struct storage_conf){.kind = STORAGE_LOCAL, .root = t.root}, &err);
    assert_non_null(again);
    assert_true(is_there("~tmp/young"));
    assert_false(is_there("~tmp/old"));
    storage_free(again);
}

/* ---- readers beside a writer ---- */

#define WHOLE 300000u
static atomic_bool is_over;

static void *write_by_turns(void *arg)
{
    char *data = malloc(WHOLE);
    intptr_t failed = !data;

    (void)arg;
    for (int i = 0; i < 60 && !failed; i++) {
        memset(data, 'a' + i % 26, WHOLE);
        failed = storage_put(t.s, "w/x", bytes_of(data, WHOLE)) != 0;
    }
    free(data);
    atomic_store(&is_over, true);
    return (void *)failed;
}

static void test_readers_see_whole_objects(void **state)
{
    pthread_t writer;
    struct buf out;
    void *failed;
    int reads = 0;

    (void)state;
    buf_init(&out, WHOLE);
    assert_int_equal(pthread_create(&writer, NULL, write_by_turns, NULL), 0);
    while (!atomic_load(&is_over)) {
        int err = storage_get(t.s, "w/x", 0, WHOLE, &out);

        assert_true(err == 0 || (err == ERR_NOT_FOUND && reads == 0));
        for (size_t i = 0; i < out.len; i++) {
            assert_int_equal(out.data[i], out.data[0]);
        }
        reads += err == 0;
        buf_reset(&out);
    }
    assert_int_equal(pthread_join(writer, &failed), 0);
    assert_null(failed);
    buf_done(&out);
}

/* ---- a full disk ---- */

#define CANNOT_MOUNT 77

/* In a process with a mount namespace of its own. Gives 0, CANNOT_MOUNT or the line that failed. */
static int fill_small_disk(void)
{
    static char data[600 * 1024];
    int err = 0, fd = content_file(3u * MIB);
    struct storage *s;

    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", t.root, "tmpfs", 0, "size=1m,mode=0700") != 0) {
        return CANNOT_MOUNT;
    }
    s = storage_new(&(struct storage_conf){.kind = STORAGE_LOCAL, .root = t.root}, &err);
    if (!s || storage_put(s, "a/first", bytes_of(data, sizeof(data))) != 0) {
        return 1;
    }
    if (storage_put(s, "a/second", bytes_of(data, sizeof(data))) != ERR_FULL) {
        return 2;
    }
    if (storage_put_file(s, "b/third", fd, 3u * MIB) != ERR_FULL) {
        return 3;
    }
    if (is_there("a/second") || is_there("b") || temp_count() != 0) {
        return 4;
    }
    /* What was there stays, and there is room again when it goes. */
    if (storage_put(s, "a/first", bytes_of(data, sizeof(data))) != ERR_FULL ||
        !is_there("a/first")) {
        return 5;
    }
    if (storage_delete(s, "a/first") != 0 ||
        storage_put(s, "a/second", bytes_of(data, sizeof(data))) != 0) {
        return 6;
    }
    storage_free(s);
    return 0;
}

static void test_full_disk(void **state)
{
    int status = 0;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        _exit(fill_small_disk());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CANNOT_MOUNT) {
        print_message("this machine lets us mount no small disk\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_file_too_large_for_a_limit(void **state)
{
    static char data[600 * 1024];
    int status = 0;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        const struct rlimit limit = {100000, 100000};

        (void)signal(SIGXFSZ, SIG_IGN);
        _exit(setrlimit(RLIMIT_FSIZE, &limit) == 0 &&
                      storage_put(t.s, "a/x", bytes_of(data, sizeof(data))) == ERR_FULL
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_false(is_there("a"));
    assert_int_equal(temp_count(), 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, open_local, close_storage)
    const struct CMUnitTest tests[] = {
        CASE(test_modes_and_folders),
        CASE(test_root),
        CASE(test_links_are_not_followed),
        CASE(test_names_in_the_way),
        CASE(test_has_no_links),
        CASE(test_left_over),
        CASE(test_readers_see_whole_objects),
        CASE(test_full_disk),
        CASE(test_file_too_large_for_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
