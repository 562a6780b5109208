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

/* What the mode puts in the place of the first character, which find_special gave. */
static struct bytes replacement(enum sanitize_mode mode, struct bytes text)
{
    struct bytes itself = bytes_of(text.ptr, 1);

    if (mode == SANITIZE_MARKUP) {
        return opens_markup(text) ? BYTES_LIT("<\xE2\x80\x8B") : itself; /* '<', U+200B */
    }
    return text.ptr[0] == '&' && begins_entity(text) ? itself : bytes_str(entity_of(text.ptr[0]));
}

/* Where the next character stands that the mode may replace. */
static size_t find_special(enum sanitize_mode mode, struct bytes text)
{
    const char *p = NULL;
    size_t i = 0;

    switch (mode) {
    case SANITIZE_PATTERNS:
        return text.len;
    case SANITIZE_MARKUP:
        p = text.len > 0 ? memchr(text.ptr, '<', text.len) : NULL;
        return p != NULL ? (size_t)(p - text.ptr) : text.len;
    case SANITIZE_ESCAPE:
        while (i < text.len && entity_of(text.ptr[i]) == NULL) {
            i++;
        }
        return i;
    }
    return text.len;
}

static int append_rendered(enum sanitize_mode mode, struct bytes text, struct buf *out)
{
    int err = 0;

    while (text.len > 0 && err == 0) {
        size_t plain = find_special(mode, text);
        err = buf_append(out, bytes_of(text.ptr, plain));
        text = bytes_skip(text, plain);
        if (err == 0 && text.len > 0) {
            err = buf_append(out, replacement(mode, text));
            text = bytes_skip(text, 1);
        }
    }
    return err;
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
    *out_code_points = utf8_count(bytes_skip(buf_bytes(out), len_before));
out:
    mem_free(text);
    mem_free(states);
    return err;
}

/* Every match ends in one of ( : = >, so text without them, without controls and without what
 * the mode replaces is copied as it is. Eight bytes are looked at in a time, each in a lane of a
 * word. With the top bit of each lane cleared first, no sum or difference leaves its lane. */
#define LANES(c) (UINT64_C(0x0101010101010101) * (c))
#define LANE_TOPS LANES(0x80U)

/* The top bit of each lane whose value (below 0x80) is `c`. */
static inline uint64_t lanes_equal(uint64_t word, unsigned char c)
{
    return (LANE_TOPS - (word ^ LANES(c))) & LANE_TOPS;
}

/* The same for a value of `c` or more; `c` is not 0. */
static inline uint64_t lanes_from(uint64_t word, unsigned char c)
{
    return (word + LANES(0x80U - c)) & LANE_TOPS;
}

struct scan {
    uint64_t suspicious; /* not 0: there is such a character */
    uint64_t non_ascii;
};

static inline void scan_word(uint64_t bytes, bool is_escape, struct scan *scan)
{
    uint64_t word = bytes & ~LANE_TOPS;
    uint64_t control =
        ~lanes_from(word, 0x20) & ~lanes_equal(word, '\t') & ~lanes_equal(word, '\n');
    /* : ; < = > follow one another; the semicolon among them only costs time. */
    uint64_t mark = lanes_from(word, ':') & ~lanes_from(word, '?');
    uint64_t found = control | mark | lanes_equal(word, '(') | lanes_equal(word, 0x7F);

    if (is_escape) {
        found |= lanes_equal(word, '&') | lanes_equal(word, '"') | lanes_equal(word, '\'');
    }
    scan->suspicious |= found & ~bytes & LANE_TOPS;
    scan->non_ascii |= bytes & LANE_TOPS;
}

/* Ends early at something suspicious. */
static struct scan scan_text(bool is_escape, struct bytes in)
{
    struct scan scan = {0};
    uint64_t word;

    for (; in.len >= sizeof(word) && !scan.suspicious; in = bytes_skip(in, sizeof(word))) {
        memcpy(&word, in.ptr, sizeof(word));
        scan_word(word, is_escape, &scan);
    }
    if (in.len > 0 && !scan.suspicious) {
        word = LANES((unsigned char)' ');
        memcpy(&word, in.ptr, in.len);
        scan_word(word, is_escape, &scan);
    }
    return scan;
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
    struct scan scan = scan_text(mode == SANITIZE_ESCAPE, in);
    bool is_ascii = scan.non_ascii == 0;

    if ((scan.suspicious || !is_ascii) && utf8_check(in) != 0) {
        return ERR_UTF8;
    }
    if (scan.suspicious && memchr(in.ptr, '\0', in.len) != NULL) {
        return ERR_RANGE;
    }
    if (scan.suspicious || (!is_ascii && has_c1_control(in))) {
        return sanitize_suspicious(mode, in, out, out_code_points);
    }
    int err = buf_append(out, in);
    if (err == 0) {
        *out_code_points = is_ascii ? in.len : utf8_count(in);
    }
    return err;
}
