/* SPDX-License-Identifier: MIT */
/* The token keys from the settings: SECRET_KEY, and PEM files that are good, missing, empty, too
 * long or something else. Needs no server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/io/token_key_files.h"
#include "broker/openssl.h"

#define WALL_MS UINT64_C(1700000000000)

static char folder[64], private_path[96], public_path[96], other_path[96];

static void write_text(const char *path, size_t len)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    for (size_t i = 0; i < len; i++) {
        fputc('x', f);
    }
    fclose(f);
}

static int make_files(void **state)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    FILE *f;

    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/kibray-keys-XXXXXX");
    if (!key || !mkdtemp(folder)) {
        return -1;
    }
    snprintf(private_path, sizeof(private_path), "%s/private.pem", folder);
    snprintf(public_path, sizeof(public_path), "%s/public.pem", folder);
    snprintf(other_path, sizeof(other_path), "%s/other", folder);
    f = fopen(private_path, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
    f = fopen(public_path, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PUBKEY(f, key), 1);
    fclose(f);
    EVP_PKEY_free(key);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    unlink(private_path);
    unlink(public_path);
    unlink(other_path);
    return rmdir(folder);
}

static struct broker_conf conf_of(uint32_t algorithm, char *private_file, char *public_file)
{
    return (struct broker_conf){
        .secret_key = (char *)(uintptr_t) "a secret key of the tests, long enough for HS256",
        .jwt_algorithm = algorithm,
        .jwt_private_key_file = private_file,
        .jwt_public_key_file = public_file};
}

static void test_keys_work(void **state)
{
    (void)state;
    for (uint32_t algorithm = TOKEN_HS256; algorithm <= TOKEN_RS256; algorithm++) {
        struct broker_conf conf = conf_of(algorithm, private_path, public_path);
        struct token_claims claims = {.type = TOKEN_ACCESS,
                                      .user_id = 7,
                                      .expires_at_s = WALL_MS / 1000 + 60,
                                      .issued_at_s = WALL_MS / 1000,
                                      .jti = "0123456789abcdef0123456789abcdef"};
        struct token_claims read;
        struct token_keys *keys = NULL;
        struct buf token;

        buf_init(&token, TOKEN_MAX_BYTES);
        assert_int_equal(token_key_files_load(&conf, &keys, NULL), 0);
        assert_int_equal(token_issue(keys, &claims, &token), 0);
        assert_int_equal(token_verify(keys, buf_bytes(&token), TOKEN_ACCESS, WALL_MS, &read), 0);
        assert_int_equal(read.user_id, 7);
        buf_done(&token);
        token_keys_free(keys);
    }
}

/* The bad file takes the place of the private, then of the public key. */
static void assert_problem(char *bad_path, int err)
{
    for (int is_public = 0; is_public < 2; is_public++) {
        struct broker_conf conf = conf_of(TOKEN_RS256, is_public ? private_path : bad_path,
                                          is_public ? bad_path : public_path);
        struct token_keys *keys = NULL;
        struct buf problem;

        buf_init(&problem, 1024);
        assert_int_equal(token_key_files_load(&conf, &keys, &problem), err);
        assert_null(keys);
        assert_true(problem.len > 0);
        assert_int_equal(token_key_files_load(&conf, &keys, NULL), err);
        buf_done(&problem);
    }
}

static void test_problems(void **state)
{
    (void)state;
    assert_problem(other_path, ERR_IO); /* not there */
    assert_problem(folder, ERR_IO);
    write_text(other_path, TOKEN_KEY_FILE_MAX_BYTES);
    assert_problem(other_path, ERR_SYNTAX);
    write_text(other_path, TOKEN_KEY_FILE_MAX_BYTES + 1);
    assert_problem(other_path, ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_work),
        cmocka_unit_test(test_problems),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
