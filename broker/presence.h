/* SPDX-License-Identifier: MIT */
#pragma once
/* Who is online, at the owner of the topic "status": what people chose, whether they have a socket,
 * and what the others were told. Changes are gathered, so that somebody who goes and comes back
 * within the grace is no change at all. Pure; given the time.
 *
 *   opened, closed, chosen -> what is -> (differs from what was told) -> presence_next() -> told */
#include <stdbool.h>
#include <stdint.h>
#include "broker/store_people.h"
#include "common/bytes.h"
#include "common/err.h"

#define PRESENCE_LIST_MAX 200u /* PROTOCOL.md §2: people in the first frames of a status socket */

struct presence;
struct presence *presence_new(uint32_t grace_ms); /* NULL without memory */
void presence_free(struct presence *p);           /* NULL is fine */
void presence_clear(struct presence *p);

/* What the database knows of somebody, before anything else of this person. Errors: ERR_NOMEM. */
NODISCARD int presence_load(struct presence *p, const struct presence_row *row, uint64_t now_ms);
/* The person has so many sockets now. The first one after having been offline begins as "online".
 * is_clean: the last one ended with a close frame, so there is no grace. Without memory the person
 * is not shown. now_ms: UTC. */
void presence_sockets(struct presence *p, int64_t user_id, struct bytes username, uint32_t sockets,
                      bool is_clean, uint64_t now_ms);
/* An explicit status: one of PROTOCOL.md §5. Of somebody without a socket: nothing. */
void presence_choose(struct presence *p, int64_t user_id, struct bytes status, uint64_t now_ms);

/* Is there a change to be told? */
bool presence_is_due(const struct presence *p, uint64_t now_ms);
/* Has somebody chosen something that was not given by presence_next() yet? */
bool presence_has_choice(const struct presence *p);
/* The next change; from now on the others count as told. Texts live until the next call. */
bool presence_next(struct presence *p, uint64_t now_ms, struct presence_row *out_row);
/* The people who were told to be there, at most PRESENCE_LIST_MAX. Gives how many. */
size_t presence_list(const struct presence *p, struct presence_row *out_rows);
