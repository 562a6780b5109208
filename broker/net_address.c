/* SPDX-License-Identifier: MIT */
/* The registries of special-purpose addresses as tables. Called by the HTTP client for addresses
 * that users have named. */
#include "broker/net_address.h"

#include "common/ip_prefix.h"

struct block {
    unsigned char prefix[16];
    unsigned bits;
};

static const struct block NOT_PUBLIC_4[] = {
    {{0}, 8},             /* this network */
    {{10}, 8},            /* private */
    {{100, 64}, 10},      /* shared */
    {{127}, 8},           /* loopback */
    {{169, 254}, 16},     /* link-local */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocol assignments */
    {{192, 0, 2}, 24},    /* documentation */
    {{192, 88, 99}, 24},  /* 6to4 relays */
    {{192, 168}, 16},     /* private */
    {{198, 18}, 15},      /* benchmarking */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24},  /* documentation */
    {{224}, 3},           /* multicast, reserved, broadcast */
};

/* Of those that are global unicast, 2000::/3. */
static const struct block NOT_PUBLIC_6[] = {
    {{0x20, 0x01}, 23},             /* protocol assignments, Teredo among them */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x3f, 0xff}, 20},             /* documentation */
};
static const struct block GLOBAL_6 = {{0x20}, 3};

/* IPv6 blocks with an IPv4 address inside, from a byte on. */
static const struct {
    struct block block;
    size_t at;
} HIDING_4[] = {
    {{{[10] = 0xff, [11] = 0xff}, 96}, 12}, /* ::ffff:0:0/96, mapped */
    {{{0x00, 0x64, 0xff, 0x9b}, 96}, 12},   /* 64:ff9b::/96, NAT64 */
    {{{0x20, 0x02}, 16}, 2},                /* 2002::/16, 6to4 */
};

static bool is_in(const unsigned char *ip, const struct block *b)
{
    return ip_has_prefix(ip, b->prefix, b->bits);
}

static bool is_public_4(const unsigned char *ip)
{
    for (size_t i = 0; i < sizeof(NOT_PUBLIC_4) / sizeof(NOT_PUBLIC_4[0]); i++) {
        if (is_in(ip, &NOT_PUBLIC_4[i])) {
            return false;
        }
    }
    return true;
}

static bool is_public_6(const unsigned char *ip)
{
    for (size_t i = 0; i < sizeof(HIDING_4) / sizeof(HIDING_4[0]); i++) {
        if (is_in(ip, &HIDING_4[i].block)) {
            return is_public_4(ip + HIDING_4[i].at);
        }
    }
    for (size_t i = 0; i < sizeof(NOT_PUBLIC_6) / sizeof(NOT_PUBLIC_6[0]); i++) {
        if (is_in(ip, &NOT_PUBLIC_6[i])) {
            return false;
        }
    }
    return is_in(ip, &GLOBAL_6);
}

bool net_address_is_public(const unsigned char *ip, size_t len)
{
    return (len == 4 && is_public_4(ip)) || (len == 16 && is_public_6(ip));
}
