/* SPDX-License-Identifier: MIT */
/* The encryption of a web push message. Called by push_web.c.
 *
 *   ECDH(our fresh key, browser's key), auth, both public keys -> HKDF -> IKM     (RFC 8291)
 *   IKM, salt -> HKDF -> content key, nonce                                       (RFC 8188)
 *   salt 16 | record size 4 | length of the key 1 | our public key 65 | AES-GCM(text 0x02) | tag 16
 */
#include "broker/web_push.h"

#define HASH_BYTES 32u
#define KEY_BYTES 16u
#define NONCE_BYTES 12u
#define TAG_BYTES 16u
#define HEAD_BYTES (16u + 4u + 1u + WEB_PUSH_POINT_BYTES)
#define LAST_RECORD '\x02'

_Static_assert(WEB_PUSH_TEXT_MAX_BYTES + HEAD_BYTES + 1u + TAG_BYTES == WEB_PUSH_BODY_MAX_BYTES,
               "one record");

/* ---- keys on the curve ---- */

/* A key of P-256 from its public point and, unless it is NULL, its private number. NULL: not on the
 * curve, or no memory. */
static EVP_PKEY *curve_key(const unsigned char *point, const BIGNUM *number)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;

    if (build && ctx &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         WEB_PUSH_POINT_BYTES) == 1 &&
        (!number || OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1)) {
        params = OSSL_PARAM_BLD_to_param(build);
    }
    if (params && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &key, number ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) !=
            1) {
        key = NULL;
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return key;
}

/* The public point of a private number. */
static bool point_of(const BIGNUM *number, unsigned char point[WEB_PUSH_POINT_BYTES])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *p = group ? EC_POINT_new(group) : NULL;
    bool is_ok = p && !BN_is_zero(number) &&
                 EC_POINT_mul(group, p, number, NULL, NULL, NULL) == 1 &&
                 EC_POINT_point2oct(group, p, POINT_CONVERSION_UNCOMPRESSED, point,
                                    WEB_PUSH_POINT_BYTES, NULL) == WEB_PUSH_POINT_BYTES;

    EC_POINT_free(p);
    EC_GROUP_free(group);
    return is_ok;
}

static bool derive(EVP_PKEY *ours, EVP_PKEY *theirs, unsigned char out[HASH_BYTES])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ours, NULL);
    size_t len = HASH_BYTES;
    bool is_ok = ctx && EVP_PKEY_derive_init(ctx) == 1 &&
                 EVP_PKEY_derive_set_peer(ctx, theirs) == 1 &&
                 EVP_PKEY_derive(ctx, out, &len) == 1 && len == HASH_BYTES;

    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return is_ok;
}

/* The secret that we share with the browser, and our public point. */
static int agree(const unsigned char *their_point, const unsigned char private_key[HASH_BYTES],
                 unsigned char our_point[WEB_PUSH_POINT_BYTES], unsigned char secret[HASH_BYTES])
{
    BIGNUM *number = BN_bin2bn(private_key, HASH_BYTES, NULL);
    bool has_point = number && point_of(number, our_point);
    EVP_PKEY *ours = has_point ? curve_key(our_point, number) : NULL;
    EVP_PKEY *theirs = curve_key(their_point, NULL);
    int err = !theirs ? ERR_RANGE : ERR_REMOTE;

    if (ours && theirs && derive(ours, theirs, secret)) {
        err = 0;
    }
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
    BN_clear_free(number);
    return err;
}

/* ---- HKDF (RFC 5869) ---- */

static bool hmac(struct bytes key, struct bytes text, unsigned char out[HASH_BYTES])
{
    unsigned len = 0;

    return HMAC(EVP_sha256(), key.ptr, (int)key.len, (const unsigned char *)text.ptr, text.len, out,
                &len) != NULL;
}

/* At most one hash long; info ends with the counter 1. */
static bool hkdf(struct bytes salt, struct bytes secret, struct bytes info, unsigned char *out,
                 size_t out_len)
{
    unsigned char prk[HASH_BYTES], okm[HASH_BYTES];
    bool is_ok = hmac(salt, secret, prk) && hmac(bytes_of(prk, sizeof(prk)), info, okm);

    memcpy(out, okm, out_len);
    OPENSSL_cleanse(prk, sizeof(prk));
    OPENSSL_cleanse(okm, sizeof(okm));
    return is_ok;
}

