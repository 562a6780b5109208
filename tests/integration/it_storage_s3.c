/* SPDX-License-Identifier: MIT */
/* Tests of the bucket: links, wrong keys, faults of the server, its death, TLS. */
#include <dirent.h>
#include <time.h>

#include "tests/integration/https_server.h"
#include "tests/integration/storage_probe.h"

static char output[65536]; /* of curl: the head, an empty line, the body */

/* What a browser would get. Gives the status. */
static int fetch(const char *url)
{
    char command[STORAGE_URL_MAX_BYTES + 128];
    FILE *f;
    size_t len;

    (void)snprintf(command, sizeof(command), "curl -sS -i --max-time 10 '%s' 2>&1", url);
    f = popen(command, "r");
    assert_non_null(f);
    len = fread(output, 1, sizeof(output) - 1, f);
    output[len] = '\0';
    (void)pclose(f);
    return atoi(output + strcspn(output, " "));
}

static const char *link_of(const char *key, const struct storage_link *link)
{
    static char url[STORAGE_URL_MAX_BYTES + 1];
    struct buf out;

    buf_init(&out, STORAGE_URL_MAX_BYTES);
    assert_int_equal(storage_link(t.s, key, link, &out), 0);
    (void)snprintf(url, sizeof(url), "%.*s", BYTES_FMT(buf_bytes(&out)));
    buf_done(&out);
    return url;
}

static void test_link(void **state)
{
    const struct storage_link link = {
        .expires_s = 60,
        .content_type = BYTES_LIT("image/png"),
        .disposition =
            BYTES_LIT("attachment; filename=\"a b.png\"; filename*=UTF-8''%C3%A4%20b.png")};
    const struct storage_link plain = {.expires_s = STORAGE_LINK_MAX_S};
    char url[STORAGE_URL_MAX_BYTES + 1], *at;

    (void)state;
    assert_int_equal(storage_put(t.s, "ab/pic.1_x-y", BYTES_LIT("the content")), 0);
    (void)snprintf(url, sizeof(url), "%s", link_of("ab/pic.1_x-y", &link));
    assert_int_equal(fetch(url), 200);
    assert_non_null(strcasestr(output, "\r\ncontent-type: image/png\r\n"));
    assert_non_null(strcasestr(output, "\r\ncontent-disposition: attachment; filename=\"a b.png\"; "
                                       "filename*=UTF-8''%C3%A4%20b.png\r\n"));
    assert_non_null(strstr(output, "\r\n\r\nthe content"));
    /* Anything that is changed makes it worthless. */
    at = strstr(url, "image%2Fpng");
    assert_non_null(at);
    memcpy(at, "texts%2Fpng", 11);
    assert_int_equal(fetch(url), 403);
    memcpy(at, "image%2Fpng", 11);
    at = strstr(url, "pic.1");
    at[4] = '2';
    assert_int_equal(fetch(url), 403);
    at[4] = '1';
    at = strstr(url, "Expires=60");
    at[8] = '9';
    assert_int_equal(fetch(url), 403);
    at[8] = '6';
    assert_int_equal(fetch(url), 200);
    url[strlen(url) - 1] ^= 1;
    assert_int_equal(fetch(url), 403);
    assert_int_equal(fetch(link_of("ab/pic.1_x-y", &plain)), 200);
    assert_non_null(strcasestr(output, "\r\ncontent-type: application/octet-stream\r\n"));
    assert_int_equal(fetch(link_of("ab/absent", &plain)), 404);
    (void)snprintf(url, sizeof(url), "%s/" S3_CHILD_BUCKET "/ab/pic.1_x-y", t.server.url);
    assert_int_equal(fetch(url), 403); /* nobody gets in without one */
}

static void test_link_expires(void **state)
{
    char url[STORAGE_URL_MAX_BYTES + 1];

    (void)state;
    assert_int_equal(storage_put(t.s, "ab/x", BYTES_LIT("the content")), 0);
    (void)snprintf(url, sizeof(url), "%s", link_of("ab/x", &(struct storage_link){.expires_s = 2}));
    assert_int_equal(fetch(url), 200);
    sleep(3);
    assert_int_equal(fetch(url), 403);
}

