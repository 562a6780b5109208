/* SPDX-License-Identifier: MIT */
/* A keyspace of counters and hashes in two small tables, and the eight commands that the broker's
 * glue sends. A command it does not know ends the test. */
#include "fake_redis_kv.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/io/clock.h"
#include "fake_later.h"

#define KEYS_MAX 64u
#define FIELDS_MAX 512u
#define NAME_MAX_BYTES 320u

struct key {
    char name[NAME_MAX_BYTES];
    int64_t number;
    uint64_t expires_ms; /* 0 = never */
    bool is_used;
};
struct field {
    const struct key *key;
    char name[NAME_MAX_BYTES];
};

struct redis_value {
    enum redis_type type;
    int64_t number;
    char text[NAME_MAX_BYTES];
    size_t count;
    struct redis_value *items;
};

struct reply {
    redis_reply_fn *fn;
    void *arg;
    int err;
    bool has_value;
    struct redis_value value;
};

struct fake_fault fake_redis_fault;

static struct key keys[KEYS_MAX];
static struct field fields[FIELDS_MAX];
static size_t field_count;

/* ---- the keyspace ---- */

void fake_redis_reset(void)
{
    memset(&fake_redis_fault, 0, sizeof(fake_redis_fault));
    memset(keys, 0, sizeof(keys));
    field_count = 0;
}

static void put_name(char *to, struct bytes name)
{
    if (name.len >= NAME_MAX_BYTES) {
        abort();
    }
    memcpy(to, name.ptr, name.len);
    to[name.len] = '\0';
}

static void drop_key(struct key *k)
{
    size_t kept = 0;

    for (size_t i = 0; i < field_count; i++) {
        if (fields[i].key != k) {
            fields[kept++] = fields[i];
        }
    }
    field_count = kept;
    k->is_used = false;
}

static struct key *find_key(struct bytes name)
{
    for (size_t i = 0; i < KEYS_MAX; i++) {
        struct key *k = &keys[i];

        if (k->is_used && k->expires_ms != 0 && k->expires_ms <= clock_mono_ms()) {
            drop_key(k);
        }
        if (k->is_used && bytes_eq_str(name, k->name)) {
            return k;
        }
    }
    return NULL;
}

static struct key *get_key(struct bytes name)
{
    struct key *k = find_key(name);

    for (size_t i = 0; i < KEYS_MAX && !k; i++) {
        if (!keys[i].is_used) {
            k = &keys[i];
            *k = (struct key){.is_used = true};
            put_name(k->name, name);
        }
    }
    if (!k) {
        abort();
    }
    return k;
}

static struct field *find_field(const struct key *k, struct bytes name)
{
    for (size_t i = 0; i < field_count && k; i++) {
        if (fields[i].key == k && bytes_eq_str(name, fields[i].name)) {
            return &fields[i];
        }
    }
    return NULL;
}

static bool set_field(struct bytes key, struct bytes name)
{
    struct key *k = get_key(key);

    if (find_field(k, name)) {
        return false;
    }
    if (field_count == FIELDS_MAX) {
        abort();
    }
    fields[field_count].key = k;
    put_name(fields[field_count++].name, name);
    return true;
}

static int64_t count_fields(const struct key *k)
{
    int64_t count = 0;

    for (size_t i = 0; i < field_count; i++) {
        count += fields[i].key == k;
    }
    return count;
}

static int64_t remove_fields(struct bytes key, const struct bytes *names, size_t count)
{
    struct key *k = find_key(key);
    int64_t removed = 0;

    for (size_t i = 0; i < count; i++) {
        struct field *f = find_field(k, names[i]);

        if (f) {
            *f = fields[--field_count];
            removed++;
        }
    }
    if (k && count_fields(k) == 0) {
        k->is_used = false;
    }
    return removed;
}

static int64_t ttl_ms(struct bytes key)
{
    const struct key *k = find_key(key);

    if (!k) {
        return -2;
    }
    return k->expires_ms == 0 ? -1 : (int64_t)(k->expires_ms - clock_mono_ms());
}

static int64_t expire(struct bytes key, struct bytes ms)
{
    struct key *k = find_key(key);
    char digits[32];

    snprintf(digits, sizeof(digits), "%.*s", BYTES_FMT(ms));
    if (k) {
        k->expires_ms = clock_mono_ms() + strtoull(digits, NULL, 10);
    }
    return k != NULL;
}

static void list_fields(struct bytes key, struct redis_value *out)
{
    const struct key *k = find_key(key);

    out->type = REDIS_LIST;
    out->items = calloc(field_count + 1, sizeof(*out->items));
    if (!out->items) {
        abort();
    }
    for (size_t i = 0; i < field_count; i++) {
        if (fields[i].key == k) {
            struct redis_value *item = &out->items[out->count++];

            item->type = REDIS_STR;
            put_name(item->text, bytes_str(fields[i].name));
        }
    }
}

static int64_t number_of(struct bytes text)
{
    char digits[32];

    snprintf(digits, sizeof(digits), "%.*s", BYTES_FMT(text));
    return (int64_t)strtoull(digits, NULL, 10);
}

