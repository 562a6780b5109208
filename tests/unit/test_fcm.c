/* SPDX-License-Identifier: MIT */
/* Tests of Firebase Cloud Messaging as texts: service accounts, the assertion that the public key
 * verifies, access tokens, messages, and every error of the published contract. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "proto/encoding.h"
#include "broker/fcm.h"
#include "broker/openssl.h"
#include "common/mem.h"

#define URI "https://oauth2.example/token"

static EVP_PKEY *rsa;
static char *pem; /* of rsa */

static char *pem_of(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data, *text;
    long len;

    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_get_mem_data(bio, &data);
    text = mem_dup_str(bytes_of(data, (size_t)len));
    BIO_free(bio);
    return text;
}

static int group_up(void **state)
{
    (void)state;
    rsa = EVP_RSA_gen(2048);
    pem = pem_of(rsa);
    return pem ? 0 : -1;
}

static int group_down(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa);
    mem_free(pem);
    return 0;
}

/* Reads an account that has these values; NULL leaves one out. */
static int read_account(const char *project, const char *uri, const char *key,
                        struct fcm_account **out)
{
    json_t *json = json_object();
    char *text;
    int err;

    json_object_set_new(json, "type", json_string("service_account"));
    json_object_set_new(json, "client_email", json_string("push@p.iam.gserviceaccount.com"));
    if (project) {
        json_object_set_new(json, "project_id", json_string(project));
    }
    if (uri) {
        json_object_set_new(json, "token_uri", json_string(uri));
    }
    if (key) {
        json_object_set_new(json, "private_key", json_string(key));
    }
    text = json_dumps(json, 0);
    err = fcm_account_read(bytes_str(text), out);
    free(text);
    json_decref(json);
    return err;
}

static void test_accounts(void **state)
{
    EVP_PKEY *weak = EVP_RSA_gen(1024), *curve = EVP_EC_gen("P-256");
    char *weak_pem = pem_of(weak), *curve_pem = pem_of(curve);
    struct fcm_account *a = NULL;
    struct buf url;

    (void)state;
    assert_int_equal(read_account(NULL, URI, pem, &a), ERR_MISSING);
    assert_int_equal(read_account("", URI, pem, &a), ERR_MISSING);
    assert_int_equal(read_account("p", NULL, pem, &a), ERR_MISSING);
    assert_int_equal(read_account("p", URI, NULL, &a), ERR_MISSING);
    assert_int_equal(read_account("p/../q", URI, pem, &a), ERR_RANGE);
    assert_int_equal(read_account("p", "http://oauth2.example/token", pem, &a), ERR_RANGE);
    assert_int_equal(read_account("p", URI, "no key", &a), ERR_SYNTAX);
    assert_int_equal(read_account("p", URI, weak_pem, &a), ERR_RANGE);
    assert_int_equal(read_account("p", URI, curve_pem, &a), ERR_TYPE);
    assert_int_equal(fcm_account_read(BYTES_LIT("{"), &a), ERR_SYNTAX);
    assert_int_equal(fcm_account_read(BYTES_LIT("[]"), &a), ERR_SYNTAX);
    assert_int_equal(fcm_account_read(BYTES_NONE, &a), ERR_SYNTAX);
    assert_null(a);
    assert_int_equal(read_account("my-project-1", URI, pem, &a), 0);
    assert_string_equal(fcm_token_uri(a), URI);
    buf_init(&url, 256);
    assert_int_equal(fcm_send_url(a, "https://fcm.example", &url), 0);
    assert_true(bytes_eq_str(buf_bytes(&url),
                             "https://fcm.example/v1/projects/my-project-1/messages:send"));
    buf_done(&url);
    fcm_account_free(a);
    mem_free(weak_pem);
    mem_free(curve_pem);
    EVP_PKEY_free(weak);
    EVP_PKEY_free(curve);
}

static json_t *part(struct bytes text)
{
    struct buf b;
    json_t *json;

    buf_init(&b, 4096);
    assert_int_equal(base64_decode(BASE64_URL, text, &b), 0);
    json = json_loadb(b.data, b.len, 0, NULL);
    buf_done(&b);
    return json;
}

