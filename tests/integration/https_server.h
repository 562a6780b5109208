/* SPDX-License-Identifier: MIT */
#pragma once
/* An HTTPS server (HTTP/1.1) for the tests of the HTTP client, in a process of its own, one more
 * for each connection. Its certificate is made by openssl when the test begins. What it does
 * depends on the path:
 *
 *   /ok        200, the body tells connection, request, and what was received
 *   /slow      nothing for two seconds
 *   /drip      a byte now and then, without an end
 *   /huge      200 and a megabyte
 *   /reset     the connection is reset
 *   /redirect  302 to /ok
 *   /later     429 with Retry-After: 7 */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/ssl.h>
#undef ERR_STATE

static struct {
    pid_t pid;
    int port;
    char folder[64];
    struct {
        int connections, offered_h2;
    } * seen; /* shared with the server */
} https;

static inline const char *https_file(const char *name)
{
    static char path[4][128];
    static unsigned turn;
    char *out = path[turn++ % 4];

    (void)snprintf(out, sizeof(path[0]), "%s/%s", https.folder, name);
    return out;
}

/* A certificate that is its own authority. */
static inline int https_make_certificate(const char *name)
{
    char command[512];

    (void)snprintf(command, sizeof(command),
                   "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
                   " -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
                   " -keyout %s/%s.key -out %s/%s.pem 2>/dev/null",
                   https.folder, name, https.folder, name);
    return system(command);
}

static inline int https_on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                                const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl, (void)arg;
    https.seen->offered_h2 = memmem(in, in_len, "\2h2", 3) != NULL;
    *out = (const unsigned char *)"http/1.1";
    *out_len = 8;
    return SSL_TLSEXT_ERR_OK;
}

/* Reads one request. Gives the length of its body, -1 at the end of the connection. */
static inline int https_read(SSL *ssl, char *text, int size)
{
    int len = 0, got;
    char *end, *length;

    while ((got = SSL_read(ssl, text + len, size - 1 - len)) > 0) {
        len += got;
        text[len] = '\0';
        end = strstr(text, "\r\n\r\n");
        length = strcasestr(text, "content-length: ");
        if (end && (!length || text + len >= end + 4 + atoi(length + 16))) {
            return length ? atoi(length + 16) : 0;
        }
    }
    return -1;
}

static inline void https_answer(SSL *ssl, const char *status, const char *header, const char *body,
                                size_t body_len)
{
    char head[256];
    int len = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status,
                       header, body_len);

    if (SSL_write(ssl, head, len) == len && body_len > 0) {
        (void)!SSL_write(ssl, body, (int)body_len);
    }
}

static inline void https_serve(SSL *ssl, int fd, int connection)
{
    static char text[65536], body[1 << 20];
    struct linger reset = {1, 0};
    int len;

    for (int request = 1; (len = https_read(ssl, text, sizeof(text))) >= 0; request++) {
        if (strstr(text, "POST /slow") == text) {
            sleep(2);
            return;
        }
        if (strstr(text, "POST /drip") == text) {
            static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";

            (void)!SSL_write(ssl, head, sizeof(head) - 1);
            while (SSL_write(ssl, "x", 1) == 1) {
                usleep(50000);
            }
            return;
        }
        if (strstr(text, "POST /reset") == text) {
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
            return;
        }
        if (strstr(text, "POST /huge") == text) {
            https_answer(ssl, "200 OK", "", body, sizeof(body));
        } else if (strstr(text, "POST /redirect") == text) {
            https_answer(ssl, "302 Found", "Location: /ok\r\n", "", 0);
        } else if (strstr(text, "POST /later") == text) {
            https_answer(ssl, "429 Too Many Requests", "Retry-After: 7\r\n", "", 0);
        } else {
            len = snprintf(body, 256, "connection %d request %d bytes %d header %s", connection,
                           request, len, strcasestr(text, "x-test: yes") ? "yes" : "no");
            https_answer(ssl, "200 OK", "", body, (size_t)len);
        }
    }
}

static inline void https_accept(int listener, SSL_CTX *ctx)
{
    int fd = accept(listener, NULL, NULL), connection;

    if (fd < 0) {
        _exit(0);
    }
    connection = ++https.seen->connections;
    if (fork() == 0) {
        SSL *ssl = SSL_new(ctx);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1) {
            https_serve(ssl, fd, connection);
        }
        _exit(0);
    }
    close(fd);
}

static inline void https_run(int listener)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    if (SSL_CTX_use_certificate_file(ctx, https_file("server.pem"), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, https_file("server.key"), SSL_FILETYPE_PEM) != 1) {
        _exit(1);
    }
    SSL_CTX_set_alpn_select_cb(ctx, https_on_alpn, NULL);
    for (;;) {
        https_accept(listener, ctx);
    }
}

static inline int https_start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    (void)snprintf(https.folder, sizeof(https.folder), "/tmp/kibray-https-XXXXXX");
    if (!mkdtemp(https.folder) || https_make_certificate("server") != 0 ||
        https_make_certificate("other") != 0) {
        return -1;
    }
    https.seen =
        mmap(NULL, sizeof(*https.seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (bind(listener, (struct sockaddr *)&address, len) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0) {
        return -1;
    }
    https.port = ntohs(address.sin_port);
    https.pid = fork();
    if (https.pid == 0) {
        https_run(listener);
    }
    close(listener);
    return https.pid > 0 ? 0 : -1;
}

static inline void https_stop(void)
{
    char command[128];

    kill(https.pid, SIGKILL);
    waitpid(https.pid, NULL, 0);
    (void)snprintf(command, sizeof(command), "rm -rf -- %s", https.folder);
    (void)!system(command);
}