/* The script of uploads: so many bytes more, if that is not over the limit. */
static int64_t take_bytes(const struct bytes *argv, size_t argc)
{
    struct key *k;

    if (argc != 6 || !memmem(argv[1].ptr, argv[1].len, "INCRBY", 6)) {
        abort();
    }
    k = get_key(argv[3]);
    if (k->number + number_of(argv[4]) > number_of(argv[5])) {
        return 0;
    }
    if (k->number == 0) {
        expire(argv[3], BYTES_LIT("60000"));
    }
    k->number += number_of(argv[4]);
    return 1;
}

/* The script of places: HSET, PEXPIRE, and the number of fields if the field is new. */
static int64_t take_place(const struct bytes *argv, size_t argc)
{
    bool is_new;

    if (argc != 7 || !memmem(argv[1].ptr, argv[1].len, "HLEN", 4)) {
        abort();
    }
    is_new = set_field(argv[3], argv[4]);
    expire(argv[3], argv[6]);
    return is_new ? count_fields(find_key(argv[3])) : 0;
}

static void perform(const struct bytes *argv, size_t argc, struct redis_value *out)
{
    struct bytes name = argv[0];

    out->type = REDIS_INT;
    if (bytes_eq_str(name, "EVAL")) {
        out->number = argc == 6 ? take_bytes(argv, argc) : take_place(argv, argc);
    } else if (bytes_eq_str(name, "HDEL")) {
        out->number = remove_fields(argv[1], argv + 2, argc - 2);
    } else if (bytes_eq_str(name, "HLEN")) {
        out->number = count_fields(find_key(argv[1]));
    } else if (bytes_eq_str(name, "HKEYS")) {
        list_fields(argv[1], out);
    } else if (bytes_eq_str(name, "EXISTS")) {
        out->number = find_key(argv[1]) != NULL;
    } else if (bytes_eq_str(name, "INCR")) {
        out->number = ++get_key(argv[1])->number;
    } else if (bytes_eq_str(name, "PTTL")) {
        out->number = ttl_ms(argv[1]);
    } else if (bytes_eq_str(name, "PEXPIRE")) {
        out->number = expire(argv[1], argv[2]);
    } else if (bytes_eq_str(name, "XRANGE")) {
        out->type = REDIS_LIST; /* no streams here: nothing in range */
    } else {
        fprintf(stderr, "fake_redis_kv: %.*s?\n", BYTES_FMT(name));
        abort();
    }
}

/* ---- the link ---- */

static void complete(void *arg)
{
    struct reply *r = arg;

    if (r->fn) {
        r->fn(r->arg, r->err, r->has_value ? &r->value : NULL);
    }
    free(r->value.items);
    free(r);
}

int redis_link_command(struct redis_link *l, const struct bytes *argv, size_t argc,
                       redis_reply_fn *fn, void *arg)
{
    int err = fake_fault_next(&fake_redis_fault);
    struct reply *r;

    (void)l;
    if (err != 0 && fake_redis_fault.at_submit) {
        return err;
    }
    r = calloc(1, sizeof(*r));
    if (!r) {
        abort();
    }
    *r = (struct reply){.fn = fn, .arg = arg, .err = err};
    if (err == 0) {
        r->has_value = true;
        perform(argv, argc, &r->value);
    } else if (err == ERR_REMOTE) {
        r->has_value = true;
        r->value.type = REDIS_ERROR;
        put_name(r->value.text, BYTES_LIT("OOM command not allowed"));
    }
    fake_later(complete, r);
    return 0;
}

bool redis_link_is_up(const struct redis_link *l)
{
    (void)l;
    return fake_redis_fault.nth != FAKE_ALWAYS;
}

enum redis_type redis_value_type(const struct redis_value *v)
{
    return v ? v->type : REDIS_NIL;
}

int64_t redis_value_int(const struct redis_value *v)
{
    return v ? v->number : 0;
}

struct bytes redis_value_bytes(const struct redis_value *v)
{
    return v ? bytes_str(v->text) : BYTES_NONE;
}

size_t redis_value_count(const struct redis_value *v)
{
    return v ? v->count : 0;
}

const struct redis_value *redis_value_at(const struct redis_value *v, size_t i)
{
    return v && i < v->count ? &v->items[i] : NULL;
}

/* ---- for the tests ---- */

void fake_redis_set(const char *key)
{
    get_key(bytes_str(key));
}

void fake_redis_hset(const char *key, const char *field)
{
    set_field(bytes_str(key), bytes_str(field));
}

bool fake_redis_has_field(const char *key, const char *field)
{
    return find_field(find_key(bytes_str(key)), bytes_str(field)) != NULL;
}

int64_t fake_redis_hlen(const char *key)
{
    return count_fields(find_key(bytes_str(key)));
}

int64_t fake_redis_ttl_ms(const char *key)
{
    return ttl_ms(bytes_str(key));
}

size_t fake_redis_keys(void)
{
    size_t count = 0;

    for (size_t i = 0; i < KEYS_MAX; i++) {
        count += keys[i].is_used;
    }
    return count;
}
