/* SPDX-License-Identifier: MIT */
/* The load tool's side of a socket: upgrade, frame headers, buffers. */
#include "ws_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_CHUNK (256u * 1024u)

static char shared_in[READ_CHUNK]; /* one read at a time: partial frames are copied away */

int ws_client_start(struct ws_client *c, const struct ws_target *t, uint32_t room)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(t->port)};
    char path[2048], request[4096];
    int one = 1, len;

    memset(c, 0, sizeof(*c));
    c->room = room;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || inet_pton(AF_INET, t->host, &to.sin_addr) != 1) {
        return -1;
    }
    if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        close(c->fd);
        return -1;
    }
    (void)!setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(path, sizeof(path), t->path_format, room);
#pragma GCC diagnostic pop
    len = snprintf(request, sizeof(request),
                   "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   "Sec-WebSocket-Version: 13\r\n\r\n",
                   path, t->port);
    return send(c->fd, request, (size_t)len, MSG_NOSIGNAL) == len ? 0 : -1;
}

/* Size of the frame at `p`, or 0 when it is not complete. */
static size_t frame_size(const unsigned char *p, size_t have, size_t *out_header)
{
    size_t len, header = 2;
    if (have < 2) {
        return 0;
    }
    len = p[1] & 0x7f;
    if (len == 126) {
        header = 4;
        len = have < 4 ? SIZE_MAX / 2 : (size_t)p[2] << 8 | p[3];
    } else if (len == 127) {
        header = 10;
        len = 0;
        for (size_t i = 2; i < 10; i++) {
            len = have < 10 ? SIZE_MAX / 2 : len << 8 | p[i];
        }
    }
    *out_header = header;
    return header + len <= have ? header + len : 0;
}

static size_t eat_frames(struct ws_client *c, const char *data, size_t len, ws_frame_fn *fn,
                         void *arg)
{
    size_t used = 0, header = 0, size;
    while ((size = frame_size((const unsigned char *)data + used, len - used, &header)) > 0) {
        unsigned opcode = (unsigned char)data[used] & 0x0f;
        if (opcode == 1) {
            c->frames++;
            fn(arg, c, data + used + header, size - header);
        } else if (opcode == 8) {
            c->is_closed = true;
        } else if (opcode == 9) {
            static const char pong[] = {(char)0x8a, (char)0x80, 0, 0, 0, 0};
            (void)!send(c->fd, pong, sizeof(pong), MSG_NOSIGNAL);
        }
        used += size;
    }
    return used;
}

static size_t eat(struct ws_client *c, const char *data, size_t len, ws_frame_fn *fn, void *arg)
{
    size_t skip = 0;
    if (!c->is_upgraded) {
        const char *end = memmem(data, len, "\r\n\r\n", 4);
        if (!end) {
            return 0;
        }
        if (len < 12 || memcmp(data, "HTTP/1.1 101", 12) != 0) {
            c->is_closed = true;
            return len;
        }
        c->is_upgraded = true;
        skip = (size_t)(end - data) + 4;
    }
    return skip + eat_frames(c, data + skip, len - skip, fn, arg);
}

static void keep(char **buf, size_t *buf_len, size_t *cap, const char *data, size_t len)
{
    if (*buf_len + len > *cap) {
        *cap = (*buf_len + len) * 2;
        *buf = realloc(*buf, *cap);
        if (!*buf) {
            abort();
        }
    }
    memmove(*buf + *buf_len, data, len);
    *buf_len += len;
}

void ws_client_read(struct ws_client *c, ws_frame_fn *fn, void *arg)
{
    ssize_t n = recv(c->fd, shared_in, sizeof(shared_in), MSG_DONTWAIT);
    size_t used;

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        c->is_closed = true;
    }
    if (n <= 0) {
        return;
    }
    if (c->in_len == 0) {
        used = eat(c, shared_in, (size_t)n, fn, arg);
        if (used < (size_t)n) {
            keep(&c->in, &c->in_len, &c->in_cap, shared_in + used, (size_t)n - used);
        }
        return;
    }
    keep(&c->in, &c->in_len, &c->in_cap, shared_in, (size_t)n);
    used = eat(c, c->in, c->in_len, fn, arg);
    memmove(c->in, c->in + used, c->in_len - used);
    c->in_len -= used;
}

void ws_client_flush(struct ws_client *c)
{
    ssize_t n;
    if (c->out_len == 0) {
        return;
    }
    n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
        memmove(c->out, c->out + n, c->out_len - (size_t)n);
        c->out_len -= (size_t)n;
    }
}

void ws_client_send(struct ws_client *c, const char *payload, size_t len)
{
    char header[8] = {(char)0x81};
    size_t h;

    if (len < 126) {
        header[1] = (char)(0x80 | len);
        h = 2;
    } else {
        header[1] = (char)(0x80 | 126);
        header[2] = (char)(len >> 8);
        header[3] = (char)(len & 0xff);
        h = 4;
    }
    memset(header + h, 0, sizeof(header) - h < 4 ? sizeof(header) - h : 4);
    keep(&c->out, &c->out_len, &c->out_cap, header, h + 4);
    keep(&c->out, &c->out_len, &c->out_cap, payload, len);
    ws_client_flush(c);
}

void ws_client_close(struct ws_client *c)
{
    if (c->fd >= 0) {
        close(c->fd);
    }
    c->fd = -1;
    free(c->in);
    free(c->out);
    c->in = c->out = NULL;
}
