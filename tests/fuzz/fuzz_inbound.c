/* SPDX-License-Identifier: MIT */
/* Any messages of a client, one per line of the input: each gets a verdict that fits it, what is
 * forwarded can be encoded and is accepted by the broker's decoder, and never more than the limit
 * is accepted in a window. A line that begins with "+" lets as many seconds pass as it has bytes;
 * one that begins with "!" is binary. */
#include <stdint.h>
#include <stdlib.h>

#include "gateway/inbound.h"
#include "proto/envelope.h"

#define LIMIT 5u
#define MEMORY_MAX (1u << 22)

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static void check_forward(const struct client_msg *msg)
{
    struct up_envelope env = {.kind = UP_FRAME, .conn = 1};
    struct up_envelope back;
    struct buf out;
    size_t used;

    check(kind_info(msg->kind)->place == AT_BROKER);
    env.frame.frame_no = 1;
    env.frame.actor = (struct actor){.user_id = 1, .username = BYTES_LIT("u")};
    env.frame.topic = BYTES_LIT("chat:1");
    env.frame.msg = *msg;
    buf_init(&out, MEMORY_MAX);
    if (up_envelope_encode(&env, &out) == 0) {
        check(up_envelope_decode(buf_bytes(&out), &back, &used) == 0 && used == out.len);
        check(back.frame.msg.kind == msg->kind && bytes_eq(back.frame.msg.text, msg->text));
    }
    buf_done(&out);
}

static void check_verdict(const struct inbound_verdict *v)
{
    switch (v->action) {
    case INBOUND_DROP:
        abort(); /* the session is open */
    case INBOUND_BATCH:
        check(v->msg.kind == KIND_BATCH_UPDATE && v->code == CODE_NONE);
        check(v->msg.part_count > 0 || v->msg.text.len > 0);
        break;
    case INBOUND_FORWARD:
        check(v->code == CODE_NONE);
        check_forward(&v->msg);
        break;
    case INBOUND_PONG:
        check(v->msg.kind == KIND_PING);
        break;
    case INBOUND_HEARTBEAT_ACK:
        check(v->msg.kind == KIND_HEARTBEAT);
        break;
    case INBOUND_ERROR:
        check(v->code != CODE_NONE);
        break;
    case INBOUND_FLOOD:
        check(v->code == CODE_RATE_LIMIT_EXCEEDED);
        break;
    }
}

static bool is_accepted(const struct inbound_verdict *v)
{
    return v->action == INBOUND_FORWARD;
}

struct client {
    struct inbound_meter *meter;
    struct arena *arena;
    uint64_t now_ms, window_start_ms;
    uint32_t in_window;
};

static void message(struct client *c, struct bytes text, bool is_binary)
{
    const struct inbound_frame frame = {.endpoint = ENDPOINT_CHAT,
                                        .state = SESSION_OPEN,
                                        .message = text,
                                        .is_binary = is_binary,
                                        .now_ms = c->now_ms};
    struct inbound_verdict v;

    inbound_judge(&frame, LIMIT, &c->meter, c->arena, &v);
    check_verdict(&v);
    /* Fixed windows lie within the rolling one: not more than the limit in any of them. */
    if (c->now_ms >= c->window_start_ms + INBOUND_WINDOW_MS) {
        c->window_start_ms = c->now_ms;
        c->in_window = 0;
    }
    c->in_window += is_accepted(&v);
    check(c->in_window <= LIMIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct client c = {.arena = arena_new(MEMORY_MAX), .now_ms = 1};
    struct bytes rest = bytes_of(data, size);

    while (c.arena && rest.len > 0) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        struct bytes line = bytes_of(rest.ptr, end ? (size_t)(end - rest.ptr) : rest.len);
        rest = bytes_skip(rest, line.len + 1);
        if (line.len > 0 && line.ptr[0] == '+') {
            c.now_ms += line.len * 1000;
        } else {
            message(&c, line, line.len > 0 && line.ptr[0] == '!');
        }
    }
    inbound_meter_free(c.meter);
    arena_free(c.arena);
    return 0;
}
