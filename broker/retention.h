/* SPDX-License-Identifier: MIT */
#pragma once
/* Removes notifications that are read or dismissed and older than NOTIFICATION_RETENTION_DAYS: the
 * broker that owns partition 0 goes through them, a page at a time, over and over. Glue. */
#include "broker/broker_conf.h"
#include "broker/store_devices.h"
#include "common/io/loop.h"

#define RETENTION_ROWS 1000u    /* looked at, and removed, at most in one statement: milliseconds */
#define RETENTION_TICK_MS 1000u /* from page to page: 86 million rows a day */
#define RETENTION_REST_TICKS 600u /* after the last page */

/* All borrowed. */
struct retention_deps {
    struct loop *loop;
    struct store *store;
    const struct broker_conf *conf;
    bool (*is_owner)(void *arg); /* of partition 0 */
    void *arg;
};

struct retention;
struct retention *retention_new(const struct retention_deps *deps); /* NULL: no memory */
/* After the store was freed, which ends what is under way. NULL is fine. */
void retention_free(struct retention *r);
void retention_start(struct retention *r); /* nothing when everything is kept */
void retention_pause(struct retention *r); /* Redis or PostgreSQL has gone */
