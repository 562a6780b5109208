/* SPDX-License-Identifier: MIT */
/* Networks and the walk through X-Forwarded-For. Called by the port for every request. */
#include "gateway/client_address.h"

#include <arpa/inet.h>

#include "common/ip_prefix.h"

#define HOPS_MAX 32u /* entries looked at, over all lines */
#define V4_PREFIX_BITS 96u

static const unsigned char V4_MAPPED[12] = {[10] = 0xff, [11] = 0xff};

static bool parse_ip(struct bytes text, unsigned char out[16], bool *out_is_v4)
{
    char copy[CLIENT_ADDRESS_MAX];

    if (text.len == 0 || text.len >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (strlen(copy) != text.len) {
        return false;
    }
    *out_is_v4 = inet_pton(AF_INET, copy, out + sizeof(V4_MAPPED)) == 1;
    if (*out_is_v4) {
        memcpy(out, V4_MAPPED, sizeof(V4_MAPPED));
        return true;
    }
    return inet_pton(AF_INET6, copy, out) == 1;
}

static void format_ip(const unsigned char ip[16], char out[CLIENT_ADDRESS_MAX])
{
    bool is_v4 = memcmp(ip, V4_MAPPED, sizeof(V4_MAPPED)) == 0;

    if (!inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? ip + sizeof(V4_MAPPED) : ip, out,
                   CLIENT_ADDRESS_MAX)) {
        out[0] = '\0';
    }
}

static bool is_trusted(const struct trusted_proxies *trusted, const unsigned char ip[16])
{
    for (size_t i = 0; i < trusted->count; i++) {
        if (ip_has_prefix(ip, trusted->networks[i].prefix, trusted->networks[i].bits)) {
            return true;
        }
    }
    return false;
}

static struct bytes trim(struct bytes text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text = bytes_skip(text, 1);
    }
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

/* ---- the setting ---- */

/* Decimal, at most `max`. */
static bool parse_bits(struct bytes text, unsigned max, unsigned *out)
{
    unsigned bits = 0;

    if (text.len == 0 || text.len > 3) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
        bits = bits * 10 + (unsigned)(text.ptr[i] - '0');
    }
    *out = bits;
    return bits <= max;
}

static int add_network(struct bytes text, struct trusted_proxies *out)
{
    const char *slash = memchr(text.ptr, '/', text.len);
    size_t ip_len = slash ? (size_t)(slash - text.ptr) : text.len;
    unsigned char ip[16];
    unsigned bits = 128;
    bool is_v4 = false;

    if (!parse_ip(bytes_of(text.ptr, ip_len), ip, &is_v4)) {
        return ERR_SYNTAX;
    }
    if (slash) {
        if (!parse_bits(bytes_skip(text, ip_len + 1), is_v4 ? 32 : 128, &bits)) {
            return ERR_SYNTAX;
        }
        bits += is_v4 ? V4_PREFIX_BITS : 0;
    }
    if (out->count == TRUSTED_PROXIES_MAX) {
        return ERR_LIMIT;
    }
    memcpy(out->networks[out->count].prefix, ip, sizeof(ip));
    out->networks[out->count].bits = (uint8_t)bits;
    out->count++;
    return 0;
}

int trusted_proxies_parse(const char *list, struct trusted_proxies *out)
{
    struct bytes rest = bytes_str(list);

    memset(out, 0, sizeof(*out));
    while (rest.len > 0) {
        const char *comma = memchr(rest.ptr, ',', rest.len);
        size_t len = comma ? (size_t)(comma - rest.ptr) : rest.len;
        struct bytes item = trim(bytes_of(rest.ptr, len));
        int err = item.len > 0 ? add_network(item, out) : 0;

        if (err != 0) {
            return err;
        }
        rest = bytes_skip(rest, comma ? len + 1 : len);
    }
    return 0;
}

/* ---- the header ---- */

/* Some proxies add the port: "192.0.2.1:4711", "[2001:db8::1]:4711". */
static struct bytes without_port(struct bytes entry)
{
    const char *end;

    if (entry.len > 0 && entry.ptr[0] == '[') {
        end = memchr(entry.ptr, ']', entry.len);
        return end ? bytes_of(entry.ptr + 1, (size_t)(end - entry.ptr) - 1) : BYTES_NONE;
    }
    end = memchr(entry.ptr, ':', entry.len);
    if (end && !memchr(end + 1, ':', entry.len - (size_t)(end - entry.ptr) - 1)) {
        return bytes_of(entry.ptr, (size_t)(end - entry.ptr));
    }
    return entry;
}

/* The last entry of a line; *line loses it. */
static struct bytes take_last(struct bytes *line)
{
    size_t at = line->len;
    struct bytes entry;

    while (at > 0 && line->ptr[at - 1] != ',') {
        at--;
    }
    entry = bytes_skip(*line, at);
    line->len = at > 0 ? at - 1 : 0;
    return without_port(trim(entry));
}

/* From the last proxy towards the client. */
struct walk {
    const struct http_head *head;
    size_t lines_left, hops_left;
    struct bytes line;
};

/* false: what sent it to `ip` is not known. */
static bool next_hop(struct walk *w, unsigned char ip[16])
{
    unsigned char found[16];
    bool is_v4;

    while (w->line.len == 0) {
        if (w->lines_left == 0) {
            return false;
        }
        w->line = http_head_value(w->head, "x-forwarded-for", --w->lines_left);
    }
    if (w->hops_left == 0 || !parse_ip(take_last(&w->line), found, &is_v4)) {
        return false;
    }
    w->hops_left--;
    memcpy(ip, found, sizeof(found));
    return true;
}

void client_address_find(const struct trusted_proxies *trusted, const struct http_head *head,
                         char address[CLIENT_ADDRESS_MAX])
{
    struct walk walk = {.head = head,
                        .lines_left = http_head_count(head, "x-forwarded-for"),
                        .hops_left = HOPS_MAX};
    unsigned char ip[16];
    bool is_v4;

    if (trusted->count == 0 || !parse_ip(bytes_str(address), ip, &is_v4)) {
        return;
    }
    while (is_trusted(trusted, ip) && next_hop(&walk, ip)) {
    }
    format_ip(ip, address);
}
