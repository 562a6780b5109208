/* SPDX-License-Identifier: MIT */
#pragma once
/* Bytes as text: base64 (RFC 4648), hex, numbers in the digits of an alphabet, ids. */
#include <stddef.h>
#include <stdint.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

enum base64_form {
    BASE64_STANDARD, /* §4, padded: '+', '/', '=' */
    BASE64_URL,      /* §5, not padded: '-', '_' */
};

/* Append the encoded form. Errors: ERR_FULL, ERR_NOMEM. */
NODISCARD int base64_encode(enum base64_form form, struct bytes in, struct buf *out);

/* Append what `text` encodes. Only the form's own, canonical spelling is taken: no white space,
 * no other alphabet, padding exactly as the form has it, unused bits zero.
 * Errors: ERR_SYNTAX, ERR_FULL, ERR_NOMEM; `out` is then as it was. */
NODISCARD int base64_decode(enum base64_form form, struct bytes text, struct buf *out);

/* The same into `room`, which has 3 bytes for every 4 characters of `text`, and gives how many
 * were written. Errors: ERR_SYNTAX. */
NODISCARD int base64_decode_to(enum base64_form form, struct bytes text, char *room,
                               size_t *out_len);

/* Write 2 * len lower-case hex digits and a NUL. */
void hex_encode(const unsigned char *in, size_t len, char *out);

/* Read `number` as one big-endian number and write its last `count` digits in the alphabet (those
 * of most weight first), and a NUL. A random number gives random text when it has more bits than
 * the digits can show (32 bytes, 32 digits of base 36), or they show all of its bits (16 bytes,
 * 22 digits of base 62). Limits: at most 32 bytes. */
void number_digits(struct bytes number, const char *alphabet, char *out, size_t count);

/* The id that the decimal digits name: 1 to ID_MAX, no sign, no leading zero; 0 for other text. */
int64_t decimal_id(struct bytes text);
