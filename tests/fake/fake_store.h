/* SPDX-License-Identifier: MIT */
#pragma once
/* The half of broker/store.h that openings and HTTP requests use (people, sessions, channels),
 * over small tables in memory. Rows are freed after their callback, so that a sanitizer sees who
 * keeps one. */
#include "broker/store.h"
#include "fake_fault.h"

struct fake_store {
    struct fake_fault fault;
    unsigned by_id, by_name, sessions, channels, logins, contents; /* calls */
    const struct content_row *content; /* what store_content finds, by seq; borrowed */
    size_t content_count;
    int64_t last_login;
};
extern struct fake_store fake_store;

void fake_store_reset(void);
void fake_store_put_user(int64_t id, const char *name, const char *password_hash, bool is_active);
void fake_store_set_staff(int64_t id);
void fake_store_put_session(const char *key, struct bytes payload, bool is_expired);
void fake_store_put_channel(int64_t id, const char *name, bool is_private);
void fake_store_put_member(int64_t channel_id, int64_t user_id);
bool fake_store_is_active(int64_t user_id);
bool fake_store_has_channel(const char *name);
