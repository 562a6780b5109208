/* SPDX-License-Identifier: MIT */
/* Replies of Redis as our own objects, made through the function table of hiredis's reader: one
 * allocation each, through mem.h, and bounded as a whole. The reader itself limits the depth. A
 * refused object makes the reader fail, which ends the connection. */
#include "common/io/redis_value.h"

#include <hiredis/hiredis.h>

#include "common/mem.h"

#define DEPTH_MAX 8u /* lists in lists; as hiredis before 1.0 has it, too */

/* The text, or the array of children, lies behind the struct in the same block. */
struct redis_value {
    enum redis_type type;
    size_t len; /* bytes of the text, or number of children */
    union {
        int64_t number;
        char *text;
        struct redis_value **items;
    } as;
};

static struct redis_value *new_value(const redisReadTask *task, enum redis_type type,
                                     size_t extra_bytes)
{
    struct redis_value_budget *budget = task->privdata;
    struct redis_value *v;
    unsigned depth = 0;

    for (const redisReadTask *t = task->parent; t; t = t->parent) {
        depth++;
    }
    if (!task->parent) {
        /* hiredis would assert on a reply that nobody waits for. */
        budget->left_bytes = *budget->awaited_count > 0 ? REDIS_LINK_REPLY_MAX : 0;
    }
    if (depth > DEPTH_MAX || budget->left_bytes < sizeof(*v) ||
        extra_bytes > budget->left_bytes - sizeof(*v)) {
        budget->is_refused = true;
        return NULL;
    }
    budget->left_bytes -= sizeof(*v) + extra_bytes;
    v = mem_zalloc(sizeof(*v) + extra_bytes);
    if (!v) {
        return NULL;
    }
    v->type = type;
    if (task->parent) {
        struct redis_value *list = task->parent->obj;

        list->as.items[task->idx] = v;
    }
    return v;
}

static void *create_string(const redisReadTask *task, char *text, size_t len)
{
    enum redis_type type = task->type == REDIS_REPLY_ERROR    ? REDIS_ERROR
                           : task->type == REDIS_REPLY_STATUS ? REDIS_STATUS
                                                              : REDIS_STR;
    struct redis_value *v = new_value(task, type, len);

    if (v) {
        v->len = len;
        v->as.text = (char *)(v + 1);
        memcpy(v->as.text, text, len);
    }
    return v;
}

static void *create_list(const redisReadTask *task, size_t count)
{
    struct redis_value *v =
        new_value(task, REDIS_LIST, count < SIZE_MAX / sizeof(v) ? count * sizeof(v) : SIZE_MAX);

    if (v) {
        v->len = count;
        v->as.items = (struct redis_value **)(v + 1);
    }
    return v;
}

#if HIREDIS_MAJOR >= 1
static void *create_array(const redisReadTask *task, size_t count)
{
    return create_list(task, count);
}

/* Types of the protocol's third version, which we never ask for: refused. */
static void *create_double(const redisReadTask *task, double number, char *text, size_t len)
{
    (void)number, (void)text, (void)len;
    return new_value(task, REDIS_NIL, SIZE_MAX);
}

static void *create_bool(const redisReadTask *task, int is_true)
{
    (void)is_true;
    return new_value(task, REDIS_NIL, SIZE_MAX);
}
#else
static void *create_array(const redisReadTask *task, int count)
{
    return create_list(task, count > 0 ? (size_t)count : 0);
}
#endif

static void *create_integer(const redisReadTask *task, long long number)
{
    struct redis_value *v = new_value(task, REDIS_INT, 0);

    if (v) {
        v->as.number = number;
    }
    return v;
}

static void *create_nil(const redisReadTask *task)
{
    return new_value(task, REDIS_NIL, 0);
}

/* At most DEPTH_MAX deep. An unfinished list has NULL children. */
static void free_value(void *object)
{
    struct redis_value *v = object;

    if (v && v->type == REDIS_LIST) {
        for (size_t i = 0; i < v->len; i++) {
            free_value(v->as.items[i]);
        }
    }
    mem_free(v);
}

void *redis_value_functions(void)
{
    static redisReplyObjectFunctions functions = {
        .createString = create_string,
        .createArray = create_array,
        .createInteger = create_integer,
        .createNil = create_nil,
#if HIREDIS_MAJOR >= 1
        .createDouble = create_double,
        .createBool = create_bool,
#endif
        .freeObject = free_value,
    };

    return &functions;
}

enum redis_type redis_value_type(const struct redis_value *v)
{
    return v ? v->type : REDIS_NIL;
}

int64_t redis_value_int(const struct redis_value *v)
{
    struct bytes text = redis_value_bytes(v);
    bool is_negative = text.len > 0 && text.ptr[0] == '-';
    int64_t n = 0;

    if (redis_value_type(v) == REDIS_INT) {
        return v->as.number;
    }
    for (size_t i = is_negative ? 1 : 0; i < text.len; i++) {
        int digit = text.ptr[i] - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_sub_overflow(n, digit, &n)) {
            return 0;
        }
    }
    /* Summed up below zero, where there is one number more. */
    return is_negative ? n : n == INT64_MIN ? 0 : -n;
}

struct bytes redis_value_bytes(const struct redis_value *v)
{
    switch (redis_value_type(v)) {
    case REDIS_STR:
    case REDIS_STATUS:
    case REDIS_ERROR:
        return bytes_of(v->as.text, v->len);
    case REDIS_NIL:
    case REDIS_INT:
    case REDIS_LIST:
        break;
    }
    return BYTES_NONE;
}

size_t redis_value_count(const struct redis_value *v)
{
    return redis_value_type(v) == REDIS_LIST ? v->len : 0;
}

const struct redis_value *redis_value_at(const struct redis_value *v, size_t i)
{
    return i < redis_value_count(v) ? v->as.items[i] : NULL;
}
