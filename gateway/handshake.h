/* SPDX-License-Identifier: MIT */
#pragma once
/* What an upgrade request must be to become a socket (PROTOCOL.md §2, step 1), as far as it is
 * policy: Host, Origin, path, and what path and query say. The form of the request (method,
 * version, key, header bytes) was checked by the socket port; who the user is, is the broker's. */
#include <stdbool.h>
#include <stdint.h>
#include "gateway/io/ws_port.h"
#include "proto/kinds.h"

struct handshake_policy {
    const char *allowed_hosts;        /* comma-separated, as Django's ALLOWED_HOSTS */
    const char *csrf_trusted_origins; /* comma-separated whole origins */
    bool is_echo_enabled;
};

struct handshake {
    enum endpoint endpoint;
    struct bytes room;        /* chat: name, id or "direct/<user id>"; view into the path */
    struct bytes query_token; /* value of token=, still percent-encoded */
    bool has_query_token;     /* token= was there, maybe empty */
    bool has_since;           /* since= was there with a number */
    uint64_t since;
};

/* Judge a request. Borrows; the views in *out_handshake are into the request. On success
 * out_refusal->status is 0; else it says why (texts are static). */
void handshake_check(const struct handshake_policy *policy, const struct ws_request *req,
                     struct handshake *out_handshake, struct ws_refusal *out_refusal);

/* Is this the path of a socket? */
bool handshake_is_socket(const struct handshake_policy *policy, struct bytes path);

/* Django's rule for one Host header: a well-formed name or IP literal, the port ignored, one
 * trailing dot ignored, letters in any case; then "*", an exact entry, or ".example.com" for the
 * domain and all below it. */
bool handshake_is_host_allowed(const char *allowed_hosts, struct bytes host);

/* May another site have made a browser send this API request (PROTOCOL.md §1)? It would change
 * something, it names an origin that is not trusted, and it counts by the browser's cookie alone:
 * by the session's, or, of a login or logout, by the one that comes back. */
bool handshake_is_forged(const struct handshake_policy *policy, const struct ws_request *req);

/* Value of the first `name=` in a raw query. Returns whether it was there. */
bool query_find(struct bytes query, const char *name, struct bytes *out_value);
/* Does a Cookie header carry a cookie of this name? */
bool cookie_has(struct bytes cookie, const char *name);
/* Was a token given in the request, in any of its three ways? */
bool handshake_has_token(const struct ws_request *req, bool has_query_token);