static void test_links_that_cannot_be(void **state)
{
    static char text[STORAGE_LINK_FIELD_MAX_BYTES + 1];
    struct storage_link link = {.expires_s = 0};
    struct buf out;

    (void)state;
    memset(text, '"', sizeof(text));
    buf_init(&out, STORAGE_URL_MAX_BYTES);
    assert_int_equal(storage_link(t.s, "a/b", &link, &out), ERR_RANGE);
    link.expires_s = STORAGE_LINK_MAX_S + 1;
    assert_int_equal(storage_link(t.s, "a/b", &link, &out), ERR_RANGE);
    link.expires_s = 60;
    link.disposition = bytes_of(text, sizeof(text));
    assert_int_equal(storage_link(t.s, "a/b", &link, &out), ERR_LIMIT);
    link.disposition.len--;
    link.content_type = bytes_of(text, 500);
    assert_int_equal(storage_link(t.s, "a/b", &link, &out), ERR_LIMIT); /* the URL */
    assert_int_equal(out.len, 0);
    buf_done(&out);
    link = (struct storage_link){.expires_s = 60};
    buf_init(&out, 50);
    assert_int_equal(storage_link(t.s, "a/b", &link, &out), ERR_FULL);
    buf_done(&out);
}

static void reopen(const struct storage_conf *conf)
{
    storage_free(t.s);
    assert_int_equal(open_storage(conf), 0);
}

static void test_public_url(void **state)
{
    struct storage_conf conf = s3_conf();
    const struct storage_link link = {.expires_s = 60};

    (void)state;
    conf.s3_public_url = "https://Files.Example.org:443/";
    reopen(&conf);
    assert_int_equal(storage_put(t.s, "ab/x", BYTES_LIT("x")), 0);
    assert_true(bytes_has_prefix(bytes_str(link_of("ab/x", &link)),
                                 BYTES_LIT("https://files.example.org/" S3_CHILD_BUCKET "/ab/x?")));
}

static void test_wrong_credentials(void **state)
{
    struct storage_conf conf = s3_conf();

    (void)state;
    conf.s3_secret_key = "wrong";
    reopen(&conf);
    assert_int_equal(storage_put(t.s, "ab/x", BYTES_LIT("x")), ERR_DENIED);
    assert_int_equal(get_error("ab/x", 0, 1), ERR_DENIED);
    assert_int_equal(storage_delete(t.s, "ab/x"), ERR_DENIED);
    assert_int_equal(storage_check(t.s), ERR_DENIED);
    assert_int_equal(fetch(link_of("ab/x", &(struct storage_link){.expires_s = 60})), 403);
    conf = s3_conf();
    conf.s3_access_key = "NOBODY";
    reopen(&conf);
    assert_int_equal(storage_check(t.s), ERR_DENIED);
    conf = s3_conf();
    conf.s3_region = "eu-central-1";
    reopen(&conf);
    assert_int_equal(storage_check(t.s), ERR_DENIED);
    conf = s3_conf();
    conf.s3_bucket = "another";
    reopen(&conf);
    assert_int_equal(storage_check(t.s), ERR_UNAVAILABLE);
    assert_int_equal(get_error("ab/x", 0, 1), ERR_UNAVAILABLE); /* not: not found */
}

static void test_settings_that_cannot_be(void **state)
{
    struct storage_conf c;
    int err;

    (void)state;
#define REFUSED(field, value)                                                                      \
    do {                                                                                           \
        c = s3_conf();                                                                             \
        c.field = (value);                                                                         \
        err = 0;                                                                                   \
        assert_null(storage_new(&c, &err));                                                        \
        assert_int_equal(err, ERR_SYNTAX);                                                         \
    } while (0)
    REFUSED(s3_url, NULL);
    REFUSED(s3_url, "file:///etc");
    REFUSED(s3_url, "http://host/path");
    REFUSED(s3_public_url, "host");
    REFUSED(s3_bucket, NULL);
    REFUSED(s3_bucket, "");
    REFUSED(s3_bucket, "a/b");
    REFUSED(s3_bucket, "..");
    REFUSED(s3_bucket, "a?b=c");
    REFUSED(s3_region, "a:b");
    REFUSED(s3_access_key, "");
    REFUSED(s3_access_key, "a\r\nb");
    REFUSED(s3_secret_key, NULL);
}

static void test_faults(void **state)
{
    int fd = content_file(8u * MIB + 1);
    static const struct {
        const char *key;
        int err;
    } cases[] = {
        {"fault500/x", ERR_UNAVAILABLE}, {"fault503/x", ERR_UNAVAILABLE},
        {"fault507/x", ERR_FULL},        {"faultquota/x", ERR_FULL},
        {"faultredirect/x", ERR_IO},     {"faultendless/x", ERR_IO},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(storage_put(t.s, cases[i].key, BYTES_LIT("x")), cases[i].err);
        assert_int_equal(get_error(cases[i].key, 0, 1), cases[i].err);
        assert_int_equal(storage_put_file(t.s, cases[i].key, fd, 8u * MIB + 1), cases[i].err);
    }
    (void)close(fd);
}

static void test_one_more_try(void **state)
{
    (void)state;
    assert_int_equal(storage_put(t.s, "faultdrop/x", BYTES_LIT("again")), 0);
    assert_object("faultdrop/x", "again");
    assert_int_equal(storage_delete(t.s, "faultdrop/x"), 0);
}

