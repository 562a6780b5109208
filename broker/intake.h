/* SPDX-License-Identifier: MIT */
#pragma once
/* Reads the input streams of all partitions one owns, with plain XREAD on a connection of its
 * own (it blocks), and hands what comes back to the pipeline as one batch. Glue. */
#include "broker/broker_conf.h"
#include "broker/pipeline.h"
#include "common/io/redis_link.h"

#define INTAKE_BLOCK_MS "25" /* how long until a new partition is read, at the worst */
#define INTAKE_COUNT_MAX 32u /* entries of one stream in one read; each has up to 512 envelopes */
#define INTAKE_BYTES                                                                               \
    (4u * 1024u * 1024u) /* asked for in one read, judged by the entries before; twice what a      \
                            batch takes */

struct intake;
struct intake *intake_new(struct loop *loop, struct redis_link *read_link,
                          struct redis_link *command_link, struct pipeline *pipeline,
                          const struct broker_conf *conf);
void intake_free(struct intake *in);
/* Read if nothing is being read, the pipeline has room and there are partitions. */
void intake_poll(struct intake *in);
void intake_link_down(struct intake *in);
