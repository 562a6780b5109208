/* SPDX-License-Identifier: MIT */
/* Any name: what is left of it is valid, short, and is cleaned to itself; nothing that runs becomes
 * harmless by cleaning. */
#include <stdint.h>
#include <stdlib.h>

#include "broker/file_type.h"
#include "proto/utf8.h"

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes name = bytes_of(data, size), clean;
    bool runs = file_name_is_executable(name);
    struct buf once, twice;

    buf_init(&once, FILE_NAME_MAX_BYTES);
    buf_init(&twice, FILE_NAME_MAX_BYTES);
    if (file_name_clean(name, &once) == 0) {
        clean = buf_bytes(&once);
        check(clean.len > 0 && utf8_check(clean) == 0);
        check(utf8_count(clean) <= FILE_NAME_MAX_CHARS);
        check(!memchr(clean.ptr, '/', clean.len) && !memchr(clean.ptr, '\0', clean.len));
        check(file_name_clean(clean, &twice) == 0 && bytes_eq(clean, buf_bytes(&twice)));
        check(file_name_is_executable(clean) == runs);
    }
    buf_done(&once);
    buf_done(&twice);
    (void)file_type_fits(name, name);
    return 0;
}
