/* SPDX-License-Identifier: MIT */
#pragma once
/* What the tests of the binary codecs share: hexadecimal vectors, and ways to damage a valid
 * encoding at every place. Include after cmocka.h. */
#include <stdio.h>
#include <stdlib.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "proto/limits.h"
#include "proto/mp_read.h"

#define WIRE_VALUES_MAX 64u
#define WIRE_NIL '\xC0'

/* "01 ff" -> bytes in `out` (its former content is dropped). */
static inline struct bytes wire_unhex(const char *hex, struct buf *out)
{
    unsigned byte;
    int used;

    buf_reset(out);
    while (sscanf(hex, " %2x%n", &byte, &used) == 1) {
        assert_int_equal(buf_append_char(out, (char)byte), 0);
        hex += used;
    }
    return buf_bytes(out);
}

static inline void wire_assert_hex(struct bytes actual, const char *hex)
{
    struct buf want;

    buf_init(&want, 1u << 20);
    wire_unhex(hex, &want);
    if (!bytes_eq(actual, buf_bytes(&want))) {
        for (size_t i = 0; i < actual.len; i++) {
            fprintf(stderr, "%02x ", (unsigned char)actual.ptr[i]);
        }
        fprintf(stderr, "\nwanted: %s\n", hex);
        fail_msg("the encoding differs");
    }
    buf_done(&want);
}

static inline void wire_assert_bytes(struct bytes actual, struct bytes want)
{
    assert_int_equal(actual.len, want.len);
    if (want.len) {
        assert_memory_equal(actual.ptr, want.ptr, want.len);
    }
}

/* An exact copy on the heap, so that the address sanitizer sees a read past the end. */
static inline char *wire_copy(struct bytes in)
{
    char *copy = malloc(in.len ? in.len : 1);

    assert_non_null(copy);
    if (in.len) {
        memcpy(copy, in.ptr, in.len);
    }
    return copy;
}

/* A value inside an encoding. */
struct wire_value {
    size_t start, end;
    uint32_t depth;
    bool is_array;
};

/* All values of a sequence of msgpack values, containers before what is in them. */
static inline size_t wire_values(struct bytes in, struct wire_value out[WIRE_VALUES_MAX])
{
    struct mp_read outer;
    size_t count = 0;
    uint32_t left[MP_DEPTH_MAX + 1] = {UINT32_MAX};
    uint32_t depth = 0;

    mp_read_init(&outer, in);
    while (!mp_at_end(&outer)) {
        struct mp_read array = outer;
        struct mp_read whole = outer;
        uint32_t elements = mp_array(&array, UINT32_MAX);
        mp_skip(&whole);
        assert_int_equal(whole.err, 0);
        assert_true(count < WIRE_VALUES_MAX);
        left[depth]--;
        out[count++] = (struct wire_value){outer.pos, whole.pos, depth, !array.err};
        outer = array.err ? whole : array;
        if (!array.err) {
            left[++depth] = elements;
        }
        while (depth > 0 && left[depth] == 0) {
            depth--;
        }
    }
    return count;
}

/* `in` with in[start, end) replaced. The caller frees. */
static inline struct bytes wire_splice(struct bytes in, size_t start, size_t end, struct bytes with)
{
    size_t len = in.len - (end - start) + with.len;
    char *copy = malloc(len ? len : 1);

    assert_non_null(copy);
    memcpy(copy, in.ptr, start);
    if (with.len) {
        memcpy(copy + start, with.ptr, with.len);
    }
    memcpy(copy + start + with.len, in.ptr + end, in.len - end);
    return bytes_of(copy, len);
}

/* Decode everything in `in`; 0 or an error. */
typedef int wire_decode(struct bytes in);

/* Every beginning of `in` that is shorter must be refused as such. */
static inline void wire_check_truncations(struct bytes in, wire_decode *decode)
{
    for (size_t len = 0; len < in.len; len++) {
        char *copy = wire_copy(bytes_of(in.ptr, len));
        assert_int_equal(decode(bytes_of(copy, len)), ERR_SHORT);
        free(copy);
    }
}

/* Every value in turn becomes nil, which is legal nowhere. */
static inline void wire_check_types(struct bytes in, wire_decode *decode)
{
    struct wire_value values[WIRE_VALUES_MAX];
    size_t count = wire_values(in, values);

    assert_true(count > 2);
    for (size_t i = 0; i < count; i++) {
        const char nil = WIRE_NIL;
        struct bytes bad = wire_splice(in, values[i].start, values[i].end, bytes_of(&nil, 1));
        assert_int_equal(decode(bad), ERR_TYPE);
        free((void *)(uintptr_t)bad.ptr);
    }
}

/* Every short array in turn gets one element (nil) more than it should have. */
static inline void wire_check_counts(struct bytes in, wire_decode *decode)
{
    struct wire_value values[WIRE_VALUES_MAX];
    size_t count = wire_values(in, values);

    for (size_t i = 0; i < count; i++) {
        if (!values[i].is_array || (unsigned char)in.ptr[values[i].start] >= 0x9F) {
            continue;
        }
        const char nil = WIRE_NIL;
        struct bytes bad = wire_splice(in, values[i].end, values[i].end, bytes_of(&nil, 1));
        ((char *)(uintptr_t)bad.ptr)[values[i].start]++;
        assert_int_equal(decode(bad), ERR_TYPE);
        free((void *)(uintptr_t)bad.ptr);
    }
}

/* xorshift64*: the same numbers in every run. */
static inline uint64_t wire_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}
