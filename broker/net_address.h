/* SPDX-License-Identifier: MIT */
#pragma once
/* Which IP addresses are out there, and not ours. Pure. */
#include <stdbool.h>
#include <stddef.h>

/* Is this an address of the public Internet? Not one of this host, a private or local network, one
 * that is shared, reserved, multicast or for documents (RFC 6890 and its registries), nor one of
 * IPv6 in which such an IPv4 address is hidden. `ip` is in network order, `len` 4 or 16; anything
 * else is not public. */
bool net_address_is_public(const unsigned char *ip, size_t len);
