/* SPDX-License-Identifier: MIT */
/* Any sequence of events for a session: the machine never leaves its states, never reads before it
 * is open, closes at most once, and what a broker holds is given back at most once per grant. */
#include <stdint.h>
#include <stdlib.h>

#include "gateway/session.h"

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

struct counts {
    int opens, joins, attaches, detaches, closes, leaves, frees, grants, give_backs;
};

static void count(struct counts *n, unsigned actions)
{
    n->opens += (actions & DO_SEND_OPEN) != 0;
    n->joins += (actions & DO_SEND_JOIN) != 0;
    n->attaches += (actions & DO_ATTACH) != 0;
    n->detaches += (actions & DO_DETACH) != 0;
    n->closes += (actions & DO_CLOSE) != 0;
    n->leaves += (actions & DO_LEAVE) != 0;
    n->frees += (actions & DO_FREE) != 0;
    n->grants += (actions & DO_ENTER_USER) != 0;
    n->give_backs += (actions & DO_GIVE_BACK) != 0;
}

static void check_counts(const struct counts *n, enum session_state state)
{
    check(n->opens <= 1 && n->joins <= 1 && n->attaches <= 1 && n->closes <= 1 && n->frees <= 1);
    check(n->joins == n->grants && n->grants <= n->opens && n->attaches <= n->joins);
    check(n->leaves <= n->grants);
    check(n->frees == (state == SESSION_GONE));
    check(state != SESSION_GONE || n->leaves == n->grants);
    check(n->detaches <= 1 && (state != SESSION_OPEN || n->detaches == 0));
    check(n->give_backs == 0 || state == SESSION_CLOSING || state == SESSION_GONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct session_plan plan = {SESSION_CONNECTING, 0};
    struct counts n = {0};

    for (size_t i = 0; i < size; i++) {
        struct session_plan before = plan;
        if (session_step(plan.next, (enum session_event)data[i], &plan) != 0) {
            check(plan.next == before.next && plan.actions == before.actions);
            continue;
        }
        check(data[i] < SESSION_EVENT_COUNT && plan.next < SESSION_STATE_COUNT);
        count(&n, plan.actions);
        check_counts(&n, plan.next);
    }
    return 0;
}
