/* SPDX-License-Identifier: MIT */
/* The policy for upgrade requests: which Host, Origin and path become a socket. Looks at text
 * only; verifies no credentials. Called by the gateway's opening of sockets, and its Host rule by
 * http_front.
 *
 *     Host -> path -> Origin -> query          the first thing that is wrong is the answer */
#include "gateway/handshake.h"

#include "common/conf.h"
#include "proto/limits.h"

#define HOST_MAX_BYTES 255u
#define SESSION_COOKIE "sessionid"
#define BEARER "bearer"

static const struct ws_refusal BAD_HOST = {400, NULL, "INVALID_MESSAGE",
                                           "This host is not served here."};
static const struct ws_refusal BAD_ORIGIN = {403, NULL, "PERMISSION_DENIED",
                                             "This origin may not connect."};
static const struct ws_refusal NO_ORIGIN = {403, NULL, "PERMISSION_DENIED",
                                            "A cookie is accepted together with an origin only."};
static const struct ws_refusal NO_PATH = {404, NULL, "not_found", "There is nothing here."};
static const struct ws_refusal LONG_HEADER = {431, NULL, "INVALID_MESSAGE",
                                              "A header of the request is too long."};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

static bool eq_nocase(struct bytes a, struct bytes b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

/* --- Host -------------------------------------------------------------------------------- */

static bool all_digits(struct bytes s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit(s.ptr[i])) {
            return false;
        }
    }
    return s.len > 0;
}

/* Length of the domain at the start of a Host header: "[hex:.]" or letters, digits, '.', '-'. */
static size_t domain_len(struct bytes host)
{
    size_t n = 0;
    bool has_colon = false;

    if (host.ptr[0] != '[') {
        while (n < host.len &&
               (is_alnum(host.ptr[n]) || host.ptr[n] == '.' || host.ptr[n] == '-')) {
            n++;
        }
        return n;
    }
    for (n = 1; n < host.len && host.ptr[n] != ']'; n++) {
        char c = lower(host.ptr[n]);
        if (!is_digit(c) && !(c >= 'a' && c <= 'f') && c != '.' && c != ':') {
            return 0;
        }
        has_colon = has_colon || c == ':';
    }
    return n < host.len && has_colon ? n + 1 : 0;
}

/* The domain of a well-formed Host header, without port and one trailing dot; else none. */
static struct bytes host_domain(struct bytes host)
{
    struct bytes domain, rest;

    if (host.len == 0 || host.len > HOST_MAX_BYTES) {
        return BYTES_NONE;
    }
    domain = bytes_of(host.ptr, domain_len(host));
    rest = bytes_skip(host, domain.len);
    if (rest.len > 0 && (rest.ptr[0] != ':' || !all_digits(bytes_skip(rest, 1)))) {
        return BYTES_NONE;
    }
    if (domain.len > 0 && domain.ptr[domain.len - 1] == '.') {
        domain.len--;
    }
    return domain;
}

static bool host_matches(struct bytes domain, struct bytes pattern)
{
    if (bytes_eq_str(pattern, "*") || eq_nocase(domain, pattern)) {
        return true;
    }
    if (pattern.len < 2 || pattern.ptr[0] != '.') {
        return false;
    }
    if (domain.len >= pattern.len) {
        return eq_nocase(bytes_skip(domain, domain.len - pattern.len), pattern);
    }
    return eq_nocase(domain, bytes_skip(pattern, 1));
}

bool handshake_is_host_allowed(const char *allowed_hosts, struct bytes host)
{
    struct bytes domain = host_domain(host), pattern;
    size_t pos = 0;

    if (domain.len == 0) {
        return false;
    }
    while (conf_list_next(allowed_hosts, &pos, &pattern)) {
        if (host_matches(domain, pattern)) {
            return true;
        }
    }
    return false;
}

/* --- Origin and credentials --------------------------------------------------------------- */

static bool is_origin_allowed(const struct handshake_policy *policy, const struct ws_request *req)
{
    const struct bytes schemes[] = {BYTES_LIT("http://"), BYTES_LIT("https://")};

    for (size_t i = 0; i < 2; i++) {
        if (bytes_has_prefix(req->origin, schemes[i]) &&
            bytes_eq(bytes_skip(req->origin, schemes[i].len), req->host)) {
            return true;
        }
    }
    /* "null" is what sandboxed pages send: listing it would trust all of them. */
    return !bytes_eq_str(req->origin, "null") &&
           conf_list_has(policy->csrf_trusted_origins, req->origin);
}

/* The next piece up to `separator`; blanks around it removed. Returns false at the end. */
static bool next_piece(struct bytes *rest, char separator, struct bytes *out_piece)
{
    const char *end;
    struct bytes piece;

    if (rest->len == 0) {
        return false;
    }
    end = memchr(rest->ptr, separator, rest->len);
    piece = bytes_of(rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len);
    *rest = bytes_skip(*rest, piece.len + 1);
    while (piece.len > 0 && (piece.ptr[0] == ' ' || piece.ptr[0] == '\t')) {
        piece = bytes_skip(piece, 1);
    }
    while (piece.len > 0 && (piece.ptr[piece.len - 1] == ' ' || piece.ptr[piece.len - 1] == '\t')) {
        piece.len--;
    }
    *out_piece = piece;
    return true;
}

