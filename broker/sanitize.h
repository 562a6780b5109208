/* SPDX-License-Identifier: MIT */
#pragma once
/* Takes the dangerous parts out of what people typed, before it is stored or shown (PROTOCOL.md
 * §3 and §7). Sanitising twice changes nothing, in every mode. */
#include <stddef.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

/* In the order of the choices of the setting SANITIZE_MODE. */
enum sanitize_mode {
    SANITIZE_PATTERNS, /* the seven patterns are removed, that is all */
    SANITIZE_MARKUP,   /* besides, U+200B follows each '<' before an ASCII letter, '/', '!', '?' */
    SANITIZE_ESCAPE,   /* besides, & < > " ' become &amp; &lt; &gt; &quot; &#39;; an & that begins
                          one of these five already stays as it is */
};

/* Append the sanitised form of `in` to `out`: control characters (Unicode Cc) other than tab and
 * newline are removed first, then the seven patterns, until none of them matches any more.
 * Units: *out_code_points counts what was appended, so that a text that was within a limit is so
 * again. Limits: time and memory are linear in in.len, whatever it contains (9 bytes of memory a
 * byte, none for text without a suspicious character). Errors: ERR_UTF8, ERR_RANGE (NUL),
 * ERR_NOMEM, ERR_FULL; `out` is then as it was. */
NODISCARD int sanitize_text(enum sanitize_mode mode, struct bytes in, struct buf *out,
                            size_t *out_code_points);