static const char *text_of(const json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

static void check_signature(struct bytes token, size_t signed_len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    struct buf b;

    buf_init(&b, 4096);
    assert_int_equal(base64_decode(BASE64_URL, bytes_skip(token, signed_len + 1), &b), 0);
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, rsa), 1);
    assert_int_equal(EVP_DigestVerify(ctx, (unsigned char *)b.data, b.len,
                                      (const unsigned char *)token.ptr, signed_len),
                     1);
    EVP_MD_CTX_free(ctx);
    buf_done(&b);
}

static void test_assertion(void **state)
{
    static const char form[] =
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    struct fcm_account *a = NULL;
    struct bytes token;
    const char *first, *second;
    json_t *header, *claims;
    struct buf b;

    (void)state;
    assert_int_equal(read_account("p", URI, pem, &a), 0);
    buf_init(&b, FCM_BODY_MAX_BYTES);
    assert_int_equal(fcm_grant(a, 1700000000, &b), 0);
    assert_true(bytes_has_prefix(buf_bytes(&b), BYTES_LIT(form)));
    token = bytes_skip(buf_bytes(&b), sizeof(form) - 1);
    first = memchr(token.ptr, '.', token.len);
    second = memchr(first + 1, '.', token.len - (size_t)(first + 1 - token.ptr));
    check_signature(token, (size_t)(second - token.ptr));
    header = part(bytes_of(token.ptr, (size_t)(first - token.ptr)));
    claims = part(bytes_of(first + 1, (size_t)(second - first - 1)));
    assert_string_equal(text_of(header, "alg"), "RS256");
    assert_string_equal(text_of(claims, "iss"), "push@p.iam.gserviceaccount.com");
    assert_string_equal(text_of(claims, "aud"), URI);
    assert_string_equal(text_of(claims, "scope"),
                        "https://www.googleapis.com/auth/firebase.messaging");
    assert_int_equal(json_integer_value(json_object_get(claims, "iat")), 1700000000);
    assert_int_equal(json_integer_value(json_object_get(claims, "exp")), 1700003600);
    json_decref(header);
    json_decref(claims);
    buf_done(&b);
    buf_init(&b, 300);
    assert_int_equal(fcm_grant(a, 1700000000, &b), ERR_FULL);
    assert_int_equal(b.len, 0);
    buf_done(&b);
    fcm_account_free(a);
}

