/* SPDX-License-Identifier: MIT */
/* Tests of web push: the example of RFC 8291 byte for byte, subscriptions good and bad, the text of
 * a message, what answers mean, and VAPID tokens that the public key verifies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "proto/encoding.h"
#include "broker/jws.h"
#include "broker/web_push.h"

/* RFC 8291, section 5 and appendix A. */
#define TEXT "When I grow up, I want to be a watermelon"
#define UA_PUBLIC                                                                                  \
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
#define AUTH "BTBZMqHH6r4Tts7J_aSIgg"
#define AS_PRIVATE "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
#define SALT "DGv6ra1nlYgDCS1FRnbzlw"
#define BODY                                                                                       \
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS" \
    "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_"   \
    "Qul"                                                                                          \
    "cy4a-fN"
#define ENDPOINT "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV"

static void decode(const char *text, unsigned char *out, size_t len)
{
    struct buf b;

    buf_init(&b, 4096);
    assert_int_equal(base64_decode(BASE64_URL, bytes_str(text), &b), 0);
    assert_int_equal(b.len, len);
    memcpy(out, b.data, len);
    buf_done(&b);
}

static struct web_push_subscription example(void)
{
    struct web_push_subscription s;

    assert_int_equal(web_push_read(BYTES_LIT("{\"endpoint\":\"" ENDPOINT
                                             "\",\"expirationTime\":null,\"keys\":{\"p256dh\":"
                                             "\"" UA_PUBLIC "\",\"auth\":\"" AUTH "\"}}"),
                                   &s),
                     0);
    return s;
}

static struct web_push_secrets example_secrets(void)
{
    struct web_push_secrets secrets;

    decode(AS_PRIVATE, secrets.private_key, sizeof(secrets.private_key));
    decode(SALT, secrets.salt, sizeof(secrets.salt));
    return secrets;
}

static void test_the_example_of_the_standard(void **state)
{
    struct web_push_subscription s = example();
    struct web_push_secrets secrets = example_secrets();
    struct buf body, text;

    (void)state;
    assert_string_equal(s.endpoint, ENDPOINT);
    buf_init(&body, WEB_PUSH_BODY_MAX_BYTES);
    buf_init(&text, 8192);
    assert_int_equal(web_push_encrypt(&s, &secrets, BYTES_LIT(TEXT), &body), 0);
    assert_int_equal(body.len, 144);
    assert_int_equal(base64_encode(BASE64_URL, buf_bytes(&body), &text), 0);
    assert_true(bytes_eq_str(buf_bytes(&text), BODY));
    buf_done(&text);
    buf_done(&body);
}

static void test_lengths(void **state)
{
    static char text[WEB_PUSH_TEXT_MAX_BYTES + 1];
    struct web_push_subscription s = example();
    struct web_push_secrets secrets = example_secrets();
    struct buf body;

    (void)state;
    memset(text, 'x', sizeof(text));
    buf_init(&body, WEB_PUSH_BODY_MAX_BYTES);
    assert_int_equal(web_push_encrypt(&s, &secrets, BYTES_NONE, &body), 0);
    assert_int_equal(body.len, 103);
    buf_reset(&body);
    assert_int_equal(web_push_encrypt(&s, &secrets, bytes_of(text, sizeof(text) - 1), &body), 0);
    assert_int_equal(body.len, WEB_PUSH_BODY_MAX_BYTES);
    buf_reset(&body);
    assert_int_equal(web_push_encrypt(&s, &secrets, bytes_of(text, sizeof(text)), &body),
                     ERR_LIMIT);
    assert_int_equal(body.len, 0);
    buf_done(&body);
    buf_init(&body, 200);
    assert_int_equal(web_push_encrypt(&s, &secrets, bytes_of(text, 98), &body), ERR_FULL);
    assert_int_equal(body.len, 0);
    buf_done(&body);
}

static void test_keys_that_are_none(void **state)
{
    struct web_push_subscription s = example();
    struct web_push_secrets secrets = example_secrets();
    struct buf body;

    (void)state;
    buf_init(&body, WEB_PUSH_BODY_MAX_BYTES);
    s.key[64] ^= 1;
    assert_int_equal(web_push_encrypt(&s, &secrets, BYTES_LIT(TEXT), &body), ERR_RANGE);
    s = example();
    memset(secrets.private_key, 0, sizeof(secrets.private_key));
    assert_int_equal(web_push_encrypt(&s, &secrets, BYTES_LIT(TEXT), &body), ERR_REMOTE);
    assert_int_equal(body.len, 0);
    buf_done(&body);
}

#define KEYS "\"keys\":{\"p256dh\":\"" UA_PUBLIC "\",\"auth\":\"" AUTH "\"}"

