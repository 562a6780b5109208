/* SPDX-License-Identifier: MIT */
/* Tests of presigned URLs: the example that AWS publishes, others that were computed by another
 * implementation, and failing memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "broker/s3_presign.h"
#include "common/mem.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define TEXT(s)                                                                                    \
    {                                                                                              \
        (s), sizeof(s) - 1                                                                         \
    }
#define CREDENTIAL(day, region)                                                                    \
    "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F" day "%2F" region  \
    "%2Fs3%2Faws4_request"

static const struct {
    const char *region;
    struct s3_presign request;
    const char *url;
} cases[] = {
    /* "Authenticating Requests: Using Query Parameters" of the S3 API reference. */
    {"us-east-1",
     {.base = "https://examplebucket.s3.amazonaws.com",
      .path = TEXT("/test.txt"),
      .now_s = 1369353600,
      .expires_s = 86400},
     "https://examplebucket.s3.amazonaws.com/test.txt" CREDENTIAL("20130524", "us-east-1") //
     "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
     "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"},
    {"eu-central-1",
     {.base = "http://127.0.0.1:9000",
      .path = TEXT("/files/ab/x y+~\xC3\xBC.png"),
      .content_type = TEXT("image/png; x=\"y\""),
      .disposition = TEXT("attachment; filename*=UTF-8''a%20b&c=d.png"),
      .now_s = 1700000000,
      .expires_s = 60},
     "http://127.0.0.1:9000/files/ab/x%20y%2B~%C3%BC.png" CREDENTIAL("20231114", "eu-central-1") //
     "&X-Amz-Date=20231114T221320Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host"
     "&response-content-disposition="
     "attachment%3B%20filename%2A%3DUTF-8%27%27a%2520b%26c%3Dd.png"
     "&response-content-type=image%2Fpng%3B%20x%3D%22y%22"
     "&X-Amz-Signature=48b6bcfad0ce2a56246820a7afd1b746caa19f6a9f18662e24d63f5f0a2c093c"},
};

static int sign(size_t i, struct buf *out)
{
    const struct s3_credentials c = {cases[i].region, "AKIAIOSFODNN7EXAMPLE", SECRET};

    return s3_presign(&c, &cases[i].request, out);
}

static void test_vectors(void **state)
{
    struct buf out;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        buf_init(&out, 4096);
        assert_int_equal(sign(i, &out), 0);
        assert_int_equal(buf_append_char(&out, '\0'), 0);
        assert_string_equal(out.data, cases[i].url);
        buf_done(&out);
    }
}

static void test_failures(void **state)
{
    const struct s3_credentials c = {"r", "a", "s"};
    struct s3_presign far = {.base = "http://h", .path = BYTES_LIT("/"), .now_s = UINT64_MAX};
    struct buf out;
    size_t made;

    (void)state;
    buf_init(&out, 100);
    assert_int_equal(buf_append_char(&out, 'x'), 0);
    assert_int_equal(sign(0, &out), ERR_FULL);
    assert_int_equal(s3_presign(&c, &far, &out), ERR_RANGE);
    far.now_s = 253402300800; /* the year 10000 */
    assert_int_equal(s3_presign(&c, &far, &out), ERR_RANGE);
    assert_int_equal(out.len, 1);
    buf_done(&out);
    buf_init(&out, 4096);
    mem_fail_after(0);
    assert_int_equal(sign(0, &out), 0);
    made = mem_fail_after(0);
    buf_done(&out);
    for (size_t nth = 1; nth <= made; nth++) {
        mem_fail_after(nth);
        assert_int_equal(sign(0, &out), ERR_NOMEM);
        mem_fail_after(0);
        assert_int_equal(out.len, 0);
        buf_done(&out);
    }
}

static void test_bases(void **state)
{
    static const struct {
        const char *in, *out;
    } good[] = {
        {"https://s3.example.com", "https://s3.example.com"},
        {"https://S3.Example.com/", "https://s3.example.com"},
        {"HTTPS://s3.example.com:443", "https://s3.example.com"},
        {"http://s3.example.com:80/", "http://s3.example.com"},
        {"http://s3.example.com:443", "http://s3.example.com:443"},
        {"https://s3.example.com:9000/", "https://s3.example.com:9000"},
        {"http://127.0.0.1:9000", "http://127.0.0.1:9000"},
        {"http://[::1]:9000", "http://[::1]:9000"},
    };
    static const char *const bad[] = {
        "",           "s3.example.com", "ftp://a",         "https://",  "https:///",   "http://a/b",
        "http://a//", "http://a?",      "http://u:p@host", "http://a#", "file:///etc", "http://a b",
        "http://a\n",
    };
    char out[S3_BASE_MAX_BYTES], text[400];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(s3_base(good[i].in, out), 0);
        assert_string_equal(out, good[i].out);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (s3_base(bad[i], out) != ERR_SYNTAX) {
            fail_msg("%s", bad[i]);
        }
    }
    assert_int_equal(s3_base(NULL, out), ERR_SYNTAX);
    memset(text, 'a', sizeof(text));
    memcpy(text, "http://", 7);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(s3_base(text, out), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_bases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