static void test_access_tokens(void **state)
{
    static const struct {
        const char *body;
        int err;
    } cases[] = {
        {"{\"access_token\":\"ya29.x-_y\",\"expires_in\":3599,\"token_type\":\"Bearer\"}", 0},
        {"{\"access_token\":\"a b\",\"expires_in\":3599}", ERR_RANGE},
        {"{\"access_token\":\"a\\r\\nX: y\",\"expires_in\":3599}", ERR_RANGE},
        {"{\"access_token\":\"\",\"expires_in\":3599}", ERR_RANGE},
        {"{\"access_token\":\"a\",\"expires_in\":0}", ERR_RANGE},
        {"{\"access_token\":\"a\",\"expires_in\":1000000}", ERR_RANGE},
        {"{\"access_token\":\"a\",\"expires_in\":\"3599\"}", ERR_MISSING},
        {"{\"access_token\":7,\"expires_in\":3599}", ERR_MISSING},
        {"{\"error\":\"invalid_grant\"}", ERR_MISSING},
        {"[]", ERR_MISSING},
        {"<html>", ERR_SYNTAX},
        {"", ERR_SYNTAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b;
        uint32_t lifetime_s = 0;

        buf_init(&b, FCM_ACCESS_MAX_BYTES);
        assert_int_equal(fcm_access_read(bytes_str(cases[i].body), &b, &lifetime_s), cases[i].err);
        assert_int_equal(lifetime_s, cases[i].err == 0 ? 3599 : 0);
        assert_true(bytes_eq_str(buf_bytes(&b), cases[i].err == 0 ? "ya29.x-_y" : ""));
        buf_done(&b);
    }
}

static void test_message(void **state)
{
    struct push_message m = {.notification_id = 5,
                             .channel_id = 7,
                             .title = BYTES_LIT("New Message"),
                             .body = BYTES_LIT("a \"b\""),
                             .category = BYTES_LIT("chat"),
                             .url = BYTES_LIT("/chat/7"),
                             .token = BYTES_LIT("device:token")};
    struct buf b;

    (void)state;
    buf_init(&b, FCM_BODY_MAX_BYTES);
    assert_int_equal(fcm_message(&m, 1700000000, &b), 0);
    assert_true(bytes_eq_str(
        buf_bytes(&b),
        "{\"message\":{\"token\":\"device:token\",\"notification\":{\"title\":\"New Message\","
        "\"body\":\"a \\\"b\\\"\"},\"data\":{\"notification_id\":\"5\",\"category\":\"chat\","
        "\"url\":\"/chat/7\"},\"android\":{\"collapse_key\":\"chat-7\",\"priority\":\"high\","
        "\"ttl\":\"86400s\",\"notification\":{\"tag\":\"chat-7\"}},\"apns\":{\"headers\":{"
        "\"apns-collapse-id\":\"chat-7\",\"apns-expiration\":\"1700086400\"}},\"webpush\":{"
        "\"headers\":{\"Topic\":\"chat-7\",\"TTL\":\"86400\",\"Urgency\":\"high\"}}}}"));
    buf_done(&b);
    buf_init(&b, 100);
    assert_int_equal(fcm_message(&m, 1700000000, &b), ERR_FULL);
    assert_int_equal(b.len, 0);
    buf_done(&b);
}

static void test_collapse_keys_and_cuts(void **state)
{
    static char text[2000];
    struct push_message m = {.notification_id = ((int64_t)1 << 53) - 1}, cut;
    char key[PUSH_COLLAPSE_MAX];

    (void)state;
    push_collapse_key(&m, key);
    assert_string_equal(key, "n-9007199254740991");
    m.channel_id = INT64_MAX;
    push_collapse_key(&m, key);
    assert_string_equal(key, "chat-9223372036854775807");
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = i % 2 == 0 ? '\xc3' : '\xa4';
    }
    m.title = m.body = m.url = m.category = bytes_of(text, sizeof(text));
    m.title = bytes_skip(m.title, 1); /* in the middle of a character */
    m.title.len = PUSH_TITLE_MAX_BYTES + 1;
    cut = push_message_cut(&m);
    assert_int_equal(cut.title.len, PUSH_TITLE_MAX_BYTES - 1);
    assert_int_equal(cut.body.len, PUSH_BODY_MAX_BYTES);
    assert_int_equal(cut.category.len, PUSH_CATEGORY_MAX_BYTES);
    assert_int_equal(cut.url.len, 0);
    assert_int_equal(push_kind_of(BYTES_LIT("web"), BYTES_LIT("{\"e\":1}")), PUSH_WEB);
    assert_int_equal(push_kind_of(BYTES_LIT("web"), BYTES_LIT("token")), PUSH_FCM);
    assert_int_equal(push_kind_of(BYTES_LIT("ios"), BYTES_LIT("{")), PUSH_FCM);
}

#define FCM_ERROR(status, code)                                                                    \
    "{\"error\":{\"code\":1,\"message\":\"m\",\"status\":\"" status                                \
    "\",\"details\":[{\"@type\":\"type.googleapis.com/google.firebase.fcm.v1.FcmError\","          \
    "\"errorCode\":\"" code "\"}]}}"
#define BAD_FIELD(field)                                                                           \
    "{\"error\":{\"message\":\"Invalid value\",\"status\":\"INVALID_ARGUMENT\",\"details\":["      \
    "{\"@type\":\"type.googleapis.com/"                                                            \
    "google.rpc.BadRequest\",\"fieldViolations\":[{\"field\":\"" field                             \
    "\"}]},{\"errorCode\":\"INVALID_ARGUMENT\"}]}}"

