/* SPDX-License-Identifier: MIT */
/* The way of a client's message through the gateway's checks. Sends and forwards nothing itself;
 * called by receiving.c.
 *
 *     parse -> free of the limit (ping, heartbeat)? -> answer here
 *           -> window full? -> RATE_LIMIT_EXCEEDED, a refusal (600 a minute close)
 *           -> malformed, not legal here? -> counts, error
 *           -> a batch? -> its parts go the same way, each by itself; what is left as one
 *           -> forward (counts when it goes)
 *
 * Malformed messages count, so that nobody can make us parse rubbish without end. */
#include "gateway/inbound.h"

#include "common/mem.h"

struct inbound_meter {
    struct ratelim accepted, refused;
};

void inbound_meter_free(struct inbound_meter *m)
{
    if (m) {
        ratelim_done(&m->accepted);
        ratelim_done(&m->refused);
        mem_free(m);
    }
}

static struct inbound_meter *meter_of(struct inbound_meter **meter, uint32_t rate_limit)
{
    if (!*meter) {
        *meter = mem_alloc(sizeof(**meter));
        if (*meter) {
            ratelim_init(&(*meter)->accepted, rate_limit, INBOUND_WINDOW_MS);
            /* The one that does not fit any more is the one that closes. */
            ratelim_init(&(*meter)->refused, INBOUND_REFUSALS_MAX - 1, INBOUND_WINDOW_MS);
        }
    }
    return *meter;
}

/* May one more frame be accepted? Without memory the answer comes when it is to be counted. */
static bool has_room(uint32_t rate_limit, struct inbound_meter **meter, uint64_t now_ms)
{
    return rate_limit == 0 || !meter_of(meter, rate_limit) ||
           ratelim_wait_ms(&(*meter)->accepted, now_ms) == 0;
}

int inbound_accept(uint32_t rate_limit, struct inbound_meter **meter, uint64_t now_ms)
{
    if (rate_limit == 0) {
        return 0;
    }
    if (!meter_of(meter, rate_limit)) {
        return ERR_NOMEM;
    }
    return ratelim_take(&(*meter)->accepted, now_ms) == 0 ? 0 : ERR_NOMEM;
}

enum inbound_action inbound_refuse(struct inbound_meter **meter, uint64_t now_ms)
{
    if (*meter && ratelim_take(&(*meter)->refused, now_ms) == ERR_LIMIT) {
        return INBOUND_FLOOD;
    }
    return INBOUND_ERROR;
}

bool inbound_is_legal(enum client_kind kind, enum endpoint endpoint, enum session_state state)
{
    return state == SESSION_OPEN && (kind_info(kind)->endpoints & (1u << endpoint)) != 0;
}

enum client_code inbound_code(int err)
{
    return err == ERR_NOMEM ? CODE_SERVICE_UNAVAILABLE : CODE_INVALID_MESSAGE;
}

static enum client_code parse(const struct inbound_frame *frame, struct arena *arena,
                              struct client_msg *out_msg)
{
    int err;

    if (frame->is_oversize) {
        return CODE_MESSAGE_TOO_LARGE;
    }
    if (frame->is_binary) {
        return CODE_INVALID_MESSAGE;
    }
    err = client_msg_parse(frame->message, arena, out_msg);
    if (err != 0) {
        return inbound_code(err);
    }
    if (frame->is_part && out_msg->kind == KIND_BATCH_UPDATE) {
        return CODE_INVALID_MESSAGE;
    }
    return inbound_is_legal(out_msg->kind, frame->endpoint, frame->state) ? CODE_NONE
                                                                          : CODE_INVALID_MESSAGE;
}

static enum inbound_action action_at_gateway(enum client_kind kind)
{
    return kind == KIND_HEARTBEAT ? INBOUND_HEARTBEAT_ACK : INBOUND_PONG;
}

void inbound_judge(const struct inbound_frame *frame, uint32_t rate_limit,
                   struct inbound_meter **meter, struct arena *arena, struct inbound_verdict *out)
{
    const struct kind_info *info;

    *out = (struct inbound_verdict){.action = INBOUND_DROP};
    if (frame->state != SESSION_OPEN) {
        return;
    }
    if (!frame->is_part) {
        arena_reset(arena);
    }
    out->code = parse(frame, arena, &out->msg);
    info = kind_info(out->msg.kind);
    if (out->code == CODE_NONE && !info->counts && info->place == AT_GATEWAY) {
        out->action = action_at_gateway(out->msg.kind);
    } else if (out->code == CODE_NONE && out->msg.kind == KIND_BATCH_UPDATE) {
        out->action = INBOUND_BATCH;
    } else if (!has_room(rate_limit, meter, frame->now_ms)) {
        out->code = CODE_RATE_LIMIT_EXCEEDED;
        out->action = inbound_refuse(meter, frame->now_ms);
    } else if (out->code != CODE_NONE) {
        int ignored = inbound_accept(rate_limit, meter, frame->now_ms);
        (void)ignored; /* it is an error frame either way */
        out->action = INBOUND_ERROR;
    } else {
        out->action = INBOUND_FORWARD;
    }
}

void inbound_judge_rest(const struct client_msg *batch, uint32_t rate_limit,
                        struct inbound_meter **meter, uint64_t now_ms, struct inbound_verdict *out)
{
    *out = (struct inbound_verdict){.action = INBOUND_FORWARD, .msg = *batch};
    if (!has_room(rate_limit, meter, now_ms)) {
        out->code = CODE_RATE_LIMIT_EXCEEDED;
        out->action = inbound_refuse(meter, now_ms);
    }
}
