/* SPDX-License-Identifier: MIT */
/* Makes OpenSSL's context from two files. Knows no sockets. Used by tls_front at the start and when
 * the files are read anew. */
#include "gateway/io/tls_context.h"

#include <string.h>

#include "gateway/io/tls_openssl.h"

#define CIPHERS_1_2                                                                                \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"     \
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define OPENSSL_TEXT_MAX 256u

static const unsigned char HTTP_1_1[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
    unsigned char *chosen = NULL;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, HTTP_1_1, sizeof(HTTP_1_1), in, in_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 §3.2: not a protocol that is not spoken */
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* Nobody is there to type it: a key with a password is refused. */
static int no_password(char *out, int size, int is_writing, void *arg)
{
    (void)out;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

static int explain(struct buf *out, const char *what, const char *file)
{
    char why[OPENSSL_TEXT_MAX] = "";
    int ignored;

    ERR_error_string_n(ERR_peek_last_error(), why, sizeof(why));
    ERR_clear_error();
    ignored = buf_printf(out, "%s: \"%s\" (%s)", what, file, why);
    (void)ignored; /* without memory the code must do */
    return ERR_SYNTAX;
}

static int load_files(SSL_CTX *context, const char *cert_file, const char *key_file,
                      struct buf *out_problem)
{
    if (SSL_CTX_use_certificate_chain_file(context, cert_file) != 1) {
        return explain(out_problem, "TLS_CERT is no readable PEM certificate chain", cert_file);
    }
    if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return explain(out_problem, "TLS_KEY is no readable PEM key of this certificate", key_file);
    }
    return 0;
}

static bool set_policy(SSL_CTX *context)
{
    static const unsigned char session_context[] = "kibray";

    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    /* A write is repeated from another address, and what is out is out. */
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets are enough */
    SSL_CTX_set_default_passwd_cb(context, no_password);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, CIPHERS_1_2) == 1 &&
           SSL_CTX_set_session_id_context(context, session_context, sizeof(session_context) - 1) ==
               1;
}

struct ssl_ctx_st *tls_context_new(const char *cert_file, const char *key_file,
                                   struct buf *out_problem, int *out_err)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    *out_err = context && set_policy(context) ? 0 : ERR_NOMEM;
    if (*out_err == 0) {
        *out_err = load_files(context, cert_file, key_file, out_problem);
    }
    if (*out_err != 0) {
        tls_context_free(context);
        return NULL;
    }
    return context;
}

void tls_context_free(struct ssl_ctx_st *context)
{
    SSL_CTX_free(context);
}