struct keys {
    unsigned char content[KEY_BYTES], nonce[NONCE_BYTES];
};

static bool make_keys(const struct web_push_subscription *to, const unsigned char salt[16],
                      const unsigned char *our_point, const unsigned char secret[HASH_BYTES],
                      struct keys *out)
{
    static const char head[] = "WebPush: info"; /* with its NUL */
    static const char content[] = "Content-Encoding: aes128gcm\0\x01";
    static const char nonce[] = "Content-Encoding: nonce\0\x01";
    unsigned char info[sizeof(head) + 2 * WEB_PUSH_POINT_BYTES + 1], ikm[HASH_BYTES];
    bool is_ok;

    memcpy(info, head, sizeof(head));
    memcpy(info + sizeof(head), to->key, WEB_PUSH_POINT_BYTES);
    memcpy(info + sizeof(head) + WEB_PUSH_POINT_BYTES, our_point, WEB_PUSH_POINT_BYTES);
    info[sizeof(info) - 1] = 1;
    is_ok = hkdf(bytes_of(to->auth, sizeof(to->auth)), bytes_of(secret, HASH_BYTES),
                 bytes_of(info, sizeof(info)), ikm, sizeof(ikm)) &&
            hkdf(bytes_of(salt, 16), bytes_of(ikm, sizeof(ikm)), BYTES_LIT(content), out->content,
                 sizeof(out->content)) &&
            hkdf(bytes_of(salt, 16), bytes_of(ikm, sizeof(ikm)), BYTES_LIT(nonce), out->nonce,
                 sizeof(out->nonce));
    OPENSSL_cleanse(ikm, sizeof(ikm));
    return is_ok;
}

/* ---- the record ---- */

static bool seal(const struct keys *keys, struct bytes text, unsigned char *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const unsigned char last = LAST_RECORD;
    int len;
    bool is_ok =
        ctx && EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, keys->content, keys->nonce) == 1 &&
        EVP_EncryptUpdate(ctx, out, &len, (const unsigned char *)text.ptr, (int)text.len) == 1 &&
        EVP_EncryptUpdate(ctx, out + text.len, &len, &last, 1) == 1 &&
        EVP_EncryptFinal_ex(ctx, out + text.len + 1, &len) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, out + text.len + 1) == 1;

    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    return is_ok;
}

static int put_head(const unsigned char salt[16], const unsigned char *our_point, struct buf *out)
{
    static const char record_size[] = {0, 0, WEB_PUSH_BODY_MAX_BYTES / 256, 0};
    int err = buf_append(out, bytes_of(salt, 16));

    if (err == 0) {
        err = buf_append(out, bytes_of(record_size, sizeof(record_size)));
    }
    if (err == 0) {
        err = buf_append_char(out, (char)WEB_PUSH_POINT_BYTES);
    }
    return err == 0 ? buf_append(out, bytes_of(our_point, WEB_PUSH_POINT_BYTES)) : err;
}

int web_push_encrypt(const struct web_push_subscription *to, const struct web_push_secrets *secrets,
                     struct bytes text, struct buf *out)
{
    unsigned char our_point[WEB_PUSH_POINT_BYTES], secret[HASH_BYTES];
    size_t start = out->len, sealed = text.len + 1 + TAG_BYTES;
    struct keys keys;
    char *room;
    int err;

    if (text.len > WEB_PUSH_TEXT_MAX_BYTES) {
        return ERR_LIMIT;
    }
    err = agree(to->key, secrets->private_key, our_point, secret);
    if (err == 0 && !make_keys(to, secrets->salt, our_point, secret, &keys)) {
        err = ERR_REMOTE;
    }
    if (err == 0) {
        err = put_head(secrets->salt, our_point, out);
    }
    if (err == 0) {
        err = buf_reserve(out, sealed, &room);
    }
    if (err == 0) {
        err = seal(&keys, text, (unsigned char *)room) ? 0 : ERR_REMOTE;
    }
    OPENSSL_cleanse(secret, sizeof(secret));
    OPENSSL_cleanse(&keys, sizeof(keys));
    if (err != 0) {
        out->len = start;
        return err;
    }
    buf_commit(out, sealed);
    return 0;
}
