/* SPDX-License-Identifier: MIT */
/* Removal of the seven patterns in one pass: characters are pushed on a stack, which is the
 * output, and as soon as one completes a match the stack is popped back to where the match began.
 * What stands on the stack never contains a match, so nothing has to be scanned again. Called by
 * sanitize.c only.
 *
 * The patterns (case-insensitive, dot matches newline) end in one of four characters:
 *
 *     javascript:   eval\(   (onerror|onclick|onload)\s*=   <iframe[^>]*>
 *     <script[^>]*>.*?</script>
 *
 * Beside each byte of the stack lies the state of the search after it, so popping restores it:
 *
 *     bit 63 ......... 60 | 58 ............................................................. 0
 *     FLAG_*: what is open | Shift-And search: one bit for each character of each literal,
 *                          | set when the text ends with the literal up to that character
 *
 * A match begins where its flag went up, less the literal that raised it. Walking back to there
 * costs no more than popping, and each character is pushed and popped once: linear time.
 *
 * Shift-And: R. Baeza-Yates, G. Gonnet, "A New Approach to Text Searching", CACM 35(10), 1992. */
#include "broker/sanitize_patterns.h"

#include <stdbool.h>

#define LITERALS(X)                                                                                \
    X(JAVASCRIPT, "javascript:")                                                                   \
    X(EVAL, "eval(")                                                                               \
    X(ONERROR, "onerror")                                                                          \
    X(ONCLICK, "onclick")                                                                          \
    X(ONLOAD, "onload")                                                                            \
    X(IFRAME, "<iframe")                                                                           \
    X(SCRIPT, "<script")                                                                           \
    X(CLOSE, "</script>")

/* X_FIRST and X_LAST: the bits of a literal's first and last character. */
enum literal_bit {
    LITERALS_BEFORE = -1,
#define LITERAL_BITS(name, text) name##_FIRST, name##_LAST = name##_FIRST + (int)sizeof(text) - 2,
    LITERALS(LITERAL_BITS)
#undef LITERAL_BITS
        LITERALS_BITS
};

#define BIT(n) (UINT64_C(1) << (n))
#define FLAG_HANDLER BIT(60) /* an on… literal, and then nothing but \s */
#define FLAG_IFRAME BIT(61)  /* an <iframe since the last '>' */
#define FLAG_SCRIPT BIT(62)  /* a <script since the last '>' */
#define FLAG_TAG BIT(63)     /* a whole <script…> */
#define FLAGS (FLAG_HANDLER | FLAG_IFRAME | FLAG_SCRIPT | FLAG_TAG)
#define FLAG_NONE UINT64_C(0)

_Static_assert(LITERALS_BITS <= 60, "literals and flags share 64 bits");

#define HANDLER_LAST (BIT(ONERROR_LAST) | BIT(ONCLICK_LAST) | BIT(ONLOAD_LAST))
#define RAISING_LAST (HANDLER_LAST | BIT(IFRAME_LAST) | BIT(SCRIPT_LAST))

struct literal {
    const char *text;
    int first_bit;
};
static const struct literal literals[] = {
#define LITERAL_ROW(name, text) {text, name##_FIRST},
    LITERALS(LITERAL_ROW)
#undef LITERAL_ROW
};
#define LITERAL_COUNT (sizeof(literals) / sizeof(literals[0]))

/* \s of a Python str pattern, without the control characters, which are gone by then. */
static bool is_space(uint32_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

/* Unicode's category Cc but for tab and newline. */
static bool is_removed_control(uint32_t c)
{
    return (c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7F && c < 0xA0);
}

/* The lower-case ASCII letter that Python's re.IGNORECASE takes the character for, if any. */
static uint32_t fold(uint32_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c | 0x20;
    }
    switch (c) {
    case 0x17F: /* long s */
        return 's';
    case 0x212A: /* Kelvin sign */
        return 'k';
    case 0x130: /* I with dot */
    case 0x131: /* dotless i */
        return 'i';
    default:
        return c;
    }
}

/* The first character of valid UTF-8 that is not empty. */
static uint32_t first_char(struct bytes text, size_t *out_size)
{
    unsigned char lead = (unsigned char)text.ptr[0];
    size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t c = size == 1 ? lead : lead & (0x7FU >> size);

    for (size_t i = 1; i < size; i++) {
        c = c << 6 | ((unsigned char)text.ptr[i] & 0x3F);
    }
    *out_size = size;
    return c;
}

struct stack {
    char *text;
    uint64_t *states;    /* one for each byte of text: the search after that character */
    size_t len;          /* bytes */
    uint64_t first;      /* the first bit of each literal */
    uint64_t masks[128]; /* for each ASCII character the bits where it stands in a literal */
};

