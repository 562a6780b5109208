/* SPDX-License-Identifier: MIT */
/* Names of logins. They travel to the gateways and stand in access_change, where the key of a
 * session must not; therefore hashes. Called for openings. */
#include "broker/login_id.h"

#include "broker/openssl.h"

#define KIND_MAX_BYTES 16u

static uint64_t hash_of(struct bytes kind, struct bytes name)
{
    unsigned char hash[SHA256_DIGEST_LENGTH], text[KIND_MAX_BYTES + LOGIN_NAME_MAX_BYTES];
    uint64_t id = 0;

    if (name.len == 0 || name.len > LOGIN_NAME_MAX_BYTES) {
        return 0;
    }
    memcpy(text, kind.ptr, kind.len);
    memcpy(text + kind.len, name.ptr, name.len);
    SHA256(text, kind.len + name.len, hash);
    for (size_t i = 0; i < sizeof(id); i++) {
        id = id << 8 | hash[i];
    }
    return id != 0 ? id : 1;
}

uint64_t login_id_of_session(struct bytes key)
{
    return hash_of(BYTES_LIT("session:"), key);
}

uint64_t login_id_of_family(struct bytes sid)
{
    return hash_of(BYTES_LIT("token:"), sid);
}
