/* SPDX-License-Identifier: MIT */
#pragma once
/* broker/store_access.h for openings and HTTP requests: sessions and direct channels go into the
 * tables of fake_store, revoked names into one of its own. Faults are fake_store's. */
#include "broker/store_access.h"
#include "fake_store.h"

struct fake_store_access {
    unsigned asked, revoked, sessions_put, sessions_deleted; /* calls */
    uint64_t revoked_until_s;                                /* of the last one */
    uint32_t session_age_s;
    char session_key[64];
    char session_payload[1024];
};
extern struct fake_store_access fake_store_access;

void fake_store_access_reset(void);
void fake_store_revoke(const char *name);
bool fake_store_has_revoked(const char *name);
