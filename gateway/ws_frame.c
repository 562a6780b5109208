/* SPDX-License-Identifier: MIT */
/* Writes WebSocket frame headers the way a server does: one final frame, no mask, the shortest
 * length form (RFC 6455 §5.2). Reads none: frames from clients are checked by frame_guard and taken
 * apart by libwebsockets. Called when a message is made ready for a topic or an outbox. */
#include "gateway/ws_frame.h"

#define FIN_TEXT 0x81u
#define RSV1 0x40u
#define LENGTH_16 126u
#define LENGTH_64 127u

size_t ws_text_header(size_t len, bool is_deflated, char out[WS_FRAME_HEADER_MAX])
{
    size_t tail = len < LENGTH_16 ? 0 : len <= UINT16_MAX ? 2 : 8;

    out[0] = (char)(FIN_TEXT | (is_deflated ? RSV1 : 0u));
    out[1] = (char)(tail == 0 ? len : tail == 2 ? LENGTH_16 : LENGTH_64);
    for (size_t i = 0; i < tail; i++) {
        out[2 + i] = (char)((uint64_t)len >> (8 * (tail - 1 - i)) & 0xff);
    }
    return 2 + tail;
}

int ws_text_frame(struct bytes payload, bool is_deflated, struct buf *out)
{
    char *room;
    size_t header;
    int err = payload.len > SIZE_MAX - WS_FRAME_HEADER_MAX
                  ? ERR_FULL
                  : buf_reserve(out, WS_FRAME_HEADER_MAX + payload.len, &room);

    if (err != 0) {
        return err;
    }
    header = ws_text_header(payload.len, is_deflated, room);
    if (payload.len > 0) {
        memcpy(room + header, payload.ptr, payload.len);
    }
    buf_commit(out, header + payload.len);
    return 0;
}
