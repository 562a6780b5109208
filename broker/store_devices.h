/* SPDX-License-Identifier: MIT */
#pragma once
/* What the routes under /api/notifications/ ask of PostgreSQL: a user's notifications, preferences
 * and devices. The rules are those of store_api.h, whose connection it shares. Implemented by
 * io/store_pg_devices.c. */
#include "broker/store_api.h"

#define DEVICES_PER_USER 20u
#define DEVICE_TOKEN_MAX_BYTES 4096u
#define PREFERENCE_CATEGORIES_MAX 100u

/* ---- notifications ---- */

struct listed_notification {
    int64_t id;
    struct bytes title, message, category, url, status;
    uint64_t created_at_ms;
};
struct notification_request {
    int64_t user_id;
    int64_t before; /* id, exclusive */
    uint32_t limit;
    bool is_unread; /* only those */
};
typedef void store_notifications_fn(void *arg, int err, const struct listed_notification *rows,
                                    size_t count);
/* Newest first. */
NODISCARD int store_notifications(struct store *s, const struct notification_request *request,
                                  store_notifications_fn *fn, void *arg);

/* ---- preferences ---- */

struct preferences {
    bool push_enabled;
    struct bytes categories;             /* JSON object of booleans */
    struct bytes quiet_start, quiet_end; /* "HH:MM"; empty = none */
    struct bytes time_zone;
};
typedef void store_preferences_fn(void *arg, int err, const struct preferences *p);
NODISCARD int store_preferences(struct store *s, int64_t user_id, store_preferences_fn *fn,
                                void *arg);

struct preference_change {
    int64_t user_id;
    bool has_push, push_enabled;
    bool has_quiet_start, has_quiet_end;
    struct bytes quiet_start, quiet_end; /* empty = none */
    struct bytes categories, time_zone;  /* empty = as they are; categories are merged */
};
/* The numbers are those of notification_preference_set. */
enum preference_verdict { PREFERENCE_SET, PREFERENCE_NO_ZONE, PREFERENCE_TOO_MANY };
typedef void store_preference_fn(void *arg, int err, enum preference_verdict verdict);
NODISCARD int store_set_preferences(struct store *s, const struct preference_change *change,
                                    store_preference_fn *fn, void *arg);

/* ---- devices ---- */

struct device_row {
    int64_t id;
    struct bytes device_type, token;
    uint64_t created_at_ms;
    bool is_new; /* of store_add_device: was not there before */
};
typedef void store_devices_fn(void *arg, int err, const struct device_row *rows, size_t count);
/* Newest first. */
NODISCARD int store_devices(struct store *s, int64_t user_id, store_devices_fn *fn, void *arg);
/* One row: the device; only id, created_at_ms and is_new are filled. */
NODISCARD int store_add_device(struct store *s, int64_t user_id, struct bytes device_type,
                               struct bytes token, store_devices_fn *fn, void *arg);
/* 0 also when the user has no such device. */
NODISCARD int store_remove_device(struct store *s, int64_t user_id, struct bytes token,
                                  store_done_fn *fn, void *arg);

typedef void store_count_fn(void *arg, int err, int64_t count);
/* Push to all of a user's devices now. count: how many there are. */
NODISCARD int store_push_test(struct store *s, int64_t user_id, struct bytes title,
                              struct bytes message, store_count_fn *fn, void *arg);

/* ---- housekeeping ---- */

typedef void store_pages_fn(void *arg, int err, int64_t next_id, int64_t removed);
/* Look at `limit` notifications behind one, and remove those that are read or dismissed and older
 * than so many days. next_id: where to go on; 0 = at the beginning. */
NODISCARD int store_trim_notifications(struct store *s, int64_t after_id, uint32_t days,
                                       uint32_t limit, store_pages_fn *fn, void *arg);
