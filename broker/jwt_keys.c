/* SPDX-License-Identifier: MIT */
/* The keys that tokens are checked and signed with: read, tried, kept, wiped. Called by jwt_token.c
 * and at start-up; it knows nothing of what a token says. */
#include "broker/jwt_keys.h"

#include <stdbool.h>

#include "proto/encoding.h"
#include "broker/openssl.h"
#include "common/mem.h"

#define KEY_MAX_BYTES 65536u
#define RSA_BITS_MIN 2048
#define SIGNATURE_MAX_BYTES 2048u /* an RSA key of 16384 bits, the most that OpenSSL verifies */

/* OpenSSL would ask for a passphrase on the terminal. */
static int no_passphrase(char *text, int size, int is_writing, void *arg)
{
    (void)text;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

static int rsa_check(const EVP_PKEY *key)
{
    if (key == NULL) {
        return ERR_SYNTAX;
    }
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
        return ERR_TYPE;
    }
    return EVP_PKEY_get_bits(key) < RSA_BITS_MIN ? ERR_RANGE : 0;
}

/* Errors: see token_keys_new. */
static int rsa_load(struct bytes pem, bool is_private, EVP_PKEY **out_key)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *key = NULL;

    if (bio == NULL) {
        return ERR_NOMEM;
    }
    key = is_private ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)
                     : PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    int err = rsa_check(key);
    if (err != 0) {
        EVP_PKEY_free(key);
        return err;
    }
    *out_key = key;
    return 0;
}

/* The public key is only tried: libjwt reads the PEM itself. */
static int load_rsa_keys(const struct token_settings *settings, struct token_keys *keys)
{
    EVP_PKEY *public_key = NULL;
    int err = rsa_load(settings->public_pem, false, &public_key);

    EVP_PKEY_free(public_key);
    if (err != 0 || settings->private_pem.len == 0) {
        return err;
    }
    return rsa_load(settings->private_pem, true, &keys->private_key);
}

int token_keys_new(const struct token_settings *settings, struct token_keys **out_keys)
{
    bool is_rsa = settings->algorithm == TOKEN_RS256;
    struct bytes verify_key = is_rsa ? settings->public_pem : settings->secret;

    if (verify_key.len == 0) {
        return ERR_MISSING;
    }
    if (verify_key.len > KEY_MAX_BYTES || settings->private_pem.len > KEY_MAX_BYTES) {
        return ERR_RANGE;
    }
    struct token_keys *keys = mem_zalloc(sizeof(*keys));
    if (keys == NULL) {
        return ERR_NOMEM;
    }
    int err = ERR_NOMEM;
    keys->algorithm = settings->algorithm;
    keys->verify_key = mem_dup_str(verify_key);
    if (keys->verify_key == NULL) {
        goto out;
    }
    keys->verify_key_len = verify_key.len;
    err = is_rsa ? load_rsa_keys(settings, keys) : 0;
out:
    if (err != 0) {
        token_keys_free(keys);
        return err;
    }
    *out_keys = keys;
    return 0;
}

void token_keys_free(struct token_keys *keys)
{
    if (keys == NULL) {
        return;
    }
    if (keys->verify_key != NULL) {
        OPENSSL_cleanse(keys->verify_key, keys->verify_key_len);
    }
    mem_free(keys->verify_key);
    EVP_PKEY_free(keys->private_key);
    mem_free(keys);
}

static int sign_hs256(const struct token_keys *keys, struct bytes text, struct buf *out)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;

    if (HMAC(EVP_sha256(), keys->verify_key, (int)keys->verify_key_len,
             (const unsigned char *)text.ptr, text.len, mac, &mac_len) == NULL) {
        return ERR_REMOTE;
    }
    return base64_encode(BASE64_URL, bytes_of(mac, mac_len), out);
}

static int sign_rs256(const struct token_keys *keys, struct bytes text, struct buf *out)
{
    unsigned char signature[SIGNATURE_MAX_BYTES];
    size_t len = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int err = ERR_REMOTE;

    if (ctx == NULL) {
        return ERR_NOMEM;
    }
    if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, keys->private_key) == 1 &&
        EVP_DigestSign(ctx, signature, &len, (const unsigned char *)text.ptr, text.len) == 1) {
        err = base64_encode(BASE64_URL, bytes_of(signature, len), out);
    }
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return err;
}

int token_sign(const struct token_keys *keys, struct bytes text, struct buf *out)
{
    if (keys->algorithm == TOKEN_HS256) {
        return sign_hs256(keys, text, out);
    }
    return keys->private_key != NULL ? sign_rs256(keys, text, out) : ERR_STATE;
}
