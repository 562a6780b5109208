/* SPDX-License-Identifier: MIT */
/* Django's password hashes, by OpenSSL and libargon2. Called by the worker threads for logins and
 * by the tool that makes users; it knows no users and no clock. */
#include "broker/django_password.h"

#include <stdbool.h>

#include <argon2.h>

#include "proto/encoding.h"
#include "broker/openssl.h"

#define KEY_BYTES 32u  /* SHA-256 */
#define KEY_DIGITS 44u /* in padded base64 */
#define SALT_DIGITS 22u
#define BASE62 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

#define PBKDF2_PREFIX BYTES_LIT("pbkdf2_sha256$")
/* Django puts its own name before the PHC string "$argon2id$…". */
#define ARGON2_PREFIX BYTES_LIT("argon2$argon2id$v=19$")
#define ARGON2_NAME_BYTES (sizeof("argon2") - 1)

/* Read the decimal number before `end` and take both off the text.
 * Errors: ERR_SYNTAX (also for 0), ERR_LIMIT (above `max`). */
static int take_number(struct bytes *text, char end, uint32_t max, uint32_t *out_number)
{
    uint64_t number = 0;
    size_t i = 0;

    for (; i < text->len && text->ptr[i] >= '0' && text->ptr[i] <= '9'; i++) {
        number = number * 10 + (uint64_t)(text->ptr[i] - '0');
        if (number > max) {
            return ERR_LIMIT;
        }
    }
    if (number == 0 || i == text->len || text->ptr[i] != end) {
        return ERR_SYNTAX;
    }
    *text = bytes_skip(*text, i + 1);
    *out_number = (uint32_t)number;
    return 0;
}

static int pbkdf2(struct bytes password, struct bytes salt, uint32_t iterations,
                  unsigned char out_key[KEY_BYTES])
{
    /* OpenSSL takes a NULL password for none at all. */
    const char *text = password.len > 0 ? password.ptr : "";

    return PKCS5_PBKDF2_HMAC(text, (int)password.len, (const unsigned char *)salt.ptr,
                             (int)salt.len, (int)iterations, EVP_sha256(), KEY_BYTES, out_key) == 1
               ? 0
               : ERR_NOMEM;
}

/* `rest`: <iterations>$<salt>$<hash> */
static int check_pbkdf2(struct bytes password, struct bytes rest)
{
    unsigned char key[KEY_BYTES];
    char digits[KEY_DIGITS + 1];
    uint32_t iterations;
    int err = take_number(&rest, '$', PASSWORD_ITERATIONS_MAX, &iterations);

    if (err != 0) {
        return err;
    }
    const char *dollar = rest.len > 0 ? memchr(rest.ptr, '$', rest.len) : NULL;
    if (dollar == NULL || dollar == rest.ptr) {
        return ERR_SYNTAX;
    }
    struct bytes salt = bytes_of(rest.ptr, (size_t)(dollar - rest.ptr));
    struct bytes wanted = bytes_skip(rest, salt.len + 1);
    if (wanted.len != KEY_DIGITS) {
        return ERR_SYNTAX;
    }
    err = pbkdf2(password, salt, iterations, key);
    if (err != 0) {
        return err;
    }
    EVP_EncodeBlock((unsigned char *)digits, key, KEY_BYTES);
    err = CRYPTO_memcmp(digits, wanted.ptr, KEY_DIGITS) == 0 ? 0 : ERR_DENIED;
    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(digits, sizeof(digits));
    return err;
}

/* Is what "m=…,t=…,p=…$" asks for within the limits? */
static int check_argon2_cost(struct bytes params)
{
    static const struct {
        const char *name;
        char end;
        uint32_t max;
    } rows[] = {
        {"m=", ',', PASSWORD_ARGON2_MAX_KIB},
        {"t=", ',', PASSWORD_ARGON2_MAX_PASSES},
        {"p=", '$', PASSWORD_ARGON2_MAX_LANES},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t number;
        if (!bytes_has_prefix(params, bytes_str(rows[i].name))) {
            return ERR_SYNTAX;
        }
        params = bytes_skip(params, strlen(rows[i].name));
        int err = take_number(&params, rows[i].end, rows[i].max, &number);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int check_argon2(struct bytes password, struct bytes hash)
{
    char text[PASSWORD_HASH_MAX_BYTES + 1];
    int err = check_argon2_cost(bytes_skip(hash, ARGON2_PREFIX.len));

    if (err != 0) {
        return err;
    }
    memcpy(text, hash.ptr, hash.len);
    text[hash.len] = '\0';
    switch (argon2id_verify(text + ARGON2_NAME_BYTES, password.ptr, password.len)) {
    case ARGON2_OK:
        return 0;
    case ARGON2_VERIFY_MISMATCH:
        return ERR_DENIED;
    case ARGON2_MEMORY_ALLOCATION_ERROR:
    case ARGON2_THREAD_FAIL:
        return ERR_NOMEM;
    default:
        return ERR_SYNTAX;
    }
}

int django_password_check(struct bytes password, struct bytes hash)
{
    if (password.len > PASSWORD_MAX_BYTES || hash.len > PASSWORD_HASH_MAX_BYTES) {
        return ERR_LIMIT;
    }
    if (hash.len == 0 || hash.ptr[0] == '!') {
        django_password_check_nobody(password, PASSWORD_ITERATIONS_DEFAULT);
        return ERR_DENIED;
    }
    if (bytes_has_prefix(hash, PBKDF2_PREFIX)) {
        return check_pbkdf2(password, bytes_skip(hash, PBKDF2_PREFIX.len));
    }
    return bytes_has_prefix(hash, ARGON2_PREFIX) ? check_argon2(password, hash) : ERR_SYNTAX;
}

int django_password_make(struct bytes password, uint32_t iterations,
                         const unsigned char random[PASSWORD_RANDOM_BYTES], struct buf *out)
{
    unsigned char key[KEY_BYTES];
    char digits[KEY_DIGITS + 1];
    char salt[SALT_DIGITS + 1];

    if (password.len > PASSWORD_MAX_BYTES) {
        return ERR_LIMIT;
    }
    if (iterations == 0 || iterations > PASSWORD_ITERATIONS_MAX) {
        return ERR_RANGE;
    }
    number_digits(bytes_of(random, PASSWORD_RANDOM_BYTES), BASE62, salt, SALT_DIGITS);
    int err = pbkdf2(password, bytes_of(salt, SALT_DIGITS), iterations, key);
    if (err != 0) {
        return err;
    }
    EVP_EncodeBlock((unsigned char *)digits, key, KEY_BYTES);
    return buf_printf(out, "pbkdf2_sha256$%u$%s$%s", iterations, salt, digits);
}

void django_password_check_nobody(struct bytes password, uint32_t iterations)
{
    unsigned char key[KEY_BYTES];

    if (password.len > PASSWORD_MAX_BYTES || iterations == 0 ||
        iterations > PASSWORD_ITERATIONS_MAX) {
        return;
    }
    /* Nothing depends on the key, so nothing depends on whether it could be made. */
    (void)pbkdf2(password, BYTES_LIT("a salt of 22 characters"), iterations, key);
    OPENSSL_cleanse(key, sizeof(key));
}
