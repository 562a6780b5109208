/* SPDX-License-Identifier: MIT */
#pragma once
/* msgpack writing into a struct buf through msgpack-c's packer, with a sticky error. */
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

struct mp_write {
    struct buf *out;
    int err;
};

void mp_write_init(struct mp_write *w, struct buf *out);
void mp_put_u64(struct mp_write *w, uint64_t n);
void mp_put_i64(struct mp_write *w, int64_t n);
void mp_put_bool(struct mp_write *w, bool b);
void mp_put_str(struct mp_write *w, struct bytes s);
void mp_put_bin(struct mp_write *w, struct bytes b);
void mp_put_array(struct mp_write *w, uint32_t count);
