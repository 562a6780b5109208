/* SPDX-License-Identifier: MIT */
#pragma once
/* How many sockets each peer address holds in this process. Owns memory only for addresses that
 * hold some. */
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"

struct address_count; /* of one address; kept by each of its sockets */
struct address_table {
    struct address_count *head;
};

void address_table_done(struct address_table *t);
/* How many sockets the address holds. */
uint32_t address_sockets(const struct address_table *t, struct bytes address);
/* One socket more. Gives the entry that address_leave() takes back; NULL without memory. */
struct address_count *address_enter(struct address_table *t, struct bytes address);
void address_leave(struct address_table *t, struct address_count *entry); /* NULL is fine */
