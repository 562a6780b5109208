/* SPDX-License-Identifier: MIT */
/* Sanitising of text: what can be copied as it is, what has to go through the search for patterns
 * (sanitize_patterns.c), and what is put in afterwards by mode. Called by the handlers for every
 * text that people see; it knows nothing of messages. */
#include "broker/sanitize.h"

#include <stdbool.h>
#include <stdint.h>

#include "broker/sanitize_patterns.h"
#include "common/mem.h"
#include "proto/utf8.h"

/* What an ampersand, angle bracket or quote becomes; NULL for any other character. */
static const char *entity_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static bool begins_entity(struct bytes text)
{
    for (const char *c = "&<>\"'"; *c != '\0'; c++) {
        if (bytes_has_prefix(text, bytes_str(entity_of(*c)))) {
            return true;
        }
    }
    return false;
}

static bool opens_markup(struct bytes text)
{
    if (text.len < 2 || text.ptr[0] != '<') {
        return false;
    }
    char lower = (char)(text.ptr[1] | 0x20);
    return (lower >= 'a' && lower <= 'z') || memchr("/!?", text.ptr[1], 3) != NULL;
}

/* What stands in the output for the first character of `text`; none: that character itself. */
static struct bytes replacement(enum sanitize_mode mode, struct bytes text)
{
    if (mode == SANITIZE_MARKUP && opens_markup(text)) {
        return BYTES_LIT("<\xE2\x80\x8B"); /* '<', U+200B */
    }
    if (mode == SANITIZE_ESCAPE && !(text.ptr[0] == '&' && begins_entity(text))) {
        return bytes_str(entity_of(text.ptr[0]));
    }
    return BYTES_NONE;
}

static int append_rendered(enum sanitize_mode mode, struct bytes text, struct buf *out)
{
    size_t done = 0;
    int err = 0;

    for (size_t i = 0; i < text.len && err == 0; i++) {
        struct bytes other = replacement(mode, bytes_skip(text, i));
        if (other.len == 0) {
            continue;
        }
        err = buf_append(out, bytes_of(text.ptr + done, i - done));
        if (err == 0) {
            err = buf_append(out, other);
        }
        done = i + 1;
    }
    return err != 0 ? err : buf_append(out, bytes_skip(text, done));
}

static int sanitize_suspicious(enum sanitize_mode mode, struct bytes in, struct buf *out,
                               size_t *out_code_points)
{
    size_t len_before = out->len;
    char *text = mem_alloc(in.len);
    uint64_t *states = mem_alloc(in.len * sizeof(*states));
    int err = ERR_NOMEM;

    if (text == NULL || states == NULL) {
        goto out;
    }
    struct bytes left = bytes_of(text, sanitize_remove_patterns(in, text, states));
    err = append_rendered(mode, left, out);
    if (err != 0) {
        out->len = len_before;
        goto out;
    }
    *out_code_points = utf8_count(left);
out:
    mem_free(text);
    mem_free(states);
    return err;
}

/* Every match ends in one of ( : = >, so text without them, without controls and without what
 * the mode replaces is copied as it is. The scan is branchless within a block, for the compiler
 * to do many bytes at once. */
#define SCAN_BLOCK 64u
#define SEEN_SUSPICIOUS 1u
#define SEEN_NON_ASCII 2u

static unsigned scan_byte(unsigned char c, unsigned char escape)
{
    unsigned char control = (c < 0x20) & (c != '\t') & (c != '\n');
    unsigned char mark = (c == '<') | (c == '>') | (c == '(') | (c == ':') | (c == '=');
    unsigned char quote = ((c == '&') | (c == '"') | (c == '\'')) & escape;

    return (unsigned)(control | mark | quote | (c == 0x7F)) | (unsigned)(c >> 7) << 1;
}

static unsigned scan(enum sanitize_mode mode, struct bytes in)
{
    const unsigned char *p = (const unsigned char *)in.ptr;
    unsigned char escape = mode == SANITIZE_ESCAPE;
    unsigned seen = 0;
    size_t i = 0;

    for (; in.len - i >= SCAN_BLOCK && !(seen & SEEN_SUSPICIOUS); i += SCAN_BLOCK) {
        unsigned char block = 0;
        for (size_t k = 0; k < SCAN_BLOCK; k++) {
            block |= (unsigned char)scan_byte(p[i + k], escape);
        }
        seen |= block;
    }
    for (; i < in.len && !(seen & SEEN_SUSPICIOUS); i++) {
        seen |= scan_byte(p[i], escape);
    }
    return seen;
}

/* U+0080 to U+009F are C2 80 to C2 9F. */
static bool has_c1_control(struct bytes text)
{
    const char *p;

    while (text.len > 1 && (p = memchr(text.ptr, 0xC2, text.len - 1)) != NULL) {
        if ((unsigned char)p[1] < 0xA0) {
            return true;
        }
        text = bytes_skip(text, (size_t)(p - text.ptr) + 2);
    }
    return false;
}

int sanitize_text(enum sanitize_mode mode, struct bytes in, struct buf *out,
                  size_t *out_code_points)
{
    unsigned seen = scan(mode, in);

    if (seen != 0 && utf8_check(in) != 0) {
        return ERR_UTF8;
    }
    if ((seen & SEEN_SUSPICIOUS) && memchr(in.ptr, '\0', in.len) != NULL) {
        return ERR_RANGE;
    }
    if ((seen & SEEN_SUSPICIOUS) || ((seen & SEEN_NON_ASCII) && has_c1_control(in))) {
        return sanitize_suspicious(mode, in, out, out_code_points);
    }
    int err = buf_append(out, in);
    if (err == 0) {
        *out_code_points = (seen & SEEN_NON_ASCII) ? utf8_count(in) : in.len;
    }
    return err;
}
