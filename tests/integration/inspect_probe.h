/* SPDX-License-Identifier: MIT */
#pragma once
/* inspect_file for tests: one result, and no child that is left behind. */
#include <errno.h>
#include <sys/wait.h>

#include "broker/io/inspect.h"
#include "tests/integration/image_files.h"

#define PROGRAM KIBRAY_BIN_DIR "/kibray-inspect"

static struct inspect_result r;

/* Closes the file. */
static inline int inspect_with(int fd, const char *program, uint32_t timeout_ms)
{
    const struct inspect_conf conf = {program, timeout_ms, true};
    int err = inspect_file(fd, &conf, &r);

    (void)close(fd);
    return err;
}

static inline const char *type_of(int fd)
{
    assert_int_equal(inspect_with(fd, PROGRAM, 0), 0);
    return r.type;
}

static inline int set_up(void **state)
{
    (void)state;
    inspect_result_init(&r);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    inspect_result_done(&r);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_int_equal(errno, ECHILD);
    return 0;
}

static inline void assert_no_thumbnail(void)
{
    assert_int_equal(r.thumbnail.len, 0);
    assert_null(r.thumbnail_type);
    assert_int_equal(r.thumbnail_width, 0);
}