static void build_masks(struct stack *s)
{
    for (size_t i = 0; i < LITERAL_COUNT; i++) {
        s->first |= BIT(literals[i].first_bit);
        for (size_t k = 0; literals[i].text[k] != '\0'; k++) {
            s->masks[(unsigned char)literals[i].text[k]] |= BIT(literals[i].first_bit + (int)k);
        }
    }
}

static uint64_t state_at(const struct stack *s, size_t len)
{
    return len == 0 ? 0 : s->states[len - 1];
}

/* The stack's length without its last `count` characters. */
static size_t less_chars(const struct stack *s, size_t len, size_t count)
{
    for (; count > 0; count--) {
        do {
            len--;
        } while (((unsigned char)s->text[len] & 0xC0) == 0x80);
    }
    return len;
}

/* The stack's length before the literal whose last character raised `flag`. */
static size_t before_flag(const struct stack *s, size_t len, uint64_t flag)
{
    uint64_t raised = 0;

    while (state_at(s, len) & flag) {
        raised = state_at(s, len);
        len = less_chars(s, len, 1);
    }
    for (size_t i = 0; i < LITERAL_COUNT; i++) {
        size_t rest = strlen(literals[i].text) - 1;
        if (raised & BIT(literals[i].first_bit + (int)rest)) {
            return less_chars(s, len, rest);
        }
    }
    return len;
}

/* The stack's length before the leftmost whole <script…>. */
static size_t before_tag(const struct stack *s, size_t len)
{
    while (state_at(s, len) & FLAG_TAG) {
        len = less_chars(s, len, 1);
    }
    return before_flag(s, len, FLAG_SCRIPT);
}

/* A '>' can end an iframe and a script at once; the one that began first takes both. */
static size_t before_tag_end(const struct stack *s, uint64_t state, uint64_t next)
{
    bool ends_pair = (state & FLAG_TAG) && (next & BIT(CLOSE_LAST));
    size_t pair = ends_pair ? before_tag(s, s->len) : s->len;
    size_t iframe = (state & FLAG_IFRAME) ? before_flag(s, s->len, FLAG_IFRAME) : s->len;

    return pair < iframe ? pair : iframe;
}

/* The stack's length before the match that the character `c` completes, or else its length. */
static size_t before_match(const struct stack *s, uint32_t c, uint64_t state, uint64_t next)
{
    switch (c) {
    case ':':
        return next & BIT(JAVASCRIPT_LAST) ? less_chars(s, s->len, sizeof("javascript") - 1)
                                           : s->len;
    case '(':
        return next & BIT(EVAL_LAST) ? less_chars(s, s->len, sizeof("eval") - 1) : s->len;
    case '=':
        return state & FLAG_HANDLER ? before_flag(s, s->len, FLAG_HANDLER) : s->len;
    case '>':
        return before_tag_end(s, state, next);
    default:
        return s->len;
    }
}

/* The flags after the character `c`, which completed no match. */
static uint64_t next_flags(uint64_t state, uint32_t c, uint64_t next)
{
    uint64_t flags = state & (FLAG_IFRAME | FLAG_SCRIPT | FLAG_TAG);

    if (!(state & FLAGS) && !(next & RAISING_LAST)) {
        return FLAG_NONE; /* nearly always */
    }
    if (c == '>') {
        return state & (FLAG_SCRIPT | FLAG_TAG) ? FLAG_TAG : FLAG_NONE;
    }
    if ((next & HANDLER_LAST) || ((state & FLAG_HANDLER) && is_space(c))) {
        flags |= FLAG_HANDLER;
    }
    if (next & BIT(IFRAME_LAST)) {
        flags |= FLAG_IFRAME;
    }
    if (next & BIT(SCRIPT_LAST)) {
        flags |= FLAG_SCRIPT;
    }
    return flags;
}

static void push(struct stack *s, uint32_t code_point, struct bytes encoded)
{
    uint64_t state = state_at(s, s->len);
    uint32_t c = fold(code_point);
    uint64_t next = c < 128 ? (state << 1 | s->first) & s->masks[c] : 0;
    size_t len = before_match(s, c, state, next);

    if (len < s->len) { /* a match has characters before its last one */
        s->len = len;
        return;
    }
    next |= next_flags(state, c, next);
    for (size_t i = 0; i < encoded.len; i++) {
        s->text[s->len] = encoded.ptr[i];
        s->states[s->len] = next;
        s->len++;
    }
}

size_t sanitize_remove_patterns(struct bytes in, char *text, uint64_t *states)
{
    struct stack s = {.text = text, .states = states};

    build_masks(&s);
    while (in.len > 0) {
        size_t size;
        uint32_t c = first_char(in, &size);
        if (!is_removed_control(c)) {
            push(&s, c, bytes_of(in.ptr, size));
        }
        in = bytes_skip(in, size);
    }
    return s.len;
}
