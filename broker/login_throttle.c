/* SPDX-License-Identifier: MIT */
/* Wrong passwords in Redis: INCR of a key that lives for the window. Does not know whether a
 * password was wrong; request_token.c calls it when one was. */
#include "broker/login_throttle.h"

#include "proto/encoding.h"
#include "broker/openssl.h"
#include "common/log.h"
#include "common/mem.h"
#include "proto/limits.h"
#include "proto/stream_keys.h"

#define WINDOW_MS "60000" /* LOGIN_WINDOW_MS, as Redis takes it */

struct count {
    struct login_throttle throttle;
    struct stream_key key;
    login_throttle_fn *fn;
    void *arg;
    int64_t failures;
};

/* SHA-1 spreads and hides, it protects nothing here. */
static void sha1_of(struct bytes username, struct bytes address, unsigned char *out)
{
    unsigned char text[USERNAME_MAX_BYTES + 1 + ADDRESS_MAX_BYTES];
    size_t name_len = username.len < USERNAME_MAX_BYTES ? username.len : USERNAME_MAX_BYTES;
    size_t address_len = address.len < ADDRESS_MAX_BYTES ? address.len : ADDRESS_MAX_BYTES;

    if (name_len > 0) {
        memcpy(text, username.ptr, name_len);
    }
    text[name_len] = '\0'; /* "a" from "b1" is not "ab" from "1" */
    if (address_len > 0) {
        memcpy(text + name_len + 1, address.ptr, address_len);
    }
    SHA1(text, name_len + 1 + address_len, out);
}

struct login_subject login_subject_of(struct bytes username, struct bytes address)
{
    unsigned char hash[SHA_DIGEST_LENGTH];
    struct login_subject subject = {.hex = ""};

    _Static_assert(sizeof(hash) * 2 == LOGIN_SUBJECT_HEX, "two digits a byte");
    sha1_of(username, address, hash);
    hex_encode(hash, sizeof(hash), subject.hex);
    return subject;
}

static void count_finish(struct count *c, int err, uint32_t retry_after_s)
{
    login_throttle_fn *fn = c->fn;
    void *arg = c->arg;

    mem_free(c);
    fn(arg, err, retry_after_s);
}

static int redis_error(int err, const struct redis_value *v)
{
    if (err == ERR_REMOTE) {
        log_error("login_throttle_refused", LOG_BYTES("reply", redis_value_bytes(v)));
    }
    return ERR_UNAVAILABLE;
}

static void on_ttl(void *arg, int err, const struct redis_value *v)
{
    struct count *c = arg;
    struct bytes argv[] = {BYTES_LIT("PEXPIRE"), stream_key_bytes(&c->key), BYTES_LIT(WINDOW_MS)};
    int64_t left_ms;

    if (err != 0) {
        count_finish(c, redis_error(err, v), 0);
        return;
    }
    left_ms = redis_value_int(v);
    if (left_ms < 0 || left_ms > (int64_t)LOGIN_WINDOW_MS) {
        /* A new key, or one whose first counter died before it came here: the window begins. */
        if (redis_link_command(c->throttle.link, argv, 3, NULL, NULL) != 0) {
            count_finish(c, ERR_UNAVAILABLE, 0);
            return;
        }
        left_ms = LOGIN_WINDOW_MS;
    }
    if (c->failures <= c->throttle.limit) {
        count_finish(c, 0, 0);
        return;
    }
    count_finish(c, ERR_LIMIT, left_ms > 0 ? (uint32_t)((left_ms + 999) / 1000) : 1);
}

static void on_counted(void *arg, int err, const struct redis_value *v)
{
    struct count *c = arg;
    struct bytes argv[] = {BYTES_LIT("PTTL"), stream_key_bytes(&c->key)};

    if (err != 0) {
        count_finish(c, redis_error(err, v), 0);
        return;
    }
    c->failures = redis_value_int(v);
    if (redis_link_command(c->throttle.link, argv, 2, on_ttl, c) != 0) {
        count_finish(c, ERR_UNAVAILABLE, 0);
    }
}

int login_throttle_count(const struct login_throttle *throttle, const struct login_subject *subject,
                         login_throttle_fn *fn, void *arg)
{
    struct count *c = mem_zalloc(sizeof(*c));
    int err;

    if (!c) {
        return ERR_NOMEM;
    }
    c->throttle = *throttle;
    c->key = key_login_failures(throttle->prefix, bytes_of(subject->hex, LOGIN_SUBJECT_HEX));
    c->fn = fn;
    c->arg = arg;
    struct bytes argv[] = {BYTES_LIT("INCR"), stream_key_bytes(&c->key)};
    err = redis_link_command(throttle->link, argv, 2, on_counted, c);
    if (err != 0) {
        mem_free(c);
    }
    return err;
}
