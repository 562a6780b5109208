/* SPDX-License-Identifier: MIT */
/* The updates of a batch_update that are no frames: sanitised and relayed, in the channel's order,
 * to all but the socket that sent them. What they mean is the clients' matter. */
#include "broker/content.h"
#include "broker/sanitize_json.h"

static enum client_code clean(struct world *w, const struct work *work, struct bytes *out_updates)
{
    int err;

    buf_reset(w->scratch);
    err = sanitize_json(w->sanitize_mode, work->env.frame.msg.text, w->scratch);
    if (err == ERR_FULL) {
        return CODE_MESSAGE_TOO_LARGE;
    }
    if (err == ERR_NOMEM || (!err && arena_dup(w->fx->arena, buf_bytes(w->scratch), out_updates))) {
        w->fx->err = ERR_NOMEM;
        return CODE_INTERNAL_ERROR;
    }
    return err ? CODE_INVALID_MESSAGE : CODE_NONE;
}

void handle_batch_update(struct world *w, struct work *work)
{
    struct content_row row = {.kind = CONTENT_BATCH};
    enum client_code code = clean(w, work, &row.content);

    content_conclude(w, work, code, &row);
}
