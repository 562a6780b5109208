/* SPDX-License-Identifier: MIT */
#pragma once
/* Spreads the partitions over the living brokers. Each broker beats in one sorted set, holds a
 * lease per partition it owns, releases what is above its share and takes what is free. The lease
 * only spreads the work; it is the fence in PostgreSQL that keeps two owners apart. Glue. */
#include "broker/broker_conf.h"
#include "broker/pipeline.h"
#include "common/io/loop.h"
#include "common/io/redis_link.h"

struct coordinator;
struct coordinator *coordinator_new(struct loop *loop, struct redis_link *link,
                                    struct pipeline *pipeline, const struct broker_conf *conf,
                                    struct bytes owner);
void coordinator_free(struct coordinator *c);
/* Redis and PostgreSQL are there / one of them is not (everything was dropped already). */
void coordinator_start(struct coordinator *c);
void coordinator_pause(struct coordinator *c);
/* Give everything up in order; pipeline_is_idle() tells when it is done. */
void coordinator_leave(struct coordinator *c);
/* A partition was released by the pipeline: its lease may go to others. */
void coordinator_check_released(struct coordinator *c);
