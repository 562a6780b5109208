/* SPDX-License-Identifier: MIT */
/* Resource limits, no new privileges, and a list of the system calls that stay, by libseccomp. A
 * call that is not on it fails with EPERM: libraries cope, and for an intruder there is nothing.
 * Called by main.c. */
#include "broker/inspect/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The largest image that is decoded takes two times 4 bytes for each of 50 million pixels; the
 * libraries take the rest. */
#define MEMORY_MAX_BYTES (640ul * 1024 * 1024)
#define CPU_MAX_S 10ul
#define FILES_MAX 16ul /* descriptors; one at a time is needed, until the door closes */

static bool limit(int resource, rlim_t value)
{
    const struct rlimit both = {value, value};

    return setrlimit((__rlimit_resource_t)resource, &both) == 0;
}

bool sandbox_limit(void)
{
    return limit(RLIMIT_AS, MEMORY_MAX_BYTES) && limit(RLIMIT_CPU, CPU_MAX_S) &&
           limit(RLIMIT_NOFILE, FILES_MAX) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_CORE, 0) &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

static const int FREE_CALLS[] = {
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(restart_syscall),
};

/* On standard input. */
static const int INPUT_CALLS[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(_llseek),
};

static const int STATUS_CALLS[] = {
    SCMP_SYS(fstat),
    SCMP_SYS(fstat64),
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ALLOW(filter, call, ...)                                                                   \
    (seccomp_rule_add((filter), SCMP_ACT_ALLOW, (call), __VA_ARGS__) == 0)

static bool add_memory(scmp_filter_ctx f)
{
    /* Memory only, and none that could be run. */
    const struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    const struct scmp_arg_cmp no_file = SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS);

    return ALLOW(f, SCMP_SYS(mmap), 2, no_exec, no_file) &&
           ALLOW(f, SCMP_SYS(mprotect), 1, no_exec);
}

static bool add_files(scmp_filter_ctx f)
{
    const struct scmp_arg_cmp input = SCMP_A0(SCMP_CMP_EQ, STDIN_FILENO, 0);
    const struct scmp_arg_cmp output = SCMP_A0(SCMP_CMP_EQ, STDOUT_FILENO, 0);
    const struct scmp_arg_cmp standard = SCMP_A0(SCMP_CMP_LE, STDERR_FILENO, 0);
    const struct scmp_arg_cmp itself = SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH, 0);
    bool is_ok =
        ALLOW(f, SCMP_SYS(write), 1, output) && ALLOW(f, SCMP_SYS(newfstatat), 2, standard, itself);

    for (size_t i = 0; i < COUNT(INPUT_CALLS) && is_ok; i++) {
        is_ok = ALLOW(f, INPUT_CALLS[i], 1, input);
    }
    for (size_t i = 0; i < COUNT(STATUS_CALLS) && is_ok; i++) {
        is_ok = ALLOW(f, STATUS_CALLS[i], 1, standard);
    }
    return is_ok;
}

bool sandbox_enter(void)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool is_ok = f && add_memory(f) && add_files(f);

    for (size_t i = 0; i < COUNT(FREE_CALLS) && is_ok; i++) {
        is_ok = ALLOW(f, FREE_CALLS[i], 0);
    }
    is_ok = is_ok && seccomp_load(f) == 0;
    if (f) {
        seccomp_release(f);
    }
    return is_ok;
}