static int uploads_under_way(void)
{
    char path[160];
    DIR *dir;
    int count = 0;

    (void)snprintf(path, sizeof(path), "%s/data/" S3_CHILD_BUCKET "/._S3rver_uploads",
                   t.server.folder);
    dir = opendir(path);
    while (dir && readdir(dir)) {
        count++;
    }
    if (dir) {
        closedir(dir);
    }
    return dir ? count - 2 : 0;
}

static void test_failed_uploads_are_aborted(void **state)
{
    int fd = content_file(20u * MIB), before = uploads_under_way();

    (void)state;
    assert_int_equal(storage_put_file(t.s, "faultpart/x", fd, 20u * MIB), ERR_UNAVAILABLE);
    assert_int_equal(uploads_under_way(), before);
    assert_int_equal(get_error("faultpart/x", 0, 1), ERR_NOT_FOUND);
    assert_int_equal(storage_put_file(t.s, "faultcomplete/x", fd, 20u * MIB), ERR_UNAVAILABLE);
    assert_int_equal(uploads_under_way(), before);
    assert_int_equal(storage_put_file(t.s, "ab/short", fd, 21u * MIB), ERR_SHORT);
    assert_int_equal(uploads_under_way(), before);
    assert_int_equal(storage_put_file(t.s, "ab/x", fd, (uint64_t)1 << 40), ERR_LIMIT);
    (void)close(fd);
}

static void test_death_of_the_server(void **state)
{
    int fd = content_file(20u * MIB);
    time_t begin;

    (void)state;
    assert_int_equal(storage_put(t.s, "ab/kept", BYTES_LIT("kept")), 0);
    assert_int_equal(storage_put_file(t.s, "faultdie/x", fd, 20u * MIB), ERR_UNAVAILABLE);
    begin = time(NULL);
    assert_int_equal(storage_put(t.s, "ab/x", BYTES_LIT("x")), ERR_UNAVAILABLE);
    assert_int_equal(storage_put_file(t.s, "ab/x", fd, 20u * MIB), ERR_UNAVAILABLE);
    assert_int_equal(get_error("ab/kept", 0, 1), ERR_UNAVAILABLE);
    assert_int_equal(storage_delete(t.s, "ab/kept"), ERR_UNAVAILABLE);
    assert_int_equal(storage_check(t.s), ERR_UNAVAILABLE);
    assert_in_range(time(NULL) - begin, 0, 5);
    s3_child_kill(&t.server);
    assert_int_equal(s3_child_start(&t.server, NULL), 0);
    assert_object("ab/kept", "kept");
    assert_int_equal(get_error("faultdie/x", 0, 1), ERR_NOT_FOUND);
    (void)close(fd);
}

static void test_tls(void **state)
{
    struct s3_child server;
    struct storage_conf conf = s3_conf();
    char tls[96];

    (void)state;
    (void)snprintf(https.folder, sizeof(https.folder), "/tmp/kibray-it-tls.XXXXXX");
    assert_non_null(mkdtemp(https.folder));
    assert_int_equal(https_make_certificate("server"), 0);
    assert_int_equal(https_make_certificate("other"), 0);
    (void)snprintf(tls, sizeof(tls), "%s/server", https.folder);
    assert_int_equal(s3_child_init(&server), 0);
    assert_int_equal(s3_child_start(&server, tls), 0);
    conf.s3_url = server.url;
    conf.s3_ca_file = https_file("server.pem");
    reopen(&conf);
    assert_int_equal(storage_check(t.s), 0);
    assert_true(
        bytes_has_prefix(bytes_str(link_of("ab/x", &(struct storage_link){.expires_s = 60})),
                         BYTES_LIT("https://")));
    conf.s3_ca_file = https_file("other.pem");
    reopen(&conf);
    assert_int_equal(storage_check(t.s), ERR_REMOTE);
    conf.s3_ca_file = NULL; /* the system's */
    reopen(&conf);
    assert_int_equal(storage_check(t.s), ERR_REMOTE);
    s3_child_done(&server);
    (void)snprintf(output, sizeof(output), "rm -rf -- %s", https.folder);
    (void)!system(output);
}

static int group_up(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
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
#define CASE(f) cmocka_unit_test_setup_teardown(f, open_s3, close_storage)
    const struct CMUnitTest tests[] = {
        CASE(test_link),
        CASE(test_link_expires),
        CASE(test_links_that_cannot_be),
        CASE(test_public_url),
        CASE(test_wrong_credentials),
        CASE(test_settings_that_cannot_be),
        CASE(test_faults),
        CASE(test_one_more_try),
        CASE(test_failed_uploads_are_aborted),
        CASE(test_death_of_the_server),
        CASE(test_tls),
    };

    return cmocka_run_group_tests(tests, group_up, group_down);
}
