/* SPDX-License-Identifier: MIT */
/* Hands hiredis a TLS session of our own making, because what its helper makes checks no host name
 * in all but its latest versions. Called by redis_wire.c. */
#include "common/io/redis_tls.h"

#if KIBRAY_REDIS_TLS

#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
/* OpenSSL has a type and common/err.h a code of this name. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

static bool trust(SSL_CTX *context, const struct redis_url *url)
{
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           (url->ca_file[0] != '\0'
                ? SSL_CTX_load_verify_locations(context, url->ca_file, NULL) == 1
                : SSL_CTX_set_default_verify_paths(context) == 1);
}

/* The name of the host, or its address, is what the certificate must be for. */
static bool expect_host(SSL *session, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(session);

    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1) {
        return true;
    }
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
           SSL_set_tlsext_host_name(session, host) == 1;
}

int redis_tls_start(struct redisContext *connection, const struct redis_url *url)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *session = NULL;

    if (context && trust(context, url)) {
        session = SSL_new(context);
    }
    SSL_CTX_free(context); /* the session keeps it */
    if (!session) {
        return ERR_UNAVAILABLE;
    }
    if (!expect_host(session, url->host) || redisInitiateSSL(connection, session) != REDIS_OK) {
        SSL_free(session);
        return ERR_UNAVAILABLE;
    }
    return 0; /* hiredis frees the session with the connection */
}

#else

int redis_tls_start(struct redisContext *connection, const struct redis_url *url)
{
    (void)connection, (void)url;
    return ERR_UNAVAILABLE; /* redis_url_check() has told the operator */
}

#endif