/* Is the piece "<name>=<value>"? */
static bool is_pair_of(struct bytes piece, struct bytes name, struct bytes *out_value)
{
    if (!bytes_has_prefix(piece, name) || piece.len == name.len || piece.ptr[name.len] != '=') {
        return false;
    }
    *out_value = bytes_skip(piece, name.len + 1);
    return true;
}

bool query_find(struct bytes query, const char *name, struct bytes *out_value)
{
    struct bytes piece;

    while (next_piece(&query, '&', &piece)) {
        if (is_pair_of(piece, bytes_str(name), out_value)) {
            return true;
        }
    }
    return false;
}

bool cookie_has(struct bytes cookie, const char *name)
{
    struct bytes piece, value;

    while (next_piece(&cookie, ';', &piece)) {
        if (is_pair_of(piece, bytes_str(name), &value)) {
            return true;
        }
    }
    return false;
}

bool handshake_has_token(const struct ws_request *req, bool has_query_token)
{
    struct bytes rest = req->authorization, scheme, protocols = req->subprotocols;

    if (has_query_token ||
        (next_piece(&rest, ' ', &scheme) && eq_nocase(scheme, BYTES_LIT(BEARER)))) {
        return true;
    }
    return next_piece(&protocols, ',', &scheme) && eq_nocase(scheme, BYTES_LIT(BEARER));
}

bool handshake_is_forged(const struct handshake_policy *policy, const struct ws_request *req)
{
    bool is_login =
        bytes_eq_str(req->path, "/api/login/") || bytes_eq_str(req->path, "/api/logout/");
    bool is_by_cookie = cookie_has(req->cookie, SESSION_COOKIE) && !handshake_has_token(req, false);

    if (bytes_eq_str(req->method, "GET") || bytes_eq_str(req->method, "HEAD")) {
        return false;
    }
    return (is_login || is_by_cookie) && req->origin.ptr && !is_origin_allowed(policy, req);
}

/* --- path and query ----------------------------------------------------------------------- */

static bool is_room(struct bytes room)
{
    for (size_t i = 0; i < room.len; i++) {
        if (!is_alnum(room.ptr[i]) && room.ptr[i] != '_' && room.ptr[i] != '-') {
            return false;
        }
    }
    return room.len > 0 && room.len <= ROOM_NAME_MAX;
}

/* "direct/<user id>": the room of two people. */
static bool is_direct(struct bytes room)
{
    const struct bytes prefix = BYTES_LIT(DIRECT_ROOM_PREFIX);

    return bytes_has_prefix(room, prefix) && room.len <= ROOM_NAME_MAX &&
           all_digits(bytes_skip(room, prefix.len));
}

static bool route(const struct handshake_policy *policy, struct bytes path, struct handshake *out)
{
    const struct bytes chat = BYTES_LIT("/ws/chat/");
    struct bytes room;

    if (path.len > 1 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    if (policy->is_echo_enabled && bytes_eq_str(path, "/ws/echo")) {
        out->endpoint = ENDPOINT_ECHO;
        return true;
    }
    if (bytes_eq_str(path, "/ws/notifications") || bytes_eq_str(path, "/ws/status")) {
        out->endpoint = bytes_eq_str(path, "/ws/status") ? ENDPOINT_STATUS : ENDPOINT_NOTIFICATIONS;
        return true;
    }
    room = bytes_skip(path, chat.len);
    if (!bytes_has_prefix(path, chat) || (!is_room(room) && !is_direct(room))) {
        return false;
    }
    out->endpoint = ENDPOINT_CHAT;
    out->room = room;
    return true;
}

bool handshake_is_socket(const struct handshake_policy *policy, struct bytes path)
{
    struct handshake ignored;

    return route(policy, path, &ignored);
}

/* A since= that is no number is one of the "others": ignored. */
static void read_since(struct bytes query, struct handshake *out)
{
    struct bytes value;
    uint64_t since = 0;

    if (!query_find(query, "since", &value) || !all_digits(value) || value.len > 16) {
        return;
    }
    for (size_t i = 0; i < value.len; i++) {
        since = since * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    if (since <= ID_MAX) {
        out->has_since = true;
        out->since = since;
    }
}

static bool has_long_header(const struct ws_request *req)
{
    return req->authorization.len > HEADER_VALUE_MAX_BYTES ||
           req->cookie.len > HEADER_VALUE_MAX_BYTES ||
           req->subprotocols.len > HEADER_VALUE_MAX_BYTES ||
           req->query.len > HEADER_VALUE_MAX_BYTES;
}

void handshake_check(const struct handshake_policy *policy, const struct ws_request *req,
                     struct handshake *out_handshake, struct ws_refusal *out_refusal)
{
    struct handshake h = {0};

    h.has_query_token = query_find(req->query, "token", &h.query_token);
    read_since(req->query, &h);
    if (!handshake_is_host_allowed(policy->allowed_hosts, req->host)) {
        *out_refusal = BAD_HOST;
    } else if (!route(policy, req->path, &h)) {
        *out_refusal = NO_PATH;
    } else if (has_long_header(req)) {
        *out_refusal = LONG_HEADER;
    } else if (req->origin.ptr && !is_origin_allowed(policy, req)) {
        *out_refusal = BAD_ORIGIN;
    } else if (!req->origin.ptr && cookie_has(req->cookie, SESSION_COOKIE) &&
               !handshake_has_token(req, h.has_query_token)) {
        *out_refusal = NO_ORIGIN;
    } else {
        *out_refusal = (struct ws_refusal){0};
        *out_handshake = h;
    }
}
