/* SPDX-License-Identifier: MIT */
/* The way of a client's message through the gateway's checks. Sends and forwards nothing itself;
 * called by receiving.c.
 *
 *     parse -> free of the limit (ping, heartbeat)? -> answer here
 *           -> a batch? -> its parts go the same way, each by itself; what is left as one
 *           -> window full? -> RATE_LIMIT_EXCEEDED, a refusal (600 a minute close)
 *           -> counts -> malformed, not legal here? -> error
 *           -> forward
 *
 * What is forwarded may still have to wait for the user's limit; it counts from here on, so that
 * what comes meanwhile is judged by it too, and is given back when that limit refuses it. Malformed
 * messages count, so that nobody can make us parse rubbish without end. */
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

/* Count one more frame. Errors: ERR_LIMIT the window is full; ERR_NOMEM it must not go. */
static int count(uint32_t rate_limit, struct inbound_meter **meter, uint64_t now_ms)
{
    if (rate_limit == 0) {
        return 0;
    }
    return meter_of(meter, rate_limit) ? ratelim_take(&(*meter)->accepted, now_ms) : ERR_NOMEM;
}

void inbound_give_back(struct inbound_meter *meter, uint64_t counted_ms)
{
    if (meter) {
        ratelim_give_back(&meter->accepted, counted_ms);
    }
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

/* Types that more than one endpoint knows name there what they are about. */
static bool has_fields_of(enum endpoint endpoint, const struct client_msg *msg)
{
    if (msg->kind == KIND_MARK_READ) {
        return endpoint == ENDPOINT_NOTIFICATIONS ? msg->notification_id != 0
                                                  : msg->message_id != 0;
    }
    return msg->kind != KIND_TYPING || endpoint == ENDPOINT_CHAT || msg->channel_id != 0;
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
    if (frame->is_part &&
        (out_msg->kind == KIND_BATCH_UPDATE || out_msg->kind == KIND_UPLOAD_CHUNK)) {
        return CODE_INVALID_MESSAGE;
    }
    return inbound_is_legal(out_msg->kind, frame->endpoint, frame->state) &&
                   has_fields_of(frame->endpoint, out_msg)
               ? CODE_NONE
               : CODE_INVALID_MESSAGE;
}

static enum inbound_action action_at_gateway(enum client_kind kind)
{
    return kind == KIND_HEARTBEAT ? INBOUND_HEARTBEAT_ACK : INBOUND_PONG;
}

/* The end of both ways: what out->code says so far, unless the window is full. */
static void conclude(uint32_t rate_limit, struct inbound_meter **meter, uint64_t now_ms,
                     struct inbound_verdict *out)
{
    int err = count(rate_limit, meter, now_ms);

    if (err == ERR_LIMIT) {
        out->code = CODE_RATE_LIMIT_EXCEEDED;
        out->action = inbound_refuse(meter, now_ms);
        return;
    }
    if (err != 0 && out->code == CODE_NONE) {
        out->code = inbound_code(err);
    }
    out->action = out->code == CODE_NONE ? INBOUND_FORWARD : INBOUND_ERROR;
    out->counted_ms = now_ms;
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
    } else if (out->code == CODE_NONE && !info->counts) {
        out->action = INBOUND_FORWARD; /* its bytes are limited, not its number */
    } else {
        conclude(rate_limit, meter, frame->now_ms, out);
    }
}

void inbound_judge_rest(const struct client_msg *batch, uint32_t rate_limit,
                        struct inbound_meter **meter, uint64_t now_ms, struct inbound_verdict *out)
{
    *out = (struct inbound_verdict){.msg = *batch};
    conclude(rate_limit, meter, now_ms, out);
}
