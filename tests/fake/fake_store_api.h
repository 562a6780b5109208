/* SPDX-License-Identifier: MIT */
#pragma once
/* broker/store_api.h over answers that a test puts down: each request gets the same one, and what
 * was asked last is kept. Faults are those of fake_store.fault. */
#include "broker/store_api.h"

#define FAKE_MEMBERS_MAX 8u

struct fake_store_api {
    unsigned calls;
    /* answers; rows are borrowed from the test */
    struct profile_row profile;
    bool has_profile;
    const struct listed_channel *channels;
    size_t channel_count;
    struct made_channel made;
    enum member_verdict verdict;
    struct message_page page;
    bool has_page;
    /* what was asked */
    int64_t user_id;
    char name[128];
    bool is_private;
    int64_t members[FAKE_MEMBERS_MAX];
    size_t member_count;
    struct member_change change;
    struct page_request page_request;
    char words[2048];
    bool is_search;
};
extern struct fake_store_api fake_store_api;

void fake_store_api_reset(void);
