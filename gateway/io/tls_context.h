/* SPDX-License-Identifier: MIT */
#pragma once
/* What a server shows in a TLS handshake: certificate chain, key, versions, ciphers. */
#include "common/buf.h"

struct ssl_ctx_st;

/* Reads both PEM files; the chain has the server's own certificate first. TLS 1.2 and 1.3; for 1.2
 * only ciphers with forward secrecy and AEAD (Mozilla's "intermediate" list, version 5.7); ALPN
 * http/1.1. Gives; free by tls_context_free(). Errors (NULL): ERR_SYNTAX, with one sentence about
 * the file in out_problem; ERR_NOMEM. */
struct ssl_ctx_st *tls_context_new(const char *cert_file, const char *key_file,
                                   struct buf *out_problem, int *out_err);
void tls_context_free(struct ssl_ctx_st *context); /* NULL is fine */
