/* SPDX-License-Identifier: MIT */
#pragma once
/* The answers about notifications, preferences and devices, as JSON text: rows of the store in,
 * bodies out. Pure. All append to `out`, whole or not at all. */
#include "broker/store_devices.h"
#include "common/buf.h"
#include "proto/limits.h"

/* {"results":[{"id","title","message","category","url","created_at","status"}…],"next"}, always
 * shorter than HTTP_REPLY_MAX_BYTES: a page may have fewer than asked for, then `next` goes on
 * behind the last of them. `rows` has one more than `limit` when there are more. */
NODISCARD int http_notifications(const struct listed_notification *rows, size_t count,
                                 uint32_t limit, bool is_unread, struct buf *out);
/* {"push_enabled","categories","quiet_start","quiet_end","time_zone"} */
NODISCARD int http_preferences(const struct preferences *p, struct buf *out);

#define DEVICE_TOKEN_SHOWN 8u /* characters of a token that a listing shows */
/* An array of {"id","device_type","created_at","token"}. */
NODISCARD int http_devices(const struct device_row *rows, size_t count, struct buf *out);
/* One of them. */
NODISCARD int http_device(const struct device_row *row, struct buf *out);
/* {"devices":n}: to how many a test goes. */
NODISCARD int http_push_test(int64_t devices, struct buf *out);
/* {"public_key"}: what a browser subscribes with. */
NODISCARD int http_vapid_key(struct bytes key, struct buf *out);
