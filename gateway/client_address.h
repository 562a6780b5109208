/* SPDX-License-Identifier: MIT */
#pragma once
/* Whose request is it, when it came through proxies? Only what a trusted proxy has written counts:
 * the chain of X-Forwarded-For is read from its end, and the first address that is no trusted
 * proxy's is the client's. Pure. */
#include <stdbool.h>
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"
#include "gateway/http_head.h"

#define CLIENT_ADDRESS_MAX 46u  /* INET6_ADDRSTRLEN */
#define TRUSTED_PROXIES_MAX 64u /* networks in the setting */

struct trusted_proxies {
    size_t count;
    struct {
        unsigned char prefix[16]; /* IPv4 as ::ffff:a.b.c.d */
        uint8_t bits;             /* of 128 */
    } networks[TRUSTED_PROXIES_MAX];
};

/* "10.0.0.0/8, 2001:db8::/32, 192.0.2.7": an address alone is itself. Errors: ERR_SYNTAX,
 * ERR_LIMIT (too many). */
NODISCARD int trusted_proxies_parse(const char *list, struct trusted_proxies *out);

/* The client's address as text, into `address`, which holds the peer's. It stays when the peer is
 * not trusted or has written nothing that is an address. */
void client_address_find(const struct trusted_proxies *trusted, const struct http_head *head,
                         char address[CLIENT_ADDRESS_MAX]);
