/* SPDX-License-Identifier: MIT */
#pragma once
/* Who types in which topic of this gateway, so that it is switched off for the sockets here when
 * no more comes, whatever became of the typist's gateway or the broker. Pure; given the time. */
#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"
#include "gateway/topic.h"
#include "proto/delivery.h"

#define TYPING_OFF_MS 6000u /* PROTOCOL.md §3: after the last one */
#define TYPISTS_MAX 65536u  /* then further ones are not watched; their clients still stop them */

struct typing_watch;
struct typing_watch *typing_watch_new(void); /* NULL without memory */
void typing_watch_free(struct typing_watch *w);
/* Somebody types (again): due in TYPING_OFF_MS. Without memory it is not watched. */
void typing_watch_on(struct typing_watch *w, struct topic *t, const struct down_typing *typing,
                     uint64_t now_ms);
bool typing_watch_is_on(const struct typing_watch *w, const struct topic *t, int64_t user_id);
/* Stop watching. Gives whether it was on; then *out_typing says who, until the next call. */
bool typing_watch_off(struct typing_watch *w, const struct topic *t, int64_t user_id,
                      struct down_typing *out_typing);
/* Take the next one whose time is over. */
bool typing_watch_due(struct typing_watch *w, uint64_t now_ms, struct topic **out_topic,
                      struct down_typing *out_typing);
/* The topic is about to go. */
void typing_watch_forget(struct typing_watch *w, const struct topic *t);
