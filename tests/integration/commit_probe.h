/* SPDX-License-Identifier: MIT */
#pragma once
/* What the tests of commits share: a claimed partition, messages for it, and a look at what was
 * stored. */
#include "tests/integration/store_probe.h"

static int64_t fence;

static inline int set_up(void **state)
{
    if (store_set_up(state) != 0 ||
        store_claim(got.store, 3, BYTES_LIT("broker-1"), on_claim, NULL) != 0) {
        return -1;
    }
    next();
    fence = got.claim.fence;
    return got.err;
}

/* The n-th message of a channel, by alice, from entry 1000+n of partition 3. */
static inline struct content_row message(int64_t channel, uint64_t seq, const char *client_id)
{
    return (struct content_row){
        .id = channel * 1000 + (int64_t)seq,
        .channel_id = channel,
        .author_id = alice,
        .content = BYTES_LIT("hello"),
        .client_id = bytes_str(client_id),
        .timestamp_ms = 1700000000123u + seq,
        .seq = seq,
        .origin = {3, {1000u + seq, 5}, 2},
    };
}

/* Where commit() leaves partition 3 when it has brought channel 1 to `seq`. */
static inline struct entry_id position_at(uint64_t seq)
{
    return seq > 0 ? (struct entry_id){1000u + seq, 5} : (struct entry_id){0, 0};
}

/* A batch of `count` messages in channel 1 behind `last_seq`. */
static inline int commit(int64_t with_fence, uint64_t last_seq, const struct content_row *rows,
                         size_t count)
{
    const struct position_move position = {.partition = 3,
                                           .fence = with_fence,
                                           .expected = position_at(last_seq),
                                           .last = position_at(last_seq + count),
                                           .redeliver_from = 900};
    const struct seq_move move = {1, last_seq, last_seq + count};
    const struct store_batch batch = {.positions = &position,
                                      .position_count = 1,
                                      .seqs = &move,
                                      .seq_count = 1,
                                      .rows = rows,
                                      .row_count = count};

    return store_commit(got.store, &batch, on_done, NULL);
}

static inline void assert_stored(int64_t messages, int64_t last_seq, int64_t entry_ms)
{
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_message"), messages);
    assert_int_equal(fixture_number("SELECT last_seq FROM chat_channel WHERE id = 1"), last_seq);
    assert_int_equal(
        fixture_number("SELECT last_entry_ms FROM broker_partition WHERE partition = 3"), entry_ms);
}
