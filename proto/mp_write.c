/* SPDX-License-Identifier: MIT */
/* msgpack writing: hands msgpack-c's packer a callback that appends to a struct buf, and keeps
 * the first error. What was appended before an error stays; envelope.c and delivery.c take it
 * back. The packer is two pointers, so a new one for each value costs nothing. */
#include "proto/mp_write.h"

#include <msgpack.h>

/* msgpack-c's callback: 0, or anything else to stop. */
static int append(void *data, const char *from, size_t len)
{
    struct mp_write *w = data;

    if (!w->err) {
        w->err = buf_append(w->out, bytes_of(from, len));
    }
    return w->err;
}

static msgpack_packer packer(struct mp_write *w)
{
    return (msgpack_packer){.data = w, .callback = append};
}

void mp_write_init(struct mp_write *w, struct buf *out)
{
    *w = (struct mp_write){.out = out};
}

void mp_put_u64(struct mp_write *w, uint64_t n)
{
    msgpack_packer pk = packer(w);
    msgpack_pack_uint64(&pk, n);
}

void mp_put_i64(struct mp_write *w, int64_t n)
{
    msgpack_packer pk = packer(w);
    msgpack_pack_int64(&pk, n);
}

void mp_put_bool(struct mp_write *w, bool b)
{
    msgpack_packer pk = packer(w);
    if (b) {
        msgpack_pack_true(&pk);
    } else {
        msgpack_pack_false(&pk);
    }
}

/* The format has 32 bits for a length. */
static bool has_legal_length(struct mp_write *w, struct bytes b)
{
    if (b.len > UINT32_MAX && !w->err) {
        w->err = ERR_LIMIT;
    }
    return b.len <= UINT32_MAX;
}

void mp_put_str(struct mp_write *w, struct bytes s)
{
    msgpack_packer pk = packer(w);
    if (has_legal_length(w, s)) {
        msgpack_pack_str_with_body(&pk, s.ptr, s.len);
    }
}

void mp_put_bin(struct mp_write *w, struct bytes b)
{
    msgpack_packer pk = packer(w);
    if (has_legal_length(w, b)) {
        msgpack_pack_bin_with_body(&pk, b.ptr, b.len);
    }
}

void mp_put_array(struct mp_write *w, uint32_t count)
{
    msgpack_packer pk = packer(w);
    msgpack_pack_array(&pk, count);
}