static void test_subscriptions(void **state)
{
    static const struct {
        const char *json;
        int err;
    } cases[] = {
        {"{\"endpoint\":\"https://a.example/x?y=1\"," KEYS "}", 0},
        {"{\"endpoint\":\"https://[2001:db8::1]:8443/x\"," KEYS "}", 0},
        {"{\"endpoint\":\"https://a.example\",\"keys\":{\"p256dh\":\"" UA_PUBLIC
         "\",\"auth\":\"BTBZMqHH6r4Tts7J/aSIgg==\"}}",
         0},
        {"{\"endpoint\":\"http://a.example/\"," KEYS "}", ERR_RANGE},
        {"{\"endpoint\":\"HTTPS://a.example/\"," KEYS "}", ERR_RANGE},
        {"{\"endpoint\":\"https:///x\"," KEYS "}", ERR_RANGE},
        {"{\"endpoint\":\"https://:80/x\"," KEYS "}", ERR_RANGE},
        {"{\"endpoint\":\"https://user@a.example/x\"," KEYS "}", ERR_RANGE},
        {"{\"endpoint\":\"https://a.example\\r\\nX: y\"," KEYS "}", ERR_RANGE},
        {"{\"endpoint\":\"https://a.example/ x\"," KEYS "}", ERR_RANGE},
        {"{\"endpoint\":\"https://\xc3\xa4.example/\"," KEYS "}", ERR_RANGE},
        {"{\"endpoint\":\"file:///etc/passwd\"," KEYS "}", ERR_RANGE},
        {"{\"endpoint\":7," KEYS "}", ERR_MISSING},
        {"{" KEYS "}", ERR_MISSING},
        {"{\"endpoint\":\"https://a.example/\"}", ERR_MISSING},
        {"{\"endpoint\":\"https://a.example/\",\"keys\":[]}", ERR_MISSING},
        {"{\"endpoint\":\"https://a.example/\",\"keys\":{\"p256dh\":\"" UA_PUBLIC
         "\",\"auth\":\"BTBZ\"}}",
         ERR_RANGE},
        {"{\"endpoint\":\"https://a.example/\",\"keys\":{\"p256dh\":\"" AUTH "\",\"auth\":\"" AUTH
         "\"}}",
         ERR_RANGE},
        {"{\"endpoint\":\"https://a.example/\",\"keys\":{\"p256dh\":\"A" UA_PUBLIC
         "\",\"auth\":\"" AUTH "\"}}",
         ERR_RANGE},
        {"{", ERR_SYNTAX},
        {"", ERR_SYNTAX},
        {"[]", ERR_MISSING},
    };
    struct web_push_subscription s;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int err = web_push_read(bytes_str(cases[i].json), &s);

        if (err != cases[i].err) {
            fail_msg("%s: %s", cases[i].json, err_name(err));
        }
    }
}

static int read_long(size_t len)
{
    static char json[8192];
    struct web_push_subscription s;

    (void)snprintf(json, sizeof(json), "{\"endpoint\":\"https://a/%0*d\"," KEYS "}", (int)len - 10,
                   0);
    return web_push_read(bytes_str(json), &s);
}

static void test_long_endpoints(void **state)
{
    (void)state;
    assert_int_equal(read_long(WEB_PUSH_ENDPOINT_MAX_BYTES), 0);
    assert_int_equal(read_long(WEB_PUSH_ENDPOINT_MAX_BYTES + 1), ERR_LIMIT);
}

static void test_text(void **state)
{
    struct push_message m = {.notification_id = 5,
                             .channel_id = 7,
                             .title = BYTES_LIT("New \"Message\""),
                             .body = BYTES_LIT("Hi"),
                             .category = BYTES_LIT("chat"),
                             .url = BYTES_LIT("/chat/7")};
    static char longest[3000];
    struct buf b;

    (void)state;
    buf_init(&b, WEB_PUSH_TEXT_MAX_BYTES);
    assert_int_equal(web_push_text(&m, &b), 0);
    assert_true(bytes_eq_str(
        buf_bytes(&b), "{\"title\":\"New \\\"Message\\\"\",\"body\":\"Hi\",\"tag\":\"chat-7\","
                       "\"data\":{\"notification_id\":\"5\",\"category\":\"chat\","
                       "\"url\":\"/chat/7\"}}"));
    buf_reset(&b);
    memset(longest, '"', sizeof(longest)); /* doubled by JSON */
    m = (struct push_message){.notification_id = INT64_MAX,
                              .channel_id = INT64_MAX,
                              .title = bytes_of(longest, sizeof(longest)),
                              .body = bytes_of(longest, sizeof(longest)),
                              .category = bytes_of(longest, sizeof(longest)),
                              .url = bytes_of(longest, PUSH_URL_MAX_BYTES)};
    assert_int_equal(web_push_text(&m, &b), 0);
    buf_done(&b);
}

static void test_outcomes(void **state)
{
    static const struct {
        uint32_t status;
        enum push_verdict verdict;
    } cases[] = {
        {201, PUSH_SENT},   {200, PUSH_SENT},   {202, PUSH_SENT},   {404, PUSH_GONE},
        {410, PUSH_GONE},   {400, PUSH_POISON}, {413, PUSH_POISON}, {401, PUSH_POISON},
        {403, PUSH_POISON}, {301, PUSH_POISON}, {307, PUSH_POISON}, {429, PUSH_RETRY},
        {500, PUSH_RETRY},  {503, PUSH_RETRY},  {0, PUSH_POISON},
    };
    struct push_outcome out;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        web_push_outcome(cases[i].status, 30, &out);
        assert_int_equal(out.verdict, cases[i].verdict);
        assert_int_equal(out.retry_after_s, 30);
    }
    web_push_outcome(410, 0, &out);
    assert_string_equal(out.reason, "HTTP 410");
}

