/* SPDX-License-Identifier: MIT */
/* Keys and signatures by OpenSSL. JWS wants an ECDSA signature as its two numbers, 32 bytes each,
 * where OpenSSL writes DER. Called by fcm.c and vapid.c. */
#include "broker/jws.h"

#include "proto/encoding.h"

#define RSA_BITS_MIN 2048
#define NUMBER_BYTES 32
#define SIGNATURE_MAX_BYTES 2048u

static const char *const HEADERS[] = {
    [JWS_RS256] = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}",
    [JWS_ES256] = "{\"alg\":\"ES256\",\"typ\":\"JWT\"}",
};

/* OpenSSL would ask for a passphrase on the terminal. */
static int no_passphrase(char *text, int size, int is_writing, void *arg)
{
    (void)text;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

static bool is_p256(const EVP_PKEY *key)
{
    char group[32];
    size_t len;

    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
           bytes_eq_str(bytes_of(group, len), "prime256v1");
}

static int key_check(enum jws_algorithm algorithm, const EVP_PKEY *key)
{
    if (!key) {
        return ERR_SYNTAX;
    }
    if (algorithm == JWS_ES256) {
        return is_p256(key) ? 0 : ERR_TYPE;
    }
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
        return ERR_TYPE;
    }
    return EVP_PKEY_get_bits(key) < RSA_BITS_MIN ? ERR_RANGE : 0;
}

int jws_key_read(enum jws_algorithm algorithm, struct bytes pem, EVP_PKEY **out_key)
{
    BIO *bio = BIO_new_mem_buf(pem.len > 0 ? pem.ptr : "", (int)pem.len);
    EVP_PKEY *key;
    int err;

    if (!bio) {
        return ERR_NOMEM;
    }
    key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    err = key_check(algorithm, key);
    if (err != 0) {
        EVP_PKEY_free(key);
        return err;
    }
    *out_key = key;
    return 0;
}

/* DER -> r and s. Gives the length, 0 when it is no such signature. */
static size_t numbers_of(const unsigned char *der, size_t der_len, unsigned char *out)
{
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)der_len);
    size_t len = 0;

    if (signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, NUMBER_BYTES) > 0 &&
        BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + NUMBER_BYTES, NUMBER_BYTES) > 0) {
        len = (size_t)2 * NUMBER_BYTES;
    }
    ECDSA_SIG_free(signature);
    return len;
}

static int append_signature(enum jws_algorithm algorithm, EVP_PKEY *key, struct bytes text,
                            struct buf *out)
{
    unsigned char signature[SIGNATURE_MAX_BYTES], numbers[2 * NUMBER_BYTES];
    size_t len = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_ok;

    if (!ctx) {
        return ERR_NOMEM;
    }
    is_ok = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
            EVP_DigestSign(ctx, signature, &len, (const unsigned char *)text.ptr, text.len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    if (is_ok && algorithm == JWS_ES256) {
        len = numbers_of(signature, len, numbers);
        is_ok = len > 0;
    }
    if (!is_ok) {
        return ERR_REMOTE;
    }
    return base64_encode(BASE64_URL, bytes_of(algorithm == JWS_ES256 ? numbers : signature, len),
                         out);
}

int jws_sign(enum jws_algorithm algorithm, EVP_PKEY *key, struct bytes claims, struct buf *out)
{
    size_t begin = out->len;
    struct buf signature;
    int err = base64_encode(BASE64_URL, bytes_str(HEADERS[algorithm]), out);

    buf_init(&signature, JWS_MAX_BYTES);
    if (err == 0) {
        err = buf_append_char(out, '.');
    }
    if (err == 0) {
        err = base64_encode(BASE64_URL, claims, out);
    }
    if (err == 0) {
        err = append_signature(algorithm, key, bytes_skip(buf_bytes(out), begin), &signature);
    }
    if (err == 0) {
        err = buf_append_char(out, '.');
    }
    if (err == 0) {
        err = buf_append(out, buf_bytes(&signature));
    }
    buf_done(&signature);
    if (err != 0) {
        out->len = begin;
    }
    return err;
}
