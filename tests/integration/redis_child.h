/* SPDX-License-Identifier: MIT */
#pragma once
/* A redis-server of a test's own, on a unix socket and a TCP port, in a folder that goes with it.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct redis_child {
    char folder[64];
    char socket_path[96];
    char unix_url[128];
    char port[8];
    pid_t pid; /* 0 = not running */
};

/* Make the folder and choose a port that is free now; starts nothing. 0 or -1. */
static inline int redis_child_init(struct redis_child *r)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(to);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    *r = (struct redis_child){.folder = "/tmp/kibray-it.XXXXXX"};
    if (!mkdtemp(r->folder) || bind(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
        getsockname(fd, (struct sockaddr *)&to, &len) != 0) {
        return -1;
    }
    (void)close(fd);
    (void)snprintf(r->socket_path, sizeof(r->socket_path), "%s/redis.sock", r->folder);
    (void)snprintf(r->unix_url, sizeof(r->unix_url), "unix://%s", r->socket_path);
    (void)snprintf(r->port, sizeof(r->port), "%u", ntohs(to.sin_port));
    return 0;
}

/* Start it with one setting more, "--name" and value. Does not wait until it answers. */
static inline void redis_child_start(struct redis_child *r, const char *flag, const char *value)
{
    r->pid = fork();
    assert_true(r->pid >= 0);
    if (r->pid == 0) {
        (void)dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
        (void)execlp("redis-server", "redis-server", "--bind", "127.0.0.1", "--port", r->port,
                     "--unixsocket", r->socket_path, "--dir", r->folder, "--save", "", flag, value,
                     (char *)NULL);
        _exit(127);
    }
}

/* kill -9, and wait until it is gone. */
static inline void redis_child_kill(struct redis_child *r)
{
    if (r->pid > 0) {
        (void)kill(r->pid, SIGKILL);
        (void)waitpid(r->pid, NULL, 0);
        r->pid = 0;
    }
}

static inline int redis_child_done(struct redis_child *r)
{
    redis_child_kill(r);
    (void)unlink(r->socket_path);
    return rmdir(r->folder);
}
