/* SPDX-License-Identifier: MIT */
#pragma once
/* UTF-8 by RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF. NUL is a valid
 * code point here; who must not have it, refuses it. */
#include <stddef.h>
#include <stdint.h>
#include "common/bytes.h"
#include "common/err.h"

/* 0 or ERR_UTF8. */
NODISCARD int utf8_check(struct bytes text);

/* Incremental form: start with state 0, feed pieces. The text is complete when *state is 0 after
 * the last piece. Errors: ERR_UTF8 as soon as it is impossible (*state unchanged). */
NODISCARD int utf8_feed(uint32_t *state, struct bytes piece);

/* Number of Unicode code points of valid UTF-8. */
size_t utf8_count(struct bytes text);
