/* SPDX-License-Identifier: MIT */
#pragma once
/* A storage under test: a fresh local directory, or the S3 server's bucket; and files to put. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "broker/io/storage.h"
#include "tests/integration/s3_child.h"

#define MIB (1024u * 1024u)

static struct {
    struct s3_child server;
    struct storage *s;
    char root[64]; /* of the local one */
} t;

static inline const char *env_or(const char *name, const char *other)
{
    const char *value = getenv(name);

    return value ? value : other;
}

/* Another server than ours can be tested with it_storage by KIBRAY_TEST_S3_URL and so on. */
static inline bool is_other_server(void)
{
    return getenv("KIBRAY_TEST_S3_URL") != NULL;
}

static inline struct storage_conf s3_conf(void)
{
    return (struct storage_conf){
        .kind = STORAGE_S3,
        .s3_url = env_or("KIBRAY_TEST_S3_URL", t.server.url),
        .s3_bucket = env_or("KIBRAY_TEST_S3_BUCKET", S3_CHILD_BUCKET),
        .s3_access_key = env_or("KIBRAY_TEST_S3_ACCESS_KEY", S3_CHILD_ACCESS_KEY),
        .s3_secret_key = env_or("KIBRAY_TEST_S3_SECRET_KEY", S3_CHILD_SECRET_KEY)};
}

static inline int open_storage(const struct storage_conf *conf)
{
    int err = 0;

    t.s = storage_new(conf, &err);
    return err;
}

static inline int open_s3(void **state)
{
    const struct storage_conf conf = s3_conf();

    (void)state;
    return open_storage(&conf);
}

static inline int open_local(void **state)
{
    (void)state;
    (void)snprintf(t.root, sizeof(t.root), "/tmp/kibray-it-storage.XXXXXX");
    if (!mkdtemp(t.root)) {
        return -1;
    }
    return open_storage(&(struct storage_conf){.kind = STORAGE_LOCAL, .root = t.root});
}

static inline int close_storage(void **state)
{
    char command[128];

    (void)state;
    storage_free(t.s);
    t.s = NULL;
    if (t.root[0]) {
        (void)snprintf(command, sizeof(command), "rm -rf -- %s", t.root);
        (void)!system(command);
        t.root[0] = '\0';
    }
    return 0;
}

/* The test's own content: the byte at `at` of any file. */
static inline char content_at(uint64_t at)
{
    return (char)((at * 2654435761u) >> 13);
}

static inline void fill_content(char *to, size_t len, uint64_t from)
{
    for (size_t i = 0; i < len; i++) {
        to[i] = content_at(from + i);
    }
}

/* An unnamed file of so many bytes, its offset at the end. */
static inline int content_file(uint64_t size)
{
    static char piece[65536];
    char path[] = "/tmp/kibray-it-content.XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    for (uint64_t at = 0; at < size; at += sizeof(piece)) {
        size_t len = size - at < sizeof(piece) ? (size_t)(size - at) : sizeof(piece);

        fill_content(piece, len, at);
        assert_int_equal(write(fd, piece, len), (ssize_t)len);
    }
    return fd;
}

/* The object's bytes from `offset` on are those of content_file. */
static inline void assert_content(const char *key, uint64_t offset, size_t len)
{
    struct buf out;
    char *want = malloc(len + 1);

    assert_non_null(want);
    fill_content(want, len, offset);
    buf_init(&out, len);
    assert_int_equal(storage_get(t.s, key, offset, len, &out), 0);
    assert_int_equal(out.len, len);
    assert_true(len == 0 || memcmp(out.data, want, len) == 0);
    buf_done(&out);
    free(want);
}

static inline int get_error(const char *key, uint64_t offset, size_t len)
{
    struct buf out;
    int err;

    buf_init(&out, len + 1);
    assert_int_equal(buf_append_char(&out, 'x'), 0);
    err = storage_get(t.s, key, offset, len, &out);
    assert_int_equal(out.len, err == 0 ? len + 1 : 1);
    assert_int_equal(out.data[0], 'x');
    buf_done(&out);
    return err;
}

static inline void assert_object(const char *key, const char *text)
{
    struct buf out;

    buf_init(&out, 1024);
    assert_int_equal(storage_get(t.s, key, 0, strlen(text), &out), 0);
    assert_true(bytes_eq_str(buf_bytes(&out), text));
    assert_int_equal(get_error(key, 0, strlen(text) + 1), ERR_SHORT); /* there is no more */
    buf_done(&out);
}
