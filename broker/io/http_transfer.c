/* SPDX-License-Identifier: MIT */
/* One request as libcurl is told it: where it may go, how long, how much; and what went wrong.
 * Called by http_client.c. */
#include "broker/io/http_transfer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "broker/net_address.h"
#include "common/mem.h"

#define PEER_SILENCE_MS 10000u

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    int err = buf_append(&t->body, bytes_of(data, size * count));

    t->was_too_long = err == ERR_FULL;
    return err == 0 ? size * count : 0;
}

static bool is_public_sockaddr(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;

        return net_address_is_public((const void *)&in->sin_addr, sizeof(in->sin_addr));
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)address;

        return net_address_is_public((const void *)&in->sin6_addr, sizeof(in->sin6_addr));
    }
    return false;
}

/* A peer that acknowledges nothing for so long is gone, however many requests share the connection.
 */
static curl_socket_t open_socket(const struct curl_sockaddr *address)
{
    curl_socket_t fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    const unsigned silence_ms = PEER_SILENCE_MS;

    if (fd >= 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence_ms, sizeof(silence_ms));
    }
    return fd;
}

/* Before each connecting, with the address that the name was resolved to. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *t = arg;

    (void)purpose;
    if (t->is_public_only && !is_public_sockaddr(&address->addr)) {
        t->was_denied = true;
        return CURL_SOCKET_BAD;
    }
    return open_socket(address);
}

/* Before each request, also on a connection that another one has opened. */
static int on_before_request(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    struct transfer *t = arg;
    unsigned char bytes[16];
    bool is_4 = inet_pton(AF_INET, ip, bytes) == 1;
    bool is_public = (is_4 || inet_pton(AF_INET6, ip, bytes) == 1) &&
                     net_address_is_public(bytes, is_4 ? 4 : 16);

    (void)local_ip;
    (void)port;
    (void)local_port;
    if (t->is_public_only && !is_public) {
        t->was_denied = true;
        return CURL_PREREQFUNC_ABORT;
    }
    return CURL_PREREQFUNC_OK;
}

void transfer_free(struct transfer *t)
{
    if (t) {
        curl_easy_cleanup(t->easy);
        curl_slist_free_all(t->headers);
        buf_done(&t->body);
        mem_free(t);
    }
}

int transfer_error(const struct transfer *t, CURLcode code)
{
    if (t->was_denied) {
        return ERR_DENIED;
    }
    switch ((int)code) {
    case CURLE_OK:
        return 0;
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_WRITE_ERROR:
        return t->was_too_long ? ERR_LIMIT : ERR_NOMEM;
    case CURLE_OUT_OF_MEMORY:
        return ERR_NOMEM;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return ERR_SYNTAX;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return ERR_REMOTE;
    default:
        return ERR_UNAVAILABLE;
    }
}

static bool add_header(struct transfer *t, const char *line)
{
    struct curl_slist *list = curl_slist_append(t->headers, line);

    if (list) {
        t->headers = list;
    }
    return list != NULL;
}

static bool add_headers(struct transfer *t, const struct http_request *request)
{
    bool is_ok = add_header(t, "Expect:"); /* no waiting for a 100 */

    for (size_t i = 0; i < HTTP_REQUEST_HEADERS_MAX && request->headers[i] && is_ok; i++) {
        is_ok = add_header(t, request->headers[i]);
    }
    return is_ok;
}

#define SET(option, value) (curl_easy_setopt(t->easy, (option), (value)) == CURLE_OK)

static bool set_security(const struct http_client_conf *conf, struct transfer *t)
{
    bool is_ok =
        SET(CURLOPT_PROTOCOLS_STR, "https") && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
        SET(CURLOPT_PROXY, "") && SET(CURLOPT_SSL_VERIFYPEER, 1L) &&
        SET(CURLOPT_SSL_VERIFYHOST, 2L) && SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
        SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket) && SET(CURLOPT_OPENSOCKETDATA, t) &&
        SET(CURLOPT_PREREQFUNCTION, on_before_request) && SET(CURLOPT_PREREQDATA, t);

    if (is_ok && conf->ca_file) {
        is_ok = SET(CURLOPT_CAINFO, conf->ca_file) && SET(CURLOPT_CAPATH, NULL);
    }
    return is_ok;
}

static bool set_request(struct transfer *t, const struct http_request *request)
{
    return SET(CURLOPT_URL, request->url) && SET(CURLOPT_PRIVATE, t) &&
           SET(CURLOPT_HTTPHEADER, t->headers) && SET(CURLOPT_POST, 1L) &&
           SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len) &&
           SET(CURLOPT_COPYPOSTFIELDS, request->body.len > 0 ? request->body.ptr : "") &&
           SET(CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) && SET(CURLOPT_NOSIGNAL, 1L) &&
           SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) && SET(CURLOPT_PIPEWAIT, 1L) &&
           SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, t);
}

struct transfer *transfer_new(const struct http_client_conf *conf,
                              const struct http_request *request)
{
    struct transfer *t = mem_zalloc(sizeof(*t));

    if (!t) {
        return NULL;
    }
    buf_init(&t->body, conf->response_max_bytes);
    t->is_public_only = request->is_public_only;
    t->easy = curl_easy_init();
    if (!t->easy || !add_headers(t, request) || !set_security(conf, t) ||
        !set_request(t, request)) {
        transfer_free(t);
        return NULL;
    }
    return t;
}
