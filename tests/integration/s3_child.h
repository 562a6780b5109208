/* SPDX-License-Identifier: MIT */
#pragma once
/* The S3 server of the end-to-end tests (tests/e2e/lib/s3_server.mjs) as a child of a test, with an
 * empty bucket in a folder of its own. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define S3_CHILD_BUCKET "files"
#define S3_CHILD_ACCESS_KEY "S3RVER"
#define S3_CHILD_SECRET_KEY "test-secret/+"

struct s3_child {
    pid_t pid; /* 0 = not running */
    int port;
    char folder[64], url[64];
};

static inline void s3_child_exec(const struct s3_child *s, int out, const char *tls)
{
    char data[96], port[16], key[128], cert[128];

    (void)snprintf(data, sizeof(data), "%s/data", s->folder);
    (void)snprintf(port, sizeof(port), "%d", s->port);
    (void)snprintf(key, sizeof(key), "%s.key", tls ? tls : "");
    (void)snprintf(cert, sizeof(cert), "%s.pem", tls ? tls : "");
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)dup2(out, STDOUT_FILENO);
    (void)execlp("node", "node", KIBRAY_SOURCE_DIR "/tests/e2e/lib/s3_server.mjs", data,
                 S3_CHILD_BUCKET, S3_CHILD_SECRET_KEY, port, tls ? key : (char *)NULL, cert,
                 (char *)NULL);
    _exit(127);
}

/* Start it, on the port of its last time if there was one. `tls`: a certificate's path without
 * ".pem", its key beside it; NULL: without TLS. 0 or -1. */
static inline int s3_child_start(struct s3_child *s, const char *tls)
{
    char line[64] = "";
    int ends[2];
    FILE *out;

    if (pipe(ends) != 0) {
        return -1;
    }
    s->pid = fork();
    if (s->pid == 0) {
        (void)close(ends[0]);
        s3_child_exec(s, ends[1], tls);
    }
    (void)close(ends[1]);
    out = fdopen(ends[0], "r");
    if (!out || !fgets(line, sizeof(line), out) || sscanf(line, "ready %d", &s->port) != 1) {
        (void)fprintf(stderr, "no S3 server: needs node and `npm ci` in tests/e2e\n");
        return -1;
    }
    (void)fclose(out);
    (void)snprintf(s->url, sizeof(s->url), "%s://127.0.0.1:%d", tls ? "https" : "http", s->port);
    return 0;
}

static inline int s3_child_init(struct s3_child *s)
{
    *s = (struct s3_child){.folder = "/tmp/kibray-it-s3.XXXXXX"};
    return mkdtemp(s->folder) ? 0 : -1;
}

static inline void s3_child_kill(struct s3_child *s)
{
    if (s->pid > 0) {
        (void)kill(s->pid, SIGKILL);
        (void)waitpid(s->pid, NULL, 0);
        s->pid = 0;
    }
}

static inline void s3_child_done(struct s3_child *s)
{
    char command[128];

    s3_child_kill(s);
    (void)snprintf(command, sizeof(command), "rm -rf -- %s", s->folder);
    (void)!system(command);
}
