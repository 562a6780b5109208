/* SPDX-License-Identifier: MIT */
/* Reads the Sec-WebSocket-Extensions header of a client (RFC 6455 §9.1, RFC 7692 §7.1) and picks
 * the first offer of permessage-deflate that can be served. Strict: a header that breaks the
 * grammar offers nothing, an offer with an unknown, repeated or ill-formed parameter is declined.
 * Called once a handshake; zlib is not needed here.
 *
 *   extension-list = offer *( "," offer )      offer = token *( ";" parameter )
 *   parameter      = token [ "=" ( token | quoted-string ) ] */
#include "gateway/deflate.h"

#define EXTENSION_NAME "permessage-deflate"
#define SERVER_BITS_MIN 9u /* zlib cannot deflate with a window of 2^8 */
#define CLIENT_BITS_MIN 8u
#define BITS_MAX 15u
#define VALUE_MAX 8u /* "15", and room to see that a longer one is wrong */

enum parameter {
    PARAM_SERVER_NO_CONTEXT = 1,
    PARAM_CLIENT_NO_CONTEXT = 2,
    PARAM_SERVER_BITS = 4,
    PARAM_CLIENT_BITS = 8,
    PARAM_UNKNOWN = 0,
};

struct cursor {
    const char *p, *end;
};

struct value {
    char text[VALUE_MAX];
    size_t len; /* may be more than what text holds; then it is no number of ours */
    bool is_given;
};

static bool at(const struct cursor *c, char want)
{
    return c->p < c->end && *c->p == want;
}

static void skip_blanks(struct cursor *c)
{
    while (at(c, ' ') || at(c, '\t')) {
        c->p++;
    }
}

static bool is_token_char(char ch)
{
    if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9')) {
        return true;
    }
    return ch != '\0' && strchr("!#$%&'*+-.^_`|~", ch) != NULL;
}

static bool read_token(struct cursor *c, struct bytes *out)
{
    const char *start = c->p;

    while (c->p < c->end && is_token_char(*c->p)) {
        c->p++;
    }
    *out = bytes_of(start, (size_t)(c->p - start));
    return out->len > 0;
}

static void value_add(struct value *v, char ch)
{
    if (v->len < VALUE_MAX) {
        v->text[v->len] = ch;
    }
    v->len++;
}

static bool read_quoted(struct cursor *c, struct value *out)
{
    c->p++;
    while (c->p < c->end && *c->p != '"') {
        if (*c->p == '\\' && c->end - c->p > 1) {
            c->p++;
        }
        value_add(out, *c->p++);
    }
    if (!at(c, '"')) {
        return false;
    }
    c->p++;
    return true;
}

static bool read_value(struct cursor *c, struct value *out)
{
    struct bytes token;

    *out = (struct value){0};
    skip_blanks(c);
    if (!at(c, '=')) {
        return true;
    }
    c->p++;
    skip_blanks(c);
    out->is_given = true;
    if (at(c, '"')) {
        return read_quoted(c, out);
    }
    if (!read_token(c, &token)) {
        return false;
    }
    for (size_t i = 0; i < token.len; i++) {
        value_add(out, token.ptr[i]);
    }
    return true;
}

/* A number of window bits without leading zero, or 0. */
static unsigned read_bits(const struct value *v, unsigned min)
{
    unsigned n = 0;

    if (v->len == 0 || v->len > 2 || v->text[0] == '0') {
        return 0;
    }
    for (size_t i = 0; i < v->len; i++) {
        if (v->text[i] < '0' || v->text[i] > '9') {
            return 0;
        }
        n = n * 10 + (unsigned)(v->text[i] - '0');
    }
    return n >= min && n <= BITS_MAX ? n : 0;
}

static enum parameter parameter_of(struct bytes name)
{
    if (bytes_eq_str(name, "server_no_context_takeover")) {
        return PARAM_SERVER_NO_CONTEXT;
    }
    if (bytes_eq_str(name, "client_no_context_takeover")) {
        return PARAM_CLIENT_NO_CONTEXT;
    }
    if (bytes_eq_str(name, "server_max_window_bits")) {
        return PARAM_SERVER_BITS;
    }
    if (bytes_eq_str(name, "client_max_window_bits")) {
        return PARAM_CLIENT_BITS;
    }
    return PARAM_UNKNOWN;
}

static bool parameter_is_good(enum parameter id, const struct value *v, uint8_t *server_bits)
{
    unsigned bits;

    switch (id) {
    case PARAM_SERVER_NO_CONTEXT:
    case PARAM_CLIENT_NO_CONTEXT:
        return !v->is_given;
    case PARAM_SERVER_BITS:
        bits = read_bits(v, SERVER_BITS_MIN);
        *server_bits = (uint8_t)bits;
        return bits != 0;
    case PARAM_CLIENT_BITS: /* the value is a hint that we need not follow: we inflate with 15 */
        return !v->is_given || read_bits(v, CLIENT_BITS_MIN) != 0;
    case PARAM_UNKNOWN:
        break;
    }
    return false;
}

/* One offer with its parameters. false: the grammar is broken. */
static bool read_offer(struct cursor *c, struct deflate_offer *out)
{
    struct bytes name;
    unsigned seen = 0;

    if (!read_token(c, &name)) {
        return false;
    }
    *out = (struct deflate_offer){.is_acceptable = bytes_eq_str(name, EXTENSION_NAME)};
    skip_blanks(c);
    while (at(c, ';')) {
        struct value value;
        enum parameter id;

        c->p++;
        skip_blanks(c);
        if (!read_token(c, &name) || !read_value(c, &value)) {
            return false;
        }
        skip_blanks(c);
        id = parameter_of(name);
        if ((seen & (unsigned)id) != 0 ||
            !parameter_is_good(id, &value, &out->server_window_bits)) {
            out->is_acceptable = false;
        }
        seen |= (unsigned)id;
    }
    return c->p == c->end || at(c, ',');
}

void deflate_choose_offer(struct bytes header, struct deflate_offer *out)
{
    struct cursor c = {header.ptr, header.len > 0 ? header.ptr + header.len : header.ptr};
    struct deflate_offer chosen = {0};

    *out = chosen;
    for (;;) {
        struct deflate_offer offer;

        skip_blanks(&c);
        while (at(&c, ',')) { /* empty list elements are legal */
            c.p++;
            skip_blanks(&c);
        }
        if (c.p == c.end) {
            break;
        }
        if (!read_offer(&c, &offer)) {
            return;
        }
        if (offer.is_acceptable && !chosen.is_acceptable) {
            chosen = offer;
        }
    }
    *out = chosen;
}
