/* SPDX-License-Identifier: MIT */
#pragma once
/* Who is named in a text: "@name". Pure; whether there is such a user is the caller's matter. */
#include <stddef.h>
#include "common/bytes.h"

#define MENTIONS_MAX 50u /* of one message; further names are passed over */

/* Find the names, each once, in the order of their first mention; views into the text. A name
 * follows an '@' that does not itself follow a letter, digit or '_' (as in an e-mail address), and
 * goes as far as Django's user names may: letters of any script, digits, '_', '.', '+', '-'. Of
 * these the last three do not end it: they end sentences. Longer than a user name: none.
 * Text must be valid UTF-8. Gives how many were found. */
size_t mentions_find(struct bytes text, struct bytes out_names[MENTIONS_MAX]);
