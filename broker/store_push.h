/* SPDX-License-Identifier: MIT */
#pragma once
/* What the sender of pushes asks of PostgreSQL: jobs that are due, and what became of them
 * (sql/0008). The rules are those of store_api.h, whose connection it shares. Implemented by
 * io/store_pg_push.c. */
#include "broker/store_api.h"

#define PUSH_CLAIM_MAX 256u  /* jobs of one look */
#define PUSH_SETTLE_MAX 256u /* outcomes of one statement */

struct push_job {
    int64_t id;
    int64_t claim;     /* names this taking of the job: settling with an old one does nothing */
    uint32_t attempts; /* this one counted */
    int64_t device_id, notification_id, user_id;
    int64_t channel_id; /* 0 = none */
    struct bytes device_type, token, title, message, category, url;
};
/* dropped: jobs that nobody wants any more, which were deleted. */
typedef void store_jobs_fn(void *arg, int err, const struct push_job *jobs, size_t count,
                           uint64_t dropped);
/* Take at most so many due jobs, each for one device. They are due again after lease_ms. */
NODISCARD int store_push_claim(struct store *s, uint32_t at_most, uint32_t lease_ms,
                               store_jobs_fn *fn, void *arg);

/* The numbers are those of push_settle. */
enum push_action { PUSH_JOB_DONE, PUSH_JOB_DEVICE_GONE, PUSH_JOB_AGAIN };

struct push_settlement {
    int64_t job_id, claim, device_id;
    enum push_action action;
    uint32_t delay_ms; /* PUSH_JOB_AGAIN */
};
/* One transaction. Errors at once: ERR_LIMIT (over PUSH_SETTLE_MAX). */
NODISCARD int store_push_settle(struct store *s, const struct push_settlement *rows, size_t count,
                                store_done_fn *fn, void *arg);
