/* SPDX-License-Identifier: MIT */
/* Starts a program on a file and reads what it says, for so long and no longer. Called by
 * inspect.c.
 */
#include "broker/io/inspect_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io/clock.h"

#define PIECE_BYTES 16384u

/* Descriptors of the parent, all of them above the standard ones. */
struct ends {
    int input, from, to; /* the file; the pipe */
};

static int above_standard(int fd)
{
    int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    if (fd >= 0) {
        close(fd);
    }
    return moved;
}

static void ends_close(struct ends *e)
{
    int *all[] = {&e->input, &e->from, &e->to};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (*all[i] >= 0) {
            close(*all[i]);
        }
        *all[i] = -1;
    }
}

/* The file is opened anew, so that the offset is the child's own; unnamed ones, too. */
static int ends_open(struct ends *e, int fd)
{
    char path[32];
    int pipe_ends[2];

    *e = (struct ends){-1, -1, -1};
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    e->input = above_standard(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (e->input >= 0 && pipe2(pipe_ends, O_CLOEXEC) == 0) {
        e->from = above_standard(pipe_ends[0]);
        e->to = above_standard(pipe_ends[1]);
    }
    if (e->input < 0 || e->from < 0 || e->to < 0) {
        ends_close(e);
        return ERR_UNAVAILABLE;
    }
    return 0;
}

static bool add_actions(posix_spawn_file_actions_t *a, const struct ends *e)
{
    return posix_spawn_file_actions_adddup2(a, e->input, STDIN_FILENO) == 0 &&
           posix_spawn_file_actions_adddup2(a, e->to, STDOUT_FILENO) == 0 &&
           posix_spawn_file_actions_addopen(a, STDERR_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
           posix_spawn_file_actions_addclosefrom_np(a, STDERR_FILENO + 1) == 0 &&
           posix_spawn_file_actions_addchdir_np(a, "/") == 0;
}

/* A worker thread blocks signals and the process ignores some: the child begins as usual. */
static bool add_attributes(posix_spawnattr_t *a)
{
    sigset_t none, all;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    return posix_spawnattr_setsigmask(a, &none) == 0 &&
           posix_spawnattr_setsigdefault(a, &all) == 0 &&
           posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) == 0;
}

static int start(const char *program, const char *argument, const struct ends *e, pid_t *out_pid)
{
    char *const argv[] = {(char *)program, (char *)argument, NULL};
    char *const environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int err = ERR_NOMEM;

    if (posix_spawn_file_actions_init(&actions) != 0) {
        return ERR_NOMEM;
    }
    if (posix_spawnattr_init(&attributes) == 0) {
        if (add_actions(&actions, e) && add_attributes(&attributes)) {
            err = posix_spawn(out_pid, program, &actions, &attributes, argv, environment) == 0
                      ? 0
                      : ERR_UNAVAILABLE;
        }
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return err;
}

/* Until the end of the output, the deadline, or the buffer's bound. */
static int collect(int from, uint64_t deadline_ms, struct buf *out)
{
    for (;;) {
        struct pollfd wait = {.fd = from, .events = POLLIN};
        uint64_t now_ms = clock_mono_ms();
        size_t room = out->max - out->len < PIECE_BYTES ? out->max - out->len : PIECE_BYTES;
        ssize_t got;
        char *to;

        if (now_ms >= deadline_ms || room == 0) {
            return 0;
        }
        if (poll(&wait, 1, (int)(deadline_ms - now_ms)) <= 0) {
            continue; /* the time is over, or a signal came */
        }
        if (buf_reserve(out, room, &to) != 0) {
            return ERR_NOMEM;
        }
        got = read(from, to, room);
        if (got <= 0 && (got == 0 || errno != EINTR)) {
            return 0;
        }
        buf_commit(out, got > 0 ? (size_t)got : 0);
    }
}

static void end(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

int inspect_spawn(const char *program, const char *argument, int fd, uint32_t timeout_ms,
                  struct buf *out)
{
    struct ends e;
    pid_t pid = 0;
    int err = ends_open(&e, fd);

    if (err) {
        return err;
    }
    err = start(program, argument, &e, &pid);
    if (err == 0) {
        close(e.to); /* the child's alone now, so that its end is the output's */
        e.to = -1;
        err = collect(e.from, clock_mono_ms() + timeout_ms, out);
        end(pid);
    }
    ends_close(&e);
    return err;
}
