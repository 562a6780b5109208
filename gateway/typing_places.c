/* SPDX-License-Identifier: MIT */
/* A few channels with the time of the last frame. Used by typing.c. */
#include "gateway/typing_places.h"

#include "common/mem.h"
#include "gateway/typing_watch.h"

struct place {
    int64_t channel_id; /* 0: free */
    uint64_t last_ms;
};

struct typing_places {
    struct place places[TYPING_PLACES_MAX];
};

static bool is_on(const struct place *p, uint64_t now_ms)
{
    return p->channel_id != 0 && now_ms < p->last_ms + TYPING_OFF_MS;
}

/* The channel's place, else a free one, else the oldest. */
static struct place *place_for(struct typing_places *t, int64_t channel_id)
{
    struct place *best = &t->places[0];

    for (size_t i = 0; i < TYPING_PLACES_MAX; i++) {
        struct place *p = &t->places[i];
        if (p->channel_id == channel_id) {
            return p;
        }
        if (best->channel_id != 0 && (p->channel_id == 0 || p->last_ms < best->last_ms)) {
            best = p;
        }
    }
    return best;
}

void typing_places_note(struct typing_places **places, int64_t channel_id, bool is_typing,
                        uint64_t now_ms)
{
    struct place *p;

    if (!*places && is_typing) {
        *places = mem_zalloc(sizeof(**places));
    }
    if (!*places) {
        return;
    }
    p = place_for(*places, channel_id);
    if (is_typing) {
        *p = (struct place){channel_id, now_ms};
    } else if (p->channel_id == channel_id) {
        p->channel_id = 0;
    }
}

size_t typing_places_list(const struct typing_places *places, uint64_t now_ms,
                          int64_t out_channels[TYPING_PLACES_MAX])
{
    size_t count = 0;

    for (size_t i = 0; places && i < TYPING_PLACES_MAX; i++) {
        if (is_on(&places->places[i], now_ms)) {
            out_channels[count++] = places->places[i].channel_id;
        }
    }
    return count;
}

bool typing_places_has(const struct typing_places *places, int64_t channel_id, uint64_t now_ms)
{
    for (size_t i = 0; places && i < TYPING_PLACES_MAX; i++) {
        if (places->places[i].channel_id == channel_id) {
            return is_on(&places->places[i], now_ms);
        }
    }
    return false;
}

void typing_places_free(struct typing_places *places)
{
    mem_free(places);
}
