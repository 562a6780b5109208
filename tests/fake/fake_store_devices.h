/* SPDX-License-Identifier: MIT */
#pragma once
/* broker/store_devices.h over answers that a test puts down: each request gets the same one, and
 * what was asked last is kept. Faults are those of fake_store.fault. */
#include "broker/store_devices.h"

struct fake_store_devices {
    unsigned calls;
    /* answers; rows are borrowed from the test */
    const struct listed_notification *notifications;
    size_t notification_count;
    struct preferences preferences;
    enum preference_verdict verdict;
    const struct device_row *devices;
    size_t device_count;
    int64_t count;
    /* what was asked */
    int64_t user_id;
    struct notification_request request;
    struct preference_change change; /* without its texts, which are these: */
    char categories[256], quiet_start[16], quiet_end[16], time_zone[64];
    char device_type[32], token[8192];
};
extern struct fake_store_devices fake_store_devices;

void fake_store_devices_reset(void);
