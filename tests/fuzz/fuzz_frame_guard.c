/* SPDX-License-Identifier: MIT */
/* Any bytes as client frames: the guard comes to the same result however they are cut into reads,
 * passes on nothing after a failure or a close frame, and bounds what it keeps.
 *
 *   input = may_deflate and cut (1 byte), then frames */
#include <stdint.h>
#include <stdlib.h>

#include "gateway/frame_guard.h"

#define FRAME_MAX 70000u
#define INPUT_MAX 4096u

struct result {
    char passed[INPUT_MAX + FRAME_HEADER_MAX];
    size_t len;
};

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static void run(struct frame_guard *g, bool may_deflate, struct bytes in, size_t cut,
                struct result *out)
{
    static char room[INPUT_MAX + FRAME_HEADER_MAX];

    frame_guard_init(g, may_deflate);
    out->len = 0;
    while (in.len > 0) {
        size_t n = in.len < cut ? in.len : cut;
        size_t held = frame_guard_held(g);
        bool was_over = frame_guard_failure(g) != CLOSE_NONE || frame_guard_has_close(g);
        size_t passed;

        check(held < FRAME_HEADER_MAX);
        memcpy(room + held, in.ptr, n);
        passed = frame_guard_filter(g, FRAME_MAX, room, n);
        check(passed <= held + n && (!was_over || passed == 0));
        memcpy(out->passed + out->len, room, passed);
        out->len += passed;
        in = bytes_skip(in, n);
    }
    check(frame_guard_pongs(g).len <= FRAME_GUARD_PONGS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct result whole, parts;
    struct frame_guard a, b;
    struct bytes in;

    if (size < 1 || size > INPUT_MAX) {
        return 0;
    }
    in = bytes_of(data + 1, size - 1);
    run(&a, data[0] & 1, in, INPUT_MAX, &whole);
    run(&b, data[0] & 1, in, 1u + (data[0] >> 1) % 20u, &parts);
    check(frame_guard_failure(&a) == frame_guard_failure(&b));
    check(frame_guard_has_close(&a) == frame_guard_has_close(&b));
    check(frame_guard_close_reply(&a) == frame_guard_close_reply(&b));
    check(whole.len == parts.len && memcmp(whole.passed, parts.passed, whole.len) == 0);
    /* Without memory a ping goes unanswered, in one run and not in the other. */
    if (a.pongs.data && b.pongs.data) {
        check(frame_guard_pongs(&a).len == 0 || frame_guard_pongs(&b).len > 0);
    }
    frame_guard_done(&a);
    frame_guard_done(&b);
    return 0;
}
