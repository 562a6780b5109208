/* SPDX-License-Identifier: MIT */
#pragma once
/* Where somebody types by a socket: what is to be switched off when it goes. Small and of fixed
 * size; made when it is first needed. Pure; given the time. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TYPING_PLACES_MAX 8u /* of one socket; of more the oldest is left to its time */

struct typing_places;
/* The socket's user types in the channel, or does no more. *places may be NULL; without memory
 * nothing is noted. */
void typing_places_note(struct typing_places **places, int64_t channel_id, bool is_typing,
                        uint64_t now_ms);
/* The channels in which it is still shown; NULL: none. Gives how many. */
size_t typing_places_list(const struct typing_places *places, uint64_t now_ms,
                          int64_t out_channels[TYPING_PLACES_MAX]);
bool typing_places_has(const struct typing_places *places, int64_t channel_id, uint64_t now_ms);
void typing_places_free(struct typing_places *places); /* NULL is fine */
