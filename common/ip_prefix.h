/* SPDX-License-Identifier: MIT */
#pragma once
/* Networks of IP addresses. Pure. */
#include <stdbool.h>
#include <string.h>

/* Are the first `bits` bits of both the same? Both have at least so many, in network order. */
static inline bool ip_has_prefix(const unsigned char *ip, const unsigned char *prefix,
                                 unsigned bits)
{
    size_t whole = bits / 8;
    unsigned mask = 0xff00u >> (bits % 8) & 0xff;

    return memcmp(ip, prefix, whole) == 0 &&
           (mask == 0 || (ip[whole] & mask) == (prefix[whole] & mask));
}
