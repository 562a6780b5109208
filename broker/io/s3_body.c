/* SPDX-License-Identifier: MIT */
/* What a request to an S3 server carries: read piece by piece, and hashed beforehand, because the
 * hash is part of the signature. Called by s3_call.c. */
#include <errno.h>

#include "proto/encoding.h"
#include "broker/io/s3_client.h"
#include "broker/io/storage_impl.h"
#include "broker/openssl.h"
#include "common/mem.h"

#define PIECE_BYTES 65536u

int s3_body_read(const struct s3_body *body, uint64_t at, char *to, size_t len, size_t *out_len)
{
    uint64_t left = body->size - at;
    ssize_t got;

    len = left < len ? (size_t)left : len;
    if (body->fd < 0) {
        if (len > 0) {
            memcpy(to, body->data.ptr + at, len);
        }
        *out_len = len;
        return 0;
    }
    got = len > 0 ? storage_pread(body->fd, to, len, body->offset + at) : 0;
    if (got < 0) {
        return ERR_IO;
    }
    if (got == 0 && len > 0) {
        return ERR_SHORT;
    }
    *out_len = (size_t)got;
    return 0;
}

static int hash_pieces(EVP_MD_CTX *ctx, const struct s3_body *body, char *piece)
{
    size_t got;
    int err;

    for (uint64_t at = 0; at < body->size; at += got) {
        err = s3_body_read(body, at, piece, PIECE_BYTES, &got);
        if (err) {
            return err;
        }
        if (EVP_DigestUpdate(ctx, piece, got) != 1) {
            return ERR_NOMEM;
        }
    }
    return 0;
}

int s3_body_hash(const struct s3_body *body, char out[S3_HASH_LEN + 1])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    char *piece = mem_alloc(PIECE_BYTES);
    int err = ERR_NOMEM;

    if (ctx && piece && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1) {
        err = hash_pieces(ctx, body, piece);
        if (err == 0 && EVP_DigestFinal_ex(ctx, digest, NULL) != 1) {
            err = ERR_NOMEM;
        }
    }
    if (err == 0) {
        hex_encode(digest, sizeof(digest), out);
    }
    mem_free(piece);
    EVP_MD_CTX_free(ctx);
    return err;
}