static void test_outcomes(void **state)
{
    static const struct {
        uint32_t status;
        const char *body;
        enum push_verdict verdict;
        const char *reason;
        bool is_refused;
    } cases[] = {
        {200, "{\"name\":\"projects/p/messages/1\"}", PUSH_SENT, "", false},
        {404, FCM_ERROR("NOT_FOUND", "UNREGISTERED"), PUSH_GONE, "UNREGISTERED", false},
        {404, "{\"error\":{\"status\":\"NOT_FOUND\"}}", PUSH_POISON, "NOT_FOUND", false},
        {403, FCM_ERROR("PERMISSION_DENIED", "SENDER_ID_MISMATCH"), PUSH_GONE, "SENDER_ID_MISMATCH",
         false},
        {403, "{\"error\":{\"status\":\"PERMISSION_DENIED\"}}", PUSH_POISON, "PERMISSION_DENIED",
         false},
        {400, BAD_FIELD("message.token"), PUSH_GONE, "INVALID_ARGUMENT", false},
        {400, BAD_FIELD("message.android.ttl"), PUSH_POISON, "INVALID_ARGUMENT", false},
        {400,
         "{\"error\":{\"status\":\"INVALID_ARGUMENT\",\"message\":\"The registration token is not "
         "a valid FCM registration token\"}}",
         PUSH_GONE, "INVALID_ARGUMENT", false},
        {429, FCM_ERROR("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), PUSH_RETRY, "QUOTA_EXCEEDED",
         false},
        {503, FCM_ERROR("UNAVAILABLE", "UNAVAILABLE"), PUSH_RETRY, "UNAVAILABLE", false},
        {500, FCM_ERROR("INTERNAL", "INTERNAL"), PUSH_RETRY, "INTERNAL", false},
        {502, "<html>", PUSH_RETRY, "HTTP 502", false},
        {401, "{\"error\":{\"status\":\"UNAUTHENTICATED\"}}", PUSH_RETRY, "UNAUTHENTICATED", true},
        {401, "", PUSH_RETRY, "HTTP 401", true},
        {401, FCM_ERROR("UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"), PUSH_POISON,
         "THIRD_PARTY_AUTH_ERROR", false},
        {301, "", PUSH_POISON, "HTTP 301", false},
        {418, "[]", PUSH_POISON, "HTTP 418", false},
        {400, "{\"error\":{\"status\":\"\\u00e4\\n\",\"details\":{}}}", PUSH_POISON, "???", false},
    };
    struct push_outcome out;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool is_refused = fcm_outcome(cases[i].status, bytes_str(cases[i].body), 7, &out);

        if (out.verdict != cases[i].verdict || is_refused != cases[i].is_refused ||
            strcmp(out.reason, cases[i].reason) != 0) {
            fail_msg("%u %s: %d %s", cases[i].status, cases[i].body, out.verdict, out.reason);
        }
        assert_int_equal(out.retry_after_s, 7);
    }
    fcm_outcome(429, BYTES_NONE, 0, &out);
    assert_int_equal(out.retry_after_s, 60);
    fcm_outcome(503, BYTES_NONE, 0, &out);
    assert_int_equal(out.retry_after_s, 0);
}

static void test_delays(void **state)
{
    (void)state;
    for (uint32_t attempts = 1; attempts <= 8; attempts++) {
        for (uint64_t seed = 0; seed < 50; seed++) {
            assert_in_range(push_delay_ms(1000, attempts, 0, seed), 1000,
                            1000 + (1000u << (attempts - 1)));
            assert_in_range(push_delay_ms(1000, attempts, 30, seed), 30000, 31000);
        }
    }
    assert_in_range(push_delay_ms(600000, 20, 0, 1), 600000, 600000 + PUSH_RETRY_CAP_MS);
    assert_in_range(push_delay_ms(10, 1, UINT32_MAX, 1), 3600000, 3600010);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accounts),
        cmocka_unit_test(test_assertion),
        cmocka_unit_test(test_access_tokens),
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_collapse_keys_and_cuts),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_delays),
    };

    return cmocka_run_group_tests(tests, group_up, group_down);
}
