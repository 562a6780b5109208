/* SPDX-License-Identifier: MIT */
#pragma once
/* The pieces of one download: which to ask for, which may be written, which to ask for again. At
 * most PULL_WINDOW of them are asked for, held or being written. They may come in any order and are
 * written in that of the file. Pure. */
#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"
#include "common/rcbuf.h"

#define PULL_WINDOW 2u    /* one is written while the next one is fetched */
#define PULL_TRIES_MAX 4u /* asked for once, and three times again */
/* A broker that could not read a piece is asked again after this: its storage may be back. */
#define PULL_AGAIN_MS 1000u

enum pull_state {
    PULL_FREE,
    PULL_ASKED,  /* a broker was asked */
    PULL_TAKING, /* its bytes are in Redis, and asked for */
    PULL_LOST,   /* to be asked for again */
    PULL_HERE,
    PULL_OUT, /* given to the socket */
};

struct pull_piece {
    enum pull_state state;
    uint64_t offset, blob;
    uint64_t since_ms; /* in its state: of ASKED and LOST */
    uint32_t bytes, tries;
    struct rcbuf *data; /* HERE */
};

struct pull_window {
    uint64_t next, end; /* of what was not asked for yet */
    uint32_t first;     /* the piece that is written next */
    struct pull_piece pieces[PULL_WINDOW];
};

enum pull_due { PULL_WAIT, PULL_AGAIN, PULL_GIVE_UP };

void pull_window_init(struct pull_window *w, uint64_t offset, uint64_t bytes);
void pull_window_done(struct pull_window *w);
/* The next piece, to be asked for (pull_ask); NULL: none now. */
struct pull_piece *pull_window_next(struct pull_window *w);
void pull_ask(struct pull_piece *p, uint64_t blob, uint64_t now_ms); /* it is asked for */
void pull_lost(struct pull_piece *p, uint64_t now_ms);
/* What is to be done about a piece now. */
enum pull_due pull_is_due(const struct pull_piece *p, uint64_t now_ms);
/* The piece that is expected under this serial in this state; NULL: nobody waits for it. */
struct pull_piece *pull_window_find(struct pull_window *w, enum pull_state state, uint64_t blob);
/* The piece that may be written now; NULL: it is not here, or one is out already. */
struct pull_piece *pull_window_ready(struct pull_window *w);
void pull_window_written(struct pull_window *w); /* the one that was out */
bool pull_window_is_over(const struct pull_window *w);
