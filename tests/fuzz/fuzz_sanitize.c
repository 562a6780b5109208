/* SPDX-License-Identifier: MIT */
/* Any bytes, any mode: refused, or sanitised so that doing it again changes nothing and none of
 * the literals that no harmless text may hold is left. The first byte chooses the mode. */
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include "broker/sanitize.h"
#include "proto/utf8.h"

#define TEXT_MAX (16u * 1024u * 1024u)

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static bool contains(struct bytes text, const char *literal)
{
    size_t len = strlen(literal);

    for (size_t i = 0; i + len <= text.len; i++) {
        if (strncasecmp(text.ptr + i, literal, len) == 0) {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf once, twice;
    size_t count = 0, count_again = 0;

    if (size == 0) {
        return 0;
    }
    enum sanitize_mode mode = (enum sanitize_mode)(data[0] % 3);
    buf_init(&once, TEXT_MAX);
    buf_init(&twice, TEXT_MAX);
    if (sanitize_text(mode, bytes_of(data + 1, size - 1), &once, &count) == 0) {
        check(sanitize_text(mode, buf_bytes(&once), &twice, &count_again) == 0);
        check(bytes_eq(buf_bytes(&once), buf_bytes(&twice)));
        check(utf8_check(buf_bytes(&once)) == 0);
        check(count <= 6 * size && count_again == count); /* " becomes &quot; */
        check(!contains(buf_bytes(&once), "javascript:"));
        check(!contains(buf_bytes(&once), "eval("));
        check(!contains(buf_bytes(&once), "onload="));
        check(!contains(buf_bytes(&once), "<iframe>"));
    }
    buf_done(&once);
    buf_done(&twice);
    return 0;
}