/* ---- VAPID ---- */

static EVP_PKEY *new_key(void)
{
    EVP_PKEY *made = EVP_EC_gen("P-256"), *key = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem;
    long len;

    assert_int_equal(PEM_write_bio_PrivateKey(bio, made, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_get_mem_data(bio, &pem);
    assert_int_equal(jws_key_read(JWS_ES256, bytes_of(pem, (size_t)len), &key), 0);
    BIO_free(bio);
    EVP_PKEY_free(made);
    return key;
}

/* The claims of a token that the key has signed; NULL when it has not. */
static json_t *verify(struct bytes token, EVP_PKEY *key)
{
    const char *dot = memchr(token.ptr, '.', token.len);
    const char *second = memchr(dot + 1, '.', (size_t)(token.ptr + token.len - dot - 1));
    size_t signed_len = (size_t)(second - token.ptr);
    unsigned char numbers[64], der[80], *end = der;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    struct buf b;
    json_t *claims = NULL;
    int der_len;

    buf_init(&b, 4096);
    assert_int_equal(base64_decode(BASE64_URL, bytes_skip(token, signed_len + 1), &b), 0);
    assert_int_equal(b.len, sizeof(numbers));
    memcpy(numbers, b.data, sizeof(numbers));
    ECDSA_SIG_set0(sig, BN_bin2bn(numbers, 32, NULL), BN_bin2bn(numbers + 32, 32, NULL));
    der_len = i2d_ECDSA_SIG(sig, &end);
    if (EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestVerify(ctx, der, (size_t)der_len, (const unsigned char *)token.ptr, signed_len) ==
            1) {
        buf_reset(&b);
        assert_int_equal(
            base64_decode(BASE64_URL, bytes_of(dot + 1, (size_t)(second - dot - 1)), &b), 0);
        claims = json_loadb(b.data, b.len, 0, NULL);
    }
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
    buf_done(&b);
    return claims;
}

static void test_vapid(void **state)
{
    EVP_PKEY *key = new_key(), *other = new_key();
    struct buf out, public_key;
    struct bytes rest;
    json_t *claims;
    const char *comma;

    (void)state;
    buf_init(&out, JWS_MAX_BYTES);
    buf_init(&public_key, 128);
    assert_int_equal(
        vapid_authorization(key, "mailto:a@b", "https://push.example:8443/x/y", 1700000000, &out),
        0);
    assert_true(bytes_has_prefix(buf_bytes(&out), BYTES_LIT("vapid t=")));
    rest = bytes_skip(buf_bytes(&out), 8);
    comma = memchr(rest.ptr, ',', rest.len);
    claims = verify(bytes_of(rest.ptr, (size_t)(comma - rest.ptr)), key);
    assert_non_null(claims);
    assert_string_equal(json_string_value(json_object_get(claims, "aud")),
                        "https://push.example:8443");
    assert_string_equal(json_string_value(json_object_get(claims, "sub")), "mailto:a@b");
    assert_int_equal(json_integer_value(json_object_get(claims, "exp")), 1700043200);
    json_decref(claims);
    assert_null(verify(bytes_of(rest.ptr, (size_t)(comma - rest.ptr)), other));
    assert_int_equal(vapid_public_key(key, &public_key), 0);
    assert_int_equal(public_key.len, 87);
    assert_true(bytes_eq(bytes_skip(rest, (size_t)(comma - rest.ptr) + 4), buf_bytes(&public_key)));
    buf_done(&public_key);
    buf_done(&out);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void test_keys_of_another_kind(void **state)
{
    EVP_PKEY *made = EVP_EC_gen("P-384"), *key = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem;
    long len;

    (void)state;
    assert_int_equal(PEM_write_bio_PrivateKey(bio, made, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_get_mem_data(bio, &pem);
    assert_int_equal(jws_key_read(JWS_ES256, bytes_of(pem, (size_t)len), &key), ERR_TYPE);
    assert_int_equal(jws_key_read(JWS_RS256, bytes_of(pem, (size_t)len), &key), ERR_TYPE);
    assert_int_equal(jws_key_read(JWS_ES256, BYTES_LIT("no key"), &key), ERR_SYNTAX);
    assert_int_equal(jws_key_read(JWS_ES256, BYTES_NONE, &key), ERR_SYNTAX);
    assert_null(key);
    BIO_free(bio);
    EVP_PKEY_free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_example_of_the_standard),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_keys_that_are_none),
        cmocka_unit_test(test_subscriptions),
        cmocka_unit_test(test_long_endpoints),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_vapid),
        cmocka_unit_test(test_keys_of_another_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
